#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Flow groups move between the threads of an echo server while it is loaded as
far as the machine can: nothing is lost, nothing comes twice or out of order,
the NIC's table follows, and whoever moves them is told the truth.

    moves.py BUILD DOMAIN wire|tap

    wire   the load is a dataplane, too
    tap    it is Linux's, in a network namespace of our own"""

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tool"))
from lab import (Cannot, Failed, Ix, Lab, ask, check, connect,  # noqa: E402
                 counters, enter, finish, receive, sh, skip, user_option)

SECONDS = 5
WANTED, ROUNDS = 200, 6  # moves in all; of load, at most
PAUSE = 0.005
SERVER4, SERVER6 = "10.9.0.1", "fd09::1"
# Of load: a packet of each connection is under way; or as many of one as a TAP
# device's queue holds without losing any.
MANY = ["-c", "200"]
DEEP = ["-s", "3000", "-c", "8", "-P", "8"]
NEVER = ("drop_early", "move_lost", "drop_forward", "drop_no_buffer",
         "calls_failed")
# At each move; of packets a batch, in the hand of a sender that has lost the core
# on the way to the old queue, or of the old owner before its last look.
RARE = {"forwarded": 64, "tcp_out_of_order": 1}
# Nor these on a wire: a connection has one packet under way there, and no FIN is
# repeated.
SELDOM = {"wire": ("tcp_out_of_order", "tcp_rst_out", "drop_tcp_no_conn"),
          "tap": ()}


def groups(answer):
    return [t["groups"] for t in answer["threads"]]


def insist(control, **request):
    """A thread may be without a core for long."""
    until = time.monotonic() + 10
    while True:
        answer = control(**request)
        if "error" not in answer or time.monotonic() > until:
            return answer


def moves(control, until):
    """Back and forth; how many cores() were answered."""
    n = 0
    while time.monotonic() < until:
        for cores, share in ((1, [128, 0]), (2, [64, 64])):
            a = insist(control, do="cores", n=cores)
            if a.get("error") or groups(a) != share:
                raise Failed(f"cores {cores}: {a}")
            if [t["parked"] for t in a["threads"]] != [s == 0 for s in share]:
                raise Failed(f"parked: {a}")
            n += 1
            time.sleep(PAUSE)
    return n


def heard_of(control):
    """Whoever drives a move is woken when it has got on: to look by itself would
    take him LOOK_NS, twice."""
    took = []
    for _ in range(5):
        for a in (0, 1):
            before = time.monotonic()
            insist(control, do="move", **{"from": a, "to": 1 - a})
            took.append(time.monotonic() - before)
    check(f"the fastest move took {1000 * min(took):.1f} ms", min(took) < 0.02)
    insist(control, do="cores", n=2)


def requests(control):
    """One by one, and those that make no sense."""
    for bad in ({"from": 0, "to": 0}, {"from": 0, "to": 2}, {"from": 0},
                {"from": 0, "to": 1, "groups": "7-3"},
                {"from": 0, "to": 1, "groups": "128"},
                {"from": 0, "to": 1, "groups": "0-127"}):
        check(f"refused: {bad}", "error" in control(do="move", **bad))
    a = insist(control, do="move", **{"from": 0, "to": 1})
    check("all of a thread's", groups(a) == [0, 128])
    check("the last one is not parked",
          "error" in control(do="park", thread=1))
    a = insist(control, do="park", thread=0, parked=False)
    check("back again", groups(a) == [64, 64])


def undisturbed(threads, before, never):
    check("both threads count", len(threads) == 2)
    for t, old in zip(threads, before):
        for name in never:
            n = t[name] - old[name]
            check(f"thread {t['thread']}: {name}: {n}", n == 0)
        check("... connections came and went",
              t["moved_in"] > 0 and t["moved_out"] > 0)


def start(lab, nic, ip, program, *options):
    program = [lab.program(program[0]), *program[1:]]
    return Ix(lab, lab.program("ix"), nic, ip, program,
              *user_option(program[0]), "--idle", "block", *options)


