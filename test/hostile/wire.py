#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Domain process on a wire whose other end is hostile: it writes nonsense
into all that both share, and then cuts the file.

    wire.py IX ECHO"""

import json
import mmap
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

failed = False


def check(what, ok, detail=""):
    global failed
    failed |= not ok
    print(f"{'ok' if ok else 'FAILED'}: {what} {detail}", flush=True)


def wait_for(condition, seconds=20):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return False


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
    with tempfile.TemporaryDirectory() as tmp:
        wire, log = os.path.join(tmp, "wire"), open(tmp + "/log", "w+")
        d = subprocess.Popen(
            [ix, "run", "--domain", "process", "--nic",
             "wire:" + wire, "--ip", "10.0.0.1/24", "--stat_dir", tmp + "/s",
             "--", echo], stdout=log, stderr=log)

        def sleeps():
            out = subprocess.run([ix, "stat", "--dir", tmp + "/s", "--json"],
                                 capture_output=True, text=True).stdout
            threads = json.loads(out or "[]")
            return threads[0]["sleeps"] if threads else 0

        check("it runs", wait_for(lambda: sleeps() > 2))
        scribble(wire, 2)
        check("nonsense in all that is shared", d.poll() is None,
              f"status {d.poll()}")
        os.truncate(wire, 0)
        before = sleeps()
        check("the file is cut: it goes on",
              wait_for(lambda: sleeps() > before + 2) and d.poll() is None,
              f"status {d.poll()}")
        d.send_signal(signal.SIGTERM)
        try:
            status = d.wait(10)
        except subprocess.TimeoutExpired:
            d.kill()
            status = "does not end"
        check("and ends in order", status == 0, f"status {status}")
        if failed:
            log.seek(0)
            print(log.read())
    sys.exit(failed)


main()
