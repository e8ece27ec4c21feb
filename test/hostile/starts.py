#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The first question after a start is answered at once: no wake-up is lost and
no packet forgotten, however loaded the machine is.

    starts.py IX ECHO [--starts N] [--seconds S] [--seed K]

    echo on IX 10.81.0.10 ====== TAP ====== 10.81.0.2 Linux: asks here

One start after the other, N of them or as many as there is time for, while
other processes keep all cores busy, now and then. From the moment on that Linux
has an interface: one ping, and ARP's question before it. When it is answered: a
connection, and a byte. Nothing is asked twice before Linux does, a second later:
who has missed it sleeps on.

Each answer may take GRACE, as long as the dataplane's threads and this process
have waited for a core meanwhile, and three times as long as a process beside
them that only sleeps is late."""

import argparse
import contextlib
import os
import random
import select
import socket
import time

from control import Control, delays
from server import DOMAIN, IX_ADDRESS, PORT, SLOW, enter
from lab import Ix, Lab, Ping, check, finish, user_option

# Without a wall, too: there it was seen.
DOMAINS = ("process", "inline") if DOMAIN == "process" else (DOMAIN,)
PATIENCE = 60 * SLOW
ARP_GIVES_UP = 4  # seconds: Linux asks three times, and forgets the packet
GRACE = 1.3 * SLOW  # Linux asks again each second
BUSY, IDLE = (0.001, 0.1), (0, 0.02)  # seconds at a time, from to


def load(seed):
    """Until we end."""
    if os.fork():
        return
    rng, parent = random.Random(seed), os.getppid()
    while os.getppid() == parent:
        until = time.monotonic() + rng.uniform(*BUSY)
        while time.monotonic() < until:
            pass
        time.sleep(rng.uniform(*IDLE))
    os._exit(0)


class Start:
    """@pause: seconds between its questions."""

    def __init__(self, args, domain, pause):
        self.args, self.domain, self.pause = args, domain, pause
        self.late = []  # how late each answer was, may be, and to what
        self.ping = Ping(IX_ADDRESS)
        self.server = Ix(args.lab, args.ix, "tap:ix0,10.81.0.2/24", IX_ADDRESS,
                         [args.echo], "--domain", domain, "--port",
                         str(PORT), *user_option(args.echo))

    def until(self, condition):
        end = time.monotonic() + PATIENCE
        while not condition() and time.monotonic() < end and \
                self.server.poll() is None:
            time.sleep(0.0005)
        return time.monotonic()

    def timed(self, what, condition):
        """How long it takes, and may."""
        began, before = time.monotonic(), delays([self.server.pid])
        now = self.until(condition)
        allowed = GRACE + delays([self.server.pid]) - before + \
            3 * max(c.worst(began, now) for c in self.args.controls)
        self.late.append((now - began, allowed, what))

    def first_ping(self):
        """Asked when there may be nobody yet; its answer is timed from when
        there is."""
        self.until(self.ping.ask)
        self.until(lambda: "ix: domain" in self.server.said())
        self.again = time.monotonic() + ARP_GIVES_UP
        self.timed("ping", self.answered)

    def answered(self):
        if time.monotonic() > self.again:
            self.again += ARP_GIVES_UP
            self.ping.ask()
        return self.ping.answers()

    def first_connection(self):
        """Who does not listen yet refuses, at once as well."""
        end, refused = time.monotonic() + PATIENCE, True
        while refused and time.monotonic() < end:
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex((IX_ADDRESS, PORT))
            self.timed("SYN", lambda: select.select([], [s], [], 0)[1])
            refused = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return s

    def first_byte(self, s):
        with contextlib.suppress(OSError):
            s.send(b"?")
            self.timed("byte", lambda: select.select([s], [], [], 0)[0])
            return s.recv(2) == b"?"
        return False

    def run(self):
        """Are all questions answered?"""
        self.first_ping()
        time.sleep(self.pause)
        with self.first_connection() as s:
            time.sleep(self.pause)
            answered = self.first_byte(s)
        return self.server.end() == 0 and answered


def main():
    p = argparse.ArgumentParser()
    p.add_argument("ix")
    p.add_argument("echo")
    p.add_argument("--starts", type=int, default=1 << 30)
    p.add_argument("--seconds", type=float, default=1 << 30)
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    enter()
    args.lab = Lab()
    rng = random.Random(args.seed)
    cores = sorted(os.sched_getaffinity(0))
    for _ in range(2 * len(cores)):
        load(rng.random())
    # The dataplane's core is the first.
    args.controls = [Control(cores[0])]
    end, n, failed, worst = time.monotonic() + args.seconds, 0, [], {}
    while n < args.starts and time.monotonic() < end:
        s = Start(args, rng.choice(DOMAINS),
                  rng.choice((0, rng.uniform(0, 0.03))))
        answered = s.run()
        n += 1
        for took, allowed, what in s.late:
            worst[what] = max(worst.get(what, (0, 0)), (took, allowed))
            if took > allowed:
                failed.append(f"start {n}, {s.domain}: no answer to the first "
                              f"{what} for {took * 1000:.0f} ms, allowed "
                              f"{allowed * 1000:.0f}")
        if not answered:
            failed.append(f"start {n}, {s.domain}: {s.server.said()}")
    for line in failed:
        print(line)
    check(f"{n} starts: whoever asks first is answered",
          n and not failed, "; ".join(
              f"{what} at most {took * 1000:.0f} ms (allowed "
              f"{allowed * 1000:.0f})" for what, (took, allowed) in
              worst.items()))
    finish()


main()
