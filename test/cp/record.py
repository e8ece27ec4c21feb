#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Records the load of a running dataplane as a trace for load.c: lines "ms
permille", what all its threads have been busy in each interval, times SCALE.

    record.py STAT_DIR PID SECONDS [SCALE] >trace/NAME.txt"""

import os
import re
import struct
import sys
import time

STEP = 0.02  # seconds
HERE = os.path.dirname(os.path.abspath(__file__))


def offset(name):
    with open(os.path.join(HERE, "../../include/ix/stat.h")) as f:
        names = re.findall(r"^\tX\((\w+),", f.read(), re.M)
    return 8 * (1 + names.index(name))


def main():
    stat_dir, pid, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    scale = float(sys.argv[4]) if len(sys.argv) > 4 else 1
    at = [offset(n) for n in ("busy_ns", "idle_ns", "asleep")]
    pages = [open(os.path.join(stat_dir, f), "rb", buffering=0)
             for f in os.listdir(stat_dir)
             if re.fullmatch(pid + r"\.\d+", f)]
    began = time.monotonic()
    last = then = None
    while (now := time.monotonic()) < began + seconds:
        sums = [sum(struct.unpack_from("Q", os.pread(p.fileno(), 4096, 0), o)[0]
                    for p in pages) for o in at]
        if last:
            took = (now - then) * 1e9
            # Awake: all that was not idle; see dom/host/load.c.
            busy = (sums[0] - last[0] if sums[2] == len(pages) else
                    took * len(pages) - (sums[1] - last[1]))
            busy = min(max(busy, 0), took * len(pages))
            print(f"{1000 * (now - began):.0f} {1000 * scale * busy / took:.0f}")
        last, then = sums, now
        time.sleep(STEP)


main()
