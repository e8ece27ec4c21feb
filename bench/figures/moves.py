# SPDX-License-Identifier: MIT
"""Flow groups that move between the two threads of a server, under load:

      cores s and c        core c
     +----------+         +----------------+
     | echo, 2  |  wire   | ixload, 20,000 |
     | threads  o=========o connections    |
     +----------+         +----------------+

Half of the flow groups go to and fro. Whether anything is lost or comes out of
order is asked of both sides."""

import json
import os
import re
import statistics
import subprocess
import time

from figures.bench import LIMIT
from figures.counts import PLAIN
from figures.servers import IP, PORT, Server
from figures.turns import ratio, row, summary
from lab import Failed, ask, counters, last_line

CONNS = 20000  # of which 64 of 128 groups have half
RATE = 20000  # messages a second, open loop: who waits is seen
SIZES = ["--tcp.max_conns", str(CONNS + 1024), "--tcp.per_source",
         str(CONNS + 1024), "--mbufs", "32768"]
PAUSE = 0.05
# Nothing of these may be counted, by the server and by its peer.
LOST = ("drop_early", "move_lost", "drop_forward", "drop_no_buffer",
        "tcp_out_of_order", "tcp_retransmits")
LOST_PEER = ("tcp_out_of_order", "tcp_retransmits", "tcp_rst_in")
GROUPS = ",".join(str(g) for g in range(0, 128, 2))  # thread 0's, at first
COUNTED = 4000, (2, 12)  # connections; moves, whose difference is what counts


class Side:
    """The counters of a dataplane, of all its threads."""

    def __init__(self, bench):
        self.ix, self.dir = bench.program("ix"), bench.directory()
        self.option = ["--stat_dir", self.dir]

    def total(self, *names):
        return sum(t[n] for t in counters(self.ix, self.dir) for n in names)


class Run:
    def __init__(self, bench, seconds):
        self.bench, self.nic = bench, bench.wire()
        self.server, self.peer = Side(bench), Side(bench)
        self.seconds = seconds
        self.moves = []  # ns in all, and of that the gap

    def start(self):
        cores = ",".join(str(self.bench.cores[k]) for k in "sc")
        return Server(self.bench, "ix", nic=self.nic, extra=[
            *SIZES, *self.server.option, "--cores", cores])

    def load(self):
        argv = self.bench.ixload(
            "ix", "--conns", str(CONNS), "--rate", str(RATE), "--quiet",
            "--connect-timeout", "30", "--duration", str(self.seconds),
            nic=self.nic, extra=[*SIZES, *self.peer.option])
        return self.bench.start(self.bench.side("c", False) + argv)

    def until_open(self, load):
        until = time.monotonic() + LIMIT
        while self.server.total("tcp_conns") < CONNS:
            if load.poll() is not None or time.monotonic() > until:
                raise Failed(f"no {CONNS} connections: "
                             f"{last_line(load.said())}")
            time.sleep(0.1)
        time.sleep(0.6)  # it warms up

    def move(self, sock, source):
        names = "move_ns", "move_gap_ns"
        before = [self.server.total(n) for n in names]
        answer = ask(sock, timeout=20, do="move", groups=GROUPS,
                     **{"from": source, "to": 1 - source})
        if "error" in answer:
            raise Failed(f"a move: {answer['error']}")
        self.moves.append([self.server.total(n) - b
                           for n, b in zip(names, before)])

    def to_and_fro(self, server):
        sock = os.path.join(self.server.dir, f"{server.process.pid}.sock")
        until = time.monotonic() + self.seconds - 0.2
        while time.monotonic() < until:
            for source in 0, 1:
                self.move(sock, source)
                time.sleep(PAUSE)

    def lost(self):
        return self.server.total(*LOST) + self.peer.total(*LOST_PEER)

    def measure(self, moving):
        """What ixload says, and what was lost meanwhile."""
        with self.start() as server:
            load = self.load()
            self.until_open(load)
            before = self.lost()
            if moving:
                self.to_and_fro(server)
            lost = self.lost() - before
            if load.wait(LIMIT):
                raise Failed(f"ixload: {last_line(load.said())}")
        text = load.said()
        result, _ = json.JSONDecoder().raw_decode(text, text.index("{"))
        return result, lost


def instructions(bench):
    """Of both threads, for a connection that moves: exact."""
    conns, rounds = COUNTED
    seen = []
    for moves in rounds:
        out = bench.path("callgrind.out")
        r = subprocess.run(
            ["valgrind", "--tool=callgrind", "--toggle-collect=move",
             "--callgrind-out-file=" + out, bench.program("move_conns"),
             str(conns), str(moves)], text=True, capture_output=True,
            timeout=2 * LIMIT, env={**os.environ, "GLIBC_TUNABLES": PLAIN})
        if r.returncode:
            raise Failed(f"move_conns: {last_line(r.stderr)}")
        with open(out) as f:
            n = re.search(r"^(?:summary|totals): (\d+)", f.read(), re.M)
        seen.append((int(n.group(1)), json.loads(r.stdout)["moved"]))
    (few, some), (many, more) = seen
    return (many - few) / (more - some)


def moves(bench):
    """64 flow groups with 10,000 connections go to and fro: ms, by the counters

    The load's slow answers are compared with those of the same load without
    moves, in turns."""
    seconds = max(2, bench.seconds)
    took = {"move": [], "gap": []}
    worst, lost = 0, 0

    def run(kind):
        nonlocal worst, lost
        r = Run(bench, seconds)
        result, n = r.measure(kind == "moving")
        if kind == "moving":
            lost += n + result["peer_closed"] + result["wrong"]
            ms = [[ns / 1e6 for ns in pair] for pair in r.moves]
            worst = max(worst, *(m for m, _ in ms))
            took["move"].append(statistics.median(m for m, _ in ms))
            took["gap"].append(statistics.median(g for _, g in ms))
            print(f"      {len(ms)} moves, {took['move'][-1]:.1f} ms")
        return result["latency_ns"]["p99"] / 1e3

    v = bench.compare(run, "still", "moving")
    t = {k: summary(x) for k, x in took.items()}
    each = instructions(bench)
    return {"unit": "us, p99 of the answers", "values": v, "moves": t, "rows": [
        row(t, "a move of 64 flow groups, 10,000 connections, ms, median",
            lambda m: m["move"], 5, "<="),
        row(t, "... of that, packets may have waited, ms, median",
            lambda m: m["gap"]),
        ("... the slowest of all, ms", worst, None, ""),
        ratio(v, "p99 of the answers: with moves all the time / without",
              "moving", "still", 2, "<="),
        ("packets lost, resent or out of order meanwhile, both sides", lost, 0,
         "<="),
        ("instructions per connection moved, both threads (callgrind)", each,
         None, "")]}
