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
SELDOM = 200  # the same, that the client leaves its core to the server's thread
SIZES = ["--tcp.max_conns", str(CONNS + 1024), "--tcp.per_source",
         str(CONNS + 1024), "--mbufs", "32768"]
FULL = 256  # connections, closed loop
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
    """@load: of ixload, on @conns connections. @thinks: the server does, and the
    client goes before it."""

    def __init__(self, bench, seconds, conns, load, thinks=False):
        self.bench, self.nic, self.thinks = bench, bench.wire(), thinks
        self.server, self.peer = Side(bench), Side(bench)
        self.seconds, self.conns, self.options = seconds, conns, load
        self.moves = []  # ns in all, and of that the gap

    def start(self):
        cores = ",".join(str(self.bench.cores[k]) for k in "sc")
        kind = "thinks" if self.thinks else "ix"
        return Server(self.bench, kind, nic=self.nic, extra=[
            *SIZES, *self.server.option, "--cores", cores])

    def load(self):
        options = ["--conns", str(self.conns), *self.options, "--quiet",
                   "--connect-timeout", "30", "--duration", str(self.seconds)]
        more = {"nic": self.nic, "extra": [*SIZES, *self.peer.option]}
        if self.thinks:
            return self.bench.start(self.bench.ixload_first(*options, **more))
        return self.bench.start(self.bench.side("c", False) +
                                self.bench.ixload("ix", *options, **more))

    def until_open(self, load):
        until = time.monotonic() + LIMIT
        while self.server.total("tcp_conns") < self.conns:
            if load.poll() is not None or time.monotonic() > until:
                raise Failed(f"no {self.conns} connections: "
                             f"{last_line(load.said())}")
            time.sleep(0.1)
        time.sleep(0.6)  # it warms up

    def tell(self, **request):
        """The server; of what it then did, the counters."""
        names = "move_ns", "move_gap_ns"
        before = [self.server.total(n) for n in names]
        answer = ask(self.sock, timeout=20, **request)
        if "error" in answer:
            raise Failed(f"{request}: {answer['error']}")
        self.moves.append([self.server.total(n) - b
                           for n, b in zip(names, before)])

    def to_and_fro(self, requests):
        until = time.monotonic() + self.seconds - 0.2
        while time.monotonic() < until:
            for r in requests:
                self.tell(**r)
                time.sleep(PAUSE)

    def lost(self):
        return self.server.total(*LOST) + self.peer.total(*LOST_PEER)

    def measure(self, first=(), again=()):
        """What ixload says, and what was lost meanwhile. @first: what the server
        is told before; @again: all the time, in turn."""
        with self.start() as server:
            self.sock = os.path.join(self.server.dir,
                                     f"{server.process.pid}.sock")
            for request in first:
                self.tell(**request)
            load = self.load()
            self.until_open(load)
            before = self.lost()
            if again:
                self.to_and_fro(again)
            lost = self.lost() - before
            if load.wait(LIMIT):
                raise Failed(f"ixload: {last_line(load.said())}")
        text = load.said()
        result, _ = json.JSONDecoder().raw_decode(text, text.index("{"))
        return result, lost + result["peer_closed"] + result["wrong"]


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


def ms(run):
    """Of each move, and of that the gap."""
    return [[ns / 1e6 for ns in pair] for pair in run.moves]


def moves(bench):
    """64 flow groups with 10,000 connections go to and fro: ms, by the counters

    With next to no load: on a machine with two cores the client has one of them,
    and what the scheduler lets it have of that is in the move otherwise. With a
    load, whose slow answers are compared with those of the same load without
    moves, in turns."""
    requests = [{"do": "move", "groups": GROUPS, "from": a, "to": 1 - a}
                for a in (0, 1)]
    took = {"move": [], "gap": [], "loaded": []}
    worst, lost = 0, 0

    def run(kind):
        nonlocal worst, lost
        rate = SELDOM if kind == "idle" else RATE
        r = Run(bench, max(2, bench.seconds), CONNS, ("--rate", str(rate)))
        result, n = r.measure(again=() if kind == "still" else requests)
        if r.moves:
            lost += n
            move, gap = (statistics.median(x) for x in zip(*ms(r)))
            print(f"      {len(r.moves)} moves, {move:.1f} ms")
        if kind == "idle":
            worst = max(worst, *(m for m, _ in ms(r)))
            took["move"].append(move)
            took["gap"].append(gap)
        elif r.moves:
            took["loaded"].append(move)
        return result["latency_ns"]["p99"] / 1e3

    v = bench.compare(run, "idle", "still", "moving")
    t = {k: summary(x) for k, x in took.items()}
    each = instructions(bench)
    return {"unit": "us, p99 of the answers", "values": v, "moves": t, "rows": [
        row(t, "a move of 64 flow groups, 10,000 connections, ms, median",
            lambda m: m["move"], 5, "<="),
        row(t, "... of that, packets may have waited, ms, median",
            lambda m: m["gap"]),
        ("... the slowest of all, ms", worst, None, ""),
        row(t, "... under load, whose client shares a thread's core, ms, median",
            lambda m: m["loaded"]),
        ratio(v, "p99 of the answers: with moves all the time / without",
              "moving", "still"),
        ("packets lost, resent or out of order meanwhile, both sides", lost, 0,
         "<="),
        ("instructions per connection moved, both threads (callgrind)", each,
         None, "")]}


# Of resize(): what the server is told before, and all the time.
CORES = [{"do": "cores", "n": n} for n in (1, 2)]
CASES = {"one core": (CORES[:1], ()), "two cores": (CORES[1:], ()),
         "changing": ((), CORES)}


def resize(bench):
    """a core is added and taken away, again and again, at full load

    Closed loop, all that both cores can do, beside what was before a core comes,
    and before it goes. The server thinks before it answers: else the client, which
    has one of the two cores, needs most of it, and what is measured is how the
    two fight for it."""
    changes, lost = 0, 0

    def run(kind):
        nonlocal changes, lost
        r = Run(bench, max(2, bench.seconds), FULL, (), thinks=True)
        first, again = CASES[kind]
        result, n = r.measure(first, again)
        if again:
            changes += len(r.moves)
            lost += n
            print(f"      {len(r.moves)} changes, "
                  f"{statistics.median(m for m, _ in ms(r)):.1f} ms")
        return result["latency_ns"]["p99"] / 1e3

    v = bench.compare(run, *CASES)
    return {"unit": "us, p99 of the answers", "values": v, "rows": [
        ratio(v, "p99 at full load: cores come and go / one core, as before one "
              "comes", "changing", "one core", 2, "<="),
        ratio(v, "p99 at full load: cores come and go / two cores, as before one "
              "goes", "changing", "two cores", 2, "<="),
        ("packets lost, resent or out of order meanwhile, both sides, all "
         "turns", lost, 0, "<="),
        ("cores added and taken away", changes, None, "")]}
