#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Connects, has 64 bytes echoed, goes; and again, for so many seconds.

    newcomers.py OWN-ADDRESS HOST PORT SECONDS

How many a second got their echo, and how many did not within five seconds."""

import json
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "tool"))
from lab import receive, reset_on_close  # noqa: E402

PATIENCE = 5  # seconds


def come(own, host, port):
    with socket.create_connection((host, port), PATIENCE, (own, 0)) as s:
        s.sendall(bytes(64))
        receive(s, 64)
        reset_on_close(s)


def main(own, host, port, seconds):
    began = time.monotonic()
    done = failed = 0
    while time.monotonic() - began < float(seconds):
        try:
            come(own, host, int(port))
            done += 1
        except OSError:
            failed += 1
    took = time.monotonic() - began
    json.dump({"conns_per_sec": done / took, "failed": failed}, sys.stdout)
    print()


main(*sys.argv[1:])