class Bed:
    """The server, and what is between it and the load."""

    def __init__(self, lab, domain, nic):
        self.lab, self.nic = lab, nic
        self.wire = lab.wire()
        self.server = start(
            lab, f"{self.wire},end=a" if nic == "wire" else "tap:ix0,10.9.0.2/24",
            f"{SERVER4}/24,{SERVER6}/64", ["echo", "--port", "7"],
            "--domain", domain, "--cores", "0,1")
        self.sock = f"{self.server.stat_dir}/{self.server.pid}.sock"
        self.server.wait_ready(lambda: os.path.exists(self.sock), 10)
        if nic == "tap":
            if "no RSS control" in self.server.serves().said():
                skip("may not load programs")
            sh("ip", "-6", "addr", "add", "fd09::2/64", "dev", "ix0", "nodad")
            connect(SERVER4, 7, patience=10).close()
        self.before = self.threads()

    def control(self, **request):
        return ask(self.sock, timeout=20, **request)

    def threads(self):
        return counters(self.server.ix, self.server.stat_dir)

    def total(self, name):
        return sum(t[name] for t in self.threads())

    def load(self, seconds, address, shape=MANY):
        command = ["ixload", *shape, "-j", "-q", "-w", "0.5", "-d",
                   str(seconds), address + ":7"]
        if self.nic == "wire":
            return start(self.lab, f"{self.wire},end=b",
                         "10.9.0.2/24,fd09::2/64", command,
                         "--domain", "inline", "--cores", "0")
        return self.lab.start([self.lab.program("ixload"), *command[1:]])


def load_ends(load):
    good = load.wait(60) == 0
    said = load.said()
    check("ixload has no complaint", good, "" if good else said[-400:])
    check("no connection was lost", '"peer_closed":0,' in said and
          '"wrong":0,' in said)


def under_load(bed, shape):
    load = bed.load(SECONDS, SERVER4, shape)
    time.sleep(1.5)
    before = [bed.total(name) for name in RARE]
    n = moves(bed.control, time.monotonic() + SECONDS - 2)
    load_ends(load)
    # What is in the old queue then finds its connection there still.
    for (name, most), old in zip(RARE.items(), before):
        came = bed.total(name) - old
        check(f"{name}: {came}", came <= n * most)
    return n


def hundreds(bed, shape):
    """Of moves; where the machine has other work, in more rounds."""
    n = rounds = 0
    while n < WANTED and rounds < ROUNDS:
        n += under_load(bed, shape)
        rounds += 1
    check(f"{n} moves, {rounds} rounds", n >= WANTED)


def followed(bed, address):
    """The NIC brings packets to whom they are for, wherever that is now."""
    for request in ({"do": "cores", "n": 1}, {"do": "move", "from": 0, "to": 1},
                    {"do": "cores", "n": 2}):
        answer = insist(bed.control, **request)
        check(f"{request}", "error" not in answer, answer.get("error", ""))
        before = bed.total("forwarded")
        for _ in range(100):
            with connect(address, 7, timeout=20) as s:
                s.sendall(b"hello")
                receive(s, 5)
        forwarded = bed.total("forwarded") - before
        # What goes to all threads is: questions for neighbours.
        check(f"{address}: forwarded {forwarded}", forwarded <= 10)


def run(lab, domain, nic):
    bed = Bed(lab, domain, nic)
    hundreds(bed, MANY)
    if nic == "tap":
        hundreds(bed, DEEP)
        followed(bed, SERVER4)
        followed(bed, SERVER6)
    requests(bed.control)
    heard_of(bed.control)
    undisturbed(bed.threads(), bed.before, NEVER + SELDOM[nic])
    check("it goes on", bed.server.poll() is None)
    check("it ends when told to", bed.server.end(seconds=20) in (0, -15, 143))


def main():
    build, domain, nic = sys.argv[1:]
    if (os.cpu_count() or 1) < 2:
        skip("needs two cores")
    if nic == "tap":
        try:
            enter("-n")
        except Cannot as why:
            skip(why)
    lab = Lab(build, limit=110)
    run(lab, domain, nic)
    lab.close()
    finish()


main()
