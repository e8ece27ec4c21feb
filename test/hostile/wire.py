#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Domain process on a wire whose other end is hostile: it writes nonsense
into all that both share, and then cuts the file.

    wire.py IX ECHO"""

import mmap
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "tool"))
from lab import Ix, Lab, check, finish, wait_for  # noqa: E402
from server import DOMAIN  # noqa: E402


def scribble(path, seconds):
    rng = random.Random(1)
    with open(path, "r+b") as f, mmap.mmap(f.fileno(), 0) as m:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for _ in range(1000):
                room = rng.choice((8192, 1 << 18, len(m)))
                at = rng.randrange(room // 4) * 4
                m[at:at + 4] = rng.choice((b"\1\0\0\0", b"\x40\0\0\0",
                                           rng.randbytes(4)))


def main():
    ix, echo = sys.argv[1:]
    lab = Lab()
    nic = lab.wire()
    wire = nic.removeprefix("wire:")
    server = Ix(lab, ix, nic, "10.0.0.1", [echo], "--domain", DOMAIN)

    def sleeps():
        return server.stat().get("sleeps", 0)

    check("it runs", wait_for(lambda: sleeps() > 2, 20))
    scribble(wire, 2)
    check("nonsense in all that is shared", server.poll() is None,
          f"status {server.poll()}")
    os.truncate(wire, 0)
    before = sleeps()
    check("the file is cut: it goes on",
          wait_for(lambda: sleeps() > before + 2, 20) and
          server.poll() is None, f"status {server.poll()}")
    status = server.end()
    check("and ends in order", status == 0,
          f"status {status}: {server.said()}" if status else "")
    finish()


main()
