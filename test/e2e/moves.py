#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Flow groups move between the threads of an echo server while it is loaded as
far as the machine can, over a wire: nothing is lost, nothing comes twice or out
of order, and whoever moves them is told the truth.

    moves.py BUILD DOMAIN"""

import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tool"))
from lab import (Failed, Ix, Lab, ask, check, counters, finish,  # noqa: E402
                 skip, user_option)

SECONDS = 6
NEVER = ("tcp_out_of_order", "drop_early", "move_lost", "drop_forward",
         "drop_no_buffer", "tcp_rst_out", "drop_tcp_no_conn", "calls_failed")


def groups(answer):
    return [t["groups"] for t in answer["threads"]]


def moves(control, until):
    """Back and forth; how many cores() were answered."""
    n = 0
    while time.monotonic() < until:
        for cores, share in ((1, [128, 0]), (2, [64, 64])):
            a = control(do="cores", n=cores)
            if a.get("error") or groups(a) != share:
                raise Failed(f"cores {cores}: {a}")
            if [t["parked"] for t in a["threads"]] != [s == 0 for s in share]:
                raise Failed(f"parked: {a}")
            n += 1
            time.sleep(0.03)
    return n


def requests(control):
    """One by one, and those that make no sense."""
    for bad in ({"from": 0, "to": 0}, {"from": 0, "to": 2}, {"from": 0},
                {"from": 0, "to": 1, "groups": "7-3"},
                {"from": 0, "to": 1, "groups": "128"},
                {"from": 0, "to": 1, "groups": "0-127"}):
        check(f"refused: {bad}", "error" in control(do="move", **bad))
    a = control(do="move", **{"from": 0, "to": 1})
    check("all of a thread's", groups(a) == [0, 128])
    check("the last one is not parked",
          "error" in control(do="park", thread=1))
    a = control(do="park", thread=0, parked=False)
    check("back again", groups(a) == [64, 64])


def undisturbed(threads):
    check("both threads count", len(threads) == 2)
    for t in threads:
        for name in NEVER:
            check(f"thread {t['thread']}: {name} is 0", t[name] == 0)
        check("... connections came and went",
              t["moved_in"] > 0 and t["moved_out"] > 0)


def start(lab, nic, ip, program, *options, **popen):
    program = [lab.program(program[0]), *program[1:]]
    return Ix(lab, lab.program("ix"), nic, ip, program,
              *user_option(program[0]), "--idle", "block", *options, **popen)


def run(lab, domain):
    wire = lab.wire()
    server = start(lab, f"{wire},end=a", "10.9.0.1", ["echo", "--port", "7"],
                   "--domain", domain, "--cores", "0,1")
    sock = f"{server.stat_dir}/{server.pid}.sock"
    server.wait_ready(lambda: os.path.exists(sock), 10)

    def control(**request):
        return ask(sock, timeout=20, **request)

    load = start(lab, f"{wire},end=b", "10.9.0.2",
                 ["ixload", "-c", "200", "-j", "-q", "-d", str(SECONDS),
                  "10.9.0.1:7"],
                 "--domain", "inline", "--cores", "0",
                 stderr=subprocess.DEVNULL)
    time.sleep(2)
    n = moves(control, time.monotonic() + SECONDS - 2)
    check("ixload has no complaint", load.wait(60) == 0,
          load.said().strip()[:200])
    check("there were some", n >= 4, f"({n} moves)")
    requests(control)
    undisturbed(counters(server.ix, server.stat_dir))
    check("it goes on", server.poll() is None)
    check("it ends when told to", server.end(seconds=20) in (0, -15, 143))


def main():
    build, domain = sys.argv[1:]
    if (os.cpu_count() or 1) < 2:
        skip("needs two cores")
    lab = Lab(build, limit=110)
    run(lab, domain)
    lab.close()
    finish()


main()
