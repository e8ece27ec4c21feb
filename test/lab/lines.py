#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""No cache line is written by two elastic threads: lines.py PROGRAM

Valgrind's lackey prints every load and store of PROGRAM (threads.c), which
tells whose they are by a store of its own. Each line that a server's thread
has written while it opened, served and closed connections is noted, whole
dataplane and NIC's rings; but the stack: each has its own, here there is one.
That lines shared by mistake would be found, is seen by making the mistake."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__)))), "tool"))
from lab import check, finish  # noqa: E402

LINE, ROUNDS, CONNS, ECHOES = 64, 2, 64, 4
STORES = " S ", " M "  # a modification loads and stores


def stores(trace):
    """Address and length, in order."""
    for line in trace:
        if line.startswith(STORES):
            address, _, length = line[3:].partition(",")
            yield int(address, 16), int(length)


def traced(program, log, *args):
    """What it said of itself, and what it has stored."""
    r = subprocess.run(["valgrind", "--tool=lackey", "--trace-mem=yes",
                        f"--log-file={log}", program, str(ROUNDS), *args],
                       capture_output=True, text=True, timeout=500)
    check("it has run", r.returncode == 0, r.stderr[-200:])
    return json.loads(r.stdout)


def written(facts, trace):
    """By each of a server's threads: line -> stores to it."""
    turn, nthreads = facts["turn"], facts["threads"]
    low, high = facts["stack"]
    by, now = [{} for _ in range(1 + nthreads)], None
    for address, length in stores(trace):
        if turn <= address <= turn + nthreads:
            now = address - turn
        elif now and not low <= address < high:  # not the stack
            for line in range(address // LINE, (address + length - 1) // LINE
                              + 1):
                by[now][line] = by[now].get(line, 0) + 1
    return by[1:]


def of_two(by):
    first, second = by
    return sorted(first.keys() & second.keys())


def observe(program, *args):
    with tempfile.NamedTemporaryFile("r") as log:
        facts = traced(program, log.name, *args)
        by = written(facts, log)
    print(f"stores: {[sum(b.values()) for b in by]}, lines: "
          f"{[len(b) for b in by]}; {facts}")
    return facts, by


def main():
    facts, by = observe(sys.argv[1])
    conns = ROUNDS * CONNS
    check("all is echoed", facts["echoed"] == conns * ECHOES and
          facts["ended"] == conns and not facts["wrong"])
    for thread, stat in enumerate(facts["stat"]):
        check(f"thread {thread} has served its share, none of others'",
              stat["rx_packets"] > conns * ECHOES / 4 and
              not stat["forwarded"] and len(by[thread]) > 100)
    both = of_two(by)
    check("no line is written by both", not both,
          [hex(x * LINE) for x in both[:20]])
    facts, by = observe(sys.argv[1], "share")
    check("but one that they share by mistake",
          of_two(by) == [facts["common"] // LINE],
          [hex(x * LINE) for x in of_two(by)[:20]])
    finish()


main()
