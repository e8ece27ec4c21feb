#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Ports that are passed round between threads (pass.c), under load: every byte of
every answer is compared, and each thread drives each port.

    pass.py BUILD DOMAIN"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tool"))
from lab import Ix, Lab, check, finish, skip, user_option  # noqa: E402


def start(lab, end, ip, program, *options):
    return Ix(lab, lab.program("ix"), end, ip, program,
              *user_option(program[0]), "--idle", "block", *options)


def served(lab, domain, cores, threads, crossings):
    wire = lab.wire()
    server = start(lab, f"{wire},end=a", "10.9.0.1/24",
                   [f"{lab.build}/test/e2e/pass", str(threads), str(crossings)],
                   "--domain", domain, "--cores", cores)
    ports = len(cores.split(","))
    server.wait_ready(lambda: server.said().count("ok: released") == ports, 30)
    load = start(lab, f"{wire},end=b", "10.9.0.2/24",
                 [lab.program("ixload"), "-c", "24", "-s", "900", "-q", "-j", "-d", "3",
                  "10.9.0.1:7"], "--domain", "inline", "--cores", "0")
    good = load.wait(60) == 0
    said = load.said()
    check(f"cores {cores}, {threads} threads, {crossings} crossings each",
          good and '"wrong":0,' in said and '"peer_closed":0,' in said,
          "" if good else said[-400:])
    status = server.end(seconds=20)
    said = server.said()
    check("it ends well", status == 0 and "FAILED" not in said, said[-2000:])


def main():
    build, domain = sys.argv[1:]
    if (os.cpu_count() or 1) < 2:
        skip("needs two cores")
    lab = Lab(build, limit=110)
    served(lab, domain, "0", 3, 5)
    served(lab, domain, "0,1", 4, 1)
    lab.close()
    finish()


main()
