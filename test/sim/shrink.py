#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sim, broken on purpose (-b), fails: what it prints at last must fail in the
same way, by hardly more than the fault that it takes, and not without that."""

import re
import subprocess
import sys

SIM = sys.argv[1]
NEEDED = {"pause"}  # main.c's -b
MOST = 3  # faults; to leave one out may move what happens
WHY = "wrong bytes"


def sim(*argv):
    r = subprocess.run([SIM, *argv], stdout=subprocess.PIPE, text=True,
                       stderr=subprocess.PIPE, timeout=250, check=False)
    return r.returncode, r.stdout, r.stderr


def faults():
    """Names of all."""
    usage = sim()[2]
    return set(re.search(r"without these faults: (.*)", usage)[1].split())


def option(argv, letter):
    return argv[argv.index(letter) + 1] if letter in argv else ""


def expect(ok, what):
    if not ok:
        sys.exit(f"shrink: not so: {what}")


status, _, said = sim("-b", "-n", "20", "1")
commands = re.findall(r"^replay: sim (.*)$", said, re.M)
expect(status and len(commands) == 2, f"a seed fails and is shrunk:\n{said}")
first, last = (c.split() for c in commands)
expect(first == ["-b", last[-1]], "the whole seed is told first")
left = faults() - set(option(last, "-x").split(","))
expect(NEEDED <= left and len(left) <= MOST,
       f"{NEEDED} and hardly more are left of {' '.join(last)}")
expect(option(last, "-H") == "2" and int(option(last, "-L")) <= 4,
       "there are fewer hosts and connections")
expect(option(last, "-t") == "0", "nothing befalls hosts")
status, _, said = sim(*last)
expect(status and WHY in said, f"{' '.join(last)} fails in the same way")
last[last.index("-x") + 1] += "," + ",".join(NEEDED)
expect(sim(*last)[0] == 0, f"{' '.join(last)} does not fail")
print(" ".join(commands[1].split()))
