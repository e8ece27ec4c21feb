#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How often a dataplane with 64 connections and room for many more is asked for a
list of them. What a look costs besides is a figure: ./run bench --only watched.

    look.py IX ECHO

    echo on IX 10.81.0.10 ====== TAP ix0 ====== 10.81.0.2   Linux, peers here"""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tool"))
import lab  # noqa: E402
from lab import check, connect, cost, finish, sh  # noqa: E402

ADDRESS, PORT = "10.81.0.10", 7
CONNS = 64
# The table has 131,072 places: some 12,000 are looked at at a time. Each time
# the control thread waits for when it may ask, and for the answer.
MOST_SLEEPS = 100


def questions(args, server):
    """... of a list of all connections, each once."""
    before = cost.sleeps(server.pid, "ix-control")
    flows = json.loads(sh(args.ix, "flows", "--json", "--dir",
                          server.stat_dir))
    n = cost.sleeps(server.pid, "ix-control") - before
    check("all connections are told", len(flows) == CONNS, len(flows))
    check(f"at most {MOST_SLEEPS} waits of the control thread",
          1 < n <= MOST_SLEEPS, n)


def main():
    args = lab.begin("ix", "echo", limit=110)
    server = lab.Ix(args.lab, args.ix, "tap:ix0,10.81.0.2/24", ADDRESS,
                    [args.echo], *lab.user_option(args.echo), "--domain",
                    "process", "--port", str(PORT), "--name", "t_look",
                    "--cores", "0")
    server.serves(60)
    peers = [connect(ADDRESS, PORT, 5, patience=30) for _ in range(CONNS)]
    for s in peers:
        s.sendall(b"x")
        s.recv(1)
    questions(args, server)
    args.lab.close()
    finish()


main()
