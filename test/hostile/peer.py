#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The peers of a hostile application: bystanders whose echo must never be
wrong, reset or late beyond LIMIT, and connections for it to play with.

    peer.py ADDRESS SECONDS STOPFILE

Ends when STOPFILE exists, or after SECONDS."""

import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "tool"))
from lab import connect, receive  # noqa: E402

ADDRESS, SECONDS, STOP = sys.argv[1], float(sys.argv[2]), sys.argv[3]
BYSTANDERS = 8
HOARDED = 32
LIMIT = 10 * float(os.environ.get("IX_SLOW", "1"))  # seconds for an answer: the application itself is busy lying
failures = []
counts = [0] * BYSTANDERS
worst = [0.0] * BYSTANDERS


def open_until(port, end):
    return connect(ADDRESS, port, 1, patience=end - time.monotonic())


def bystander(i, end):
    rng = random.Random(i)
    try:
        s = open_until(7, end)
        s.settimeout(LIMIT)
        while time.monotonic() < end and not os.path.exists(STOP):
            sent = rng.randbytes(rng.choice((1, 64, 700, 4000)))
            began = time.monotonic()
            s.sendall(sent)
            if receive(s, len(sent)) != sent:
                raise ValueError("wrong bytes")
            worst[i] = max(worst[i], time.monotonic() - began)
            counts[i] += 1
            time.sleep(0.002)
    except (OSError, ValueError) as e:
        failures.append(f"bystander {i} after {counts[i]} messages: {e}")


def toy(end):
    """Takes and forgets what the application sends; the first is soon reset."""
    while time.monotonic() < end:
        try:
            s = open_until(8, end)
            s.settimeout(None)
            s.sendall(b"play with me")
            while s.recv(65536):
                pass
        except OSError:
            pass
        time.sleep(0.01)


def hoarded(end):
    """Sends as much as is taken."""
    while time.monotonic() < end:
        try:
            s = open_until(9, end)
            s.settimeout(3)
            while True:
                s.sendall(b"keep this" * 100000)
        except OSError:
            pass


def main():
    end = time.monotonic() + SECONDS
    threads = [threading.Thread(target=bystander, args=(i, end))
               for i in range(BYSTANDERS)]
    for t in threads:
        t.start()
    for target in [toy] * 2 + [hoarded] * HOARDED:
        threading.Thread(target=target, args=(end,), daemon=True).start()
    for t in threads:
        t.join()
    for f in failures:
        print("FAILED:", f)
    print(f"bystanders: {sum(counts)} messages, "
          f"longest {max(worst) * 1000:.0f} ms")
    os._exit(1 if failures or min(counts) == 0 else 0)


main()
