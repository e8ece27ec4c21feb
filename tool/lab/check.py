# SPDX-License-Identifier: MIT
"""What a test says: a line for each thing checked; status 0, 1 or 77."""

import sys
import time

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
