#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ixcpd with two real dataplanes, kv and echo, each on a TAP device, in a network
namespace of its own: they answer while the daemon is killed, replaced, and told
to restart one of them.

    real.py IXCPD IX ECHO KV"""

import os
import time

from cpd import Cpd, sh
from lab import (begin, check, connect, finish, receive, skip, user_option,
                 wait_for)

KV, ECHO = ("10.81.0.10", 11211), ("10.82.0.10", 7)


def says(to, words, answer):
    try:
        with connect(*to, patience=2) as s:
            s.sendall(words)
            return receive(s, len(answer)) == answer
    except OSError:
        return False


def kv_has():
    return says(KV, b"get a\r\n", b"VALUE a 0 1\r\nx\r\nEND\r\n")


def echoes():
    return says(ECHO, b"hello", b"hello")


def settings(args):
    user = user_option(args.kv)
    common = {"arena": "64M", "domain": "process", "mbufs": 4096,
              **({"user": user[1]} if user else {})}
    return {
        "kv": {"program": [args.kv, "-m", "64"], "ip": KV[0] + "/24",
               "nic": "tap:ix0,10.81.0.2/24", "port": "11211",
               "drain": "30s", **common},
        "echo": {"program": args.echo, "ip": ECHO[0] + "/24", "port": "7",
                 "nic": "tap:ix1,10.82.0.2/24", "owner": "nobody", **common}}


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as f:
        return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))


def drained(cpd, ix):
    """kv has time for its connections, and is started again when they end."""
    before = cpd.planes()["kv"]["pid"]
    held = connect(*KV)
    said = ix("restart", "--no-wait", "kv")
    check("a restart that waits for connections", said.returncode == 0 and
          wait_for(lambda: cpd.state("kv") == "drains"), said.stderr)
    held.sendall(b"set b 0 0 1\r\ny\r\n")
    check("... which go on", receive(held, 8) == b"STORED\r\n")
    time.sleep(0.5)
    check("... it is there still", cpd.state("kv") == "drains" and
          cpd.planes()["kv"]["pid"] == before)
    held.close()
    check("and goes on when they have ended", wait_for(
        lambda: cpd.state("kv") == "up" and
        cpd.planes()["kv"]["pid"] != before, 20), cpd.planes()["kv"])
    says(KV, b"set a 0 0 1\r\nx\r\n", b"STORED\r\n")


def test(args, cpd):
    def ix(*argv):
        return sh(args.ix, *argv[:1], "--dir", cpd.dir, *argv[1:], timeout=40)

    cpd.start()
    check("both are up", cpd.all_up("kv", "echo", seconds=20),
          cpd.process.said()[-300:])
    check("kv answers", says(KV, b"set a 0 0 1\r\nx\r\n", b"STORED\r\n"))
    check("echo answers", echoes())
    held = connect(*ECHO)
    before = {n: p["pid"] for n, p in cpd.planes().items()}
    cpd.kill()
    check("they answer without a daemon", kv_has() and echoes())
    cpd.start()
    check("the next one finds them", cpd.all_up("kv", "echo") and before ==
          {n: p["pid"] for n, p in cpd.planes().items()})
    held.sendall(b"still here")
    check("a connection has lived through it",
          receive(held, 10) == b"still here")
    said = ix("restart", "echo")
    check("ix restart waits until it is up", said.returncode == 0 and
          cpd.state("echo") == "up" and
          cpd.planes()["echo"]["pid"] != before["echo"], said.stderr)
    check("and it answers", wait_for(echoes) and kv_has())
    drained(cpd, ix)
    said = [sh(args.ix, "policy", "kv", name, "--dir", cpd.dir)
            for name in ("energy", "speed")]
    check("ix policy, its options behind", said[0].returncode == 0 and
          cpd.planes()["kv"]["policy"] == "energy", said[0].stderr)
    check("... of no such name", said[1].returncode == 1 and
          "latency, energy" in said[1].stderr, said[1].stderr)
    table = ix("daemon").stdout
    check("ix daemon shows both", table.count(" up ") == 2, table)
    said = ix("up", "nonesuch")
    check("an unknown one is told", said.returncode == 1 and
          "no dataplane is called nonesuch" in said.stderr, said.stderr)
    ticks = cpu_ticks(cpd.process.pid)
    time.sleep(2)
    ticks = cpu_ticks(cpd.process.pid) - ticks
    check("an idle daemon takes under 2 % of a core", ticks <= 4,
          f"{ticks / 2:.1f} %")
    said = ix("down", "kv", "echo")
    check("ix down waits until they are", said.returncode == 0 and
          {cpd.state("kv"), cpd.state("echo")} == {"down"}, said.stderr)
    said = sh(args.ix, "stat", "--dir", cpd.dir)
    check("nothing is left of them", "no dataplane" in said.stderr)
    check("what did not answer is told", "no daemon answers" in sh(
        args.ix, "daemon", "--dir", "/nonexistent").stderr)


def main():
    if len(os.sched_getaffinity(0)) < 2:
        skip("needs two cores")
    args = begin("ixcpd", "ix", "echo", "kv", limit=100)
    cpd = Cpd(args.lab, args.ixcpd, args.ix, settings(args),
              cores=",".join(map(str, sorted(os.sched_getaffinity(0))[:2])))
    test(args, cpd)
    cpd.end()
    finish()


main()
