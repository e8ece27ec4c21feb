#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that are told to end while they begin (early.c, and an example by
early_init.c): with a thread or two that have not attached, or do not listen yet.

    early.py BUILD"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tool"))
from lab import Ix, Lab, check, finish, user_option  # noqa: E402


def ends(lab, domain, cores, name, *argv):
    program = [f"{lab.build}/test/e2e/{name}", *argv]
    server = Ix(lab, lab.program("ix"), lab.wire(), "10.9.0.1/24", program,
                *user_option(program[0]), "--idle", "block", "--port", "7",
                "--domain", domain, "--cores", cores)
    status = server.wait(20)
    check(f"{domain}, {name} {' '.join(argv)}: ends well", status == 0,
          (status, server.said()))


def main():
    lab = Lab(sys.argv[1], limit=110)
    for domain in "inline", "process":
        ends(lab, domain, "0", "early", "before")
        ends(lab, domain, "0", "early_echo_ix")
        if len(os.sched_getaffinity(0)) > 1:
            ends(lab, domain, "0,1", "early", "attached")
    lab.close()
    finish()


main()
