#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that are told to end while they begin (early.c): with a thread or two
that have not attached, or do not listen yet.

    early.py BUILD"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tool"))
from lab import Ix, Lab, check, finish, user_option  # noqa: E402


def ends(lab, domain, when, cores):
    program = [f"{lab.build}/test/e2e/early", when]
    server = Ix(lab, lab.program("ix"), lab.wire(), "10.9.0.1/24", program,
                *user_option(program[0]), "--idle", "block", "--port", "7",
                "--domain", domain, "--cores", cores)
    status = server.wait(20)
    check(f"{domain}, {when}: ends well", status == 0, (status, server.said()))


def main():
    lab = Lab(sys.argv[1], limit=110)
    for domain in "inline", "process":
        ends(lab, domain, "before", "0")
        if len(os.sched_getaffinity(0)) > 1:
            ends(lab, domain, "attached", "0,1")
    lab.close()
    finish()


main()
