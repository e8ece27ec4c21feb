# SPDX-License-Identifier: MIT
"""What a test says: a line for each thing checked; status 0, 1 or 77."""

import argparse
import sys
import time

from lab.net import enter
from lab.process import Cannot, Lab

failed = False
born = time.monotonic()


def check(what, ok, detail=""):
    global failed
    failed |= not ok
    print(f"{'ok' if ok else 'FAILED'} {time.monotonic() - born:5.1f} s: "
          f"{what} {detail}", flush=True)


def finish():
    sys.exit(1 if failed else 0)


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def begin(*names, limit):
    """The test's arguments, and .lab, in namespaces of its own; or skips."""
    p = argparse.ArgumentParser()
    for name in names:
        p.add_argument(name)
    args = p.parse_args()
    try:
        enter()
    except Cannot as e:
        skip(e)
    args.lab = Lab(limit=limit)
    return args
