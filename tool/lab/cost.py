# SPDX-License-Identifier: MIT
"""What something costs, counted: however busy the machine is."""

import os
import re
import subprocess

from lab.process import Failed


def faults(*argv):
    """Pages that Linux maps into a program until it ends: half of what it takes
    to start one, which grows with each library."""
    p = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        raise Failed(f"{' '.join(argv)}: status {p.returncode}")
    return used.ru_minflt


def sleeps(pid, name):
    """How often threads of this name have waited for something."""
    n = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as f:
            text = f.read()
        if re.search(rf"^Name:\t{name}$", text, re.M):
            n += int(re.search(r"^voluntary_ctxt_switches:\t(\d+)", text,
                               re.M).group(1))
    return n
