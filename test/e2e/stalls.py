#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How long this machine kept a process from running: the longest time, in ms,
that a nap of 10 ms took on any of its cores. Until SIGTERM; then prints it.
"""
import os
import signal
import threading
import time

NAP = 0.01
longest = 0.0


def watch(cpu):
    global longest
    os.sched_setaffinity(0, {cpu})  # this thread alone
    then = time.monotonic()
    while True:
        time.sleep(NAP)
        now = time.monotonic()
        longest = max(longest, now - then - NAP)
        then = now


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
for cpu in os.sched_getaffinity(0):
    threading.Thread(target=watch, args=(cpu,), daemon=True).start()
signal.sigwait({signal.SIGTERM})
print(int(longest * 1000))
