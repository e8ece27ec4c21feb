# SPDX-License-Identifier: MIT
"""What it costs to be looked at: counters, connections and metrics are read once
a second while a server is busy. Who looks shares the client's core.

    second       1     2     3     4     5     6
    looked at          x           x           x      one server, one client

A hundredth less in a rate is not to be seen where the same rate differs by
tenths from second to second. So all processor time is counted that a look takes:
of who looks, of the programs that he starts, and of the threads of the dataplane
that answer. Wherever it is spent, no core has less than the rest: that is the
bound. Not in it are some 20 us a question of the elastic thread itself
(dom/host/ask.h), of which a look asks a dozen.

What was sent in all seconds with a look, by what was sent in those without, can
only gainsay it: both kinds alternate within one run, so that what else the
machine does hits both alike, and a second without a look is beside each with
one. The server's own counter page is read for it, which asks nobody.

Counted, for whoever changes something: the pages of who looks, and how often the
dataplane's control thread waits, for an answer or until it may ask."""

import contextlib
import glob
import itertools
import os
import re
import struct
import subprocess
import threading
import time
import urllib.request

from figures.bench import LIMIT
from figures.cpu import json_of
from figures.servers import Server, cpu_seconds_of, threads_seconds
from figures.turns import Row, interval, row, summary
from lab import Failed, cost, counters, wait_for

EVERY = 1.0  # second
PAIRS = 10  # of seconds, in a turn: one without a look, one with it
CONNS, SIZE = 64, 64
URL = re.compile(r"http://127\.0\.0\.1:\d+/")


def run(argv):
    """Processor time of a program."""
    p = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        raise Failed(f"{' '.join(argv)}: status {p.returncode}")
    return used.ru_utime + used.ru_stime


def all_but_the_busiest(before, after):
    """Of the server's threads: those that only answer."""
    used = [s - before.get(t, 0) for t, s in after.items()]
    return sum(used) - max(used)


class Sent:
    """Messages that the server has sent: its counter page, as it is written."""

    def __init__(self, bench, stat_dir):
        names = list(counters(bench.program("ix"), stat_dir)[0])
        first = names.index("rx_packets")
        self.path, = glob.glob(os.path.join(stat_dir, "*.0"))
        self.at = [8 * (1 + names.index(n) - first)
                   for n in ("tx_copied_bytes", "tx_gathered_bytes")]

    def now(self):
        with open(self.path, "rb") as f:
            page = f.read(2048)
        return sum(struct.unpack_from("=Q", page, at)[0]
                   for at in self.at) / SIZE


class Watcher:
    """For the time of a with block. In self.rates: messages a second, of
    seconds that were not looked at, and of those that were."""

    def __init__(self, bench, stat_dir, server):
        self.bench, self.dir, self.stop = bench, stat_dir, threading.Event()
        self.sent, self.rates = Sent(bench, stat_dir), ([], [])
        self.pid = server.process.pid
        self.looks, self.seconds, self.error = 0, 0, None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def command(self, *words):
        return [self.bench.program("ix"), *words, "--dir", self.dir]

    def spent(self):
        """By who answers."""
        return cpu_seconds_of(self.metrics.pid), threads_seconds(self.pid)

    def look(self):
        for what in "stat", "flows":
            self.seconds += run(self.command(what, "--json"))
        with urllib.request.urlopen(self.url + "metrics", timeout=5) as r:
            if b"ix_dataplane_info" not in r.read():
                raise Failed("no metrics")
        self.looks += 1

    def second(self, looked_at):
        before, began = self.sent.now(), time.monotonic()
        if looked_at:
            self.look()
        self.stop.wait(began + EVERY - time.monotonic())
        if not self.stop.is_set():
            self.rates[looked_at].append((self.sent.now() - before) /
                                         (time.monotonic() - began))

    def run(self):
        os.sched_setaffinity(0, {self.bench.cores["c"]})  # children, too
        try:
            for looked_at in itertools.cycle((False, True)):
                if self.stop.is_set():
                    break
                self.second(looked_at)
        except (Failed, OSError) as e:
            self.error = e

    def __enter__(self):
        self.metrics = self.bench.start(
            [*self.bench.side("c", False),
             *self.command("metrics", "--listen", "127.0.0.1:0")], URL.pattern)
        self.url = URL.search(self.metrics.said())[0]
        self.before = self.spent()
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stop.set()
        self.thread.join()
        (metrics, threads), (metrics2, threads2) = self.before, self.spent()
        self.seconds += metrics2 - metrics + all_but_the_busiest(threads,
                                                                 threads2)
        self.metrics.end()
        self.bench.processes.remove(self.metrics)
        if self.error or not self.looks:
            raise Failed(f"nobody has looked: {self.error}")


def counted(bench):
    """Of one look, at a server with as many connections: pages by command,
    and waits of the control thread."""
    nic, stat_dir = bench.wire(), bench.directory()
    with Server(bench, "ix", nic=nic,
                extra=("--stat_dir", stat_dir)) as server:
        client = bench.start(bench.side("c", False) + bench.ixload(
            "ix", "--conns", str(CONNS), "--duration", "30", nic=nic))
        if not wait_for(lambda: CONNS <= sum(
                t["tcp_conns"] for t in counters(bench.program("ix"),
                                                 stat_dir))):
            raise Failed("the client has not connected")
        pid, looks = server.process.pid, {}
        for what in "stat", "flows":
            before = cost.sleeps(pid, "ix-control")
            looks[what] = cost.faults(bench.program("ix"), what, "--json",
                                      "--dir", stat_dir)
            looks["waits"] = cost.sleeps(pid, "ix-control") - before
        client.end()
        bench.processes.remove(client)
    return looks


def sums(rates):
    """A row: seconds that were looked at by those beside them that were not."""
    pairs = list(zip(*rates))
    return Row(f"echo on the wire, seconds with a look / without: sums of "
               f"{len(pairs)} each", sum(b for _, b in pairs) /
               sum(a for a, _ in pairs), None, "",
               *interval([b / a for a, b in pairs]))


def watched(bench):
    """64 B echo on the wire while everything is read, every other second"""
    looks, rates = [], ([], [])
    for _ in range(bench.reps):
        stat_dir, nic = bench.directory(), bench.wire()
        client = bench.ixload("ix", "--conns", str(CONNS), "--size", str(SIZE),
                              "--duration", str((2 * PAIRS + 1) * EVERY),
                              nic=nic)
        with Server(bench, "ix", nic=nic,
                    extra=("--stat_dir", stat_dir)) as server:
            begun = bench.start(bench.side("c", False) + client)
            time.sleep(EVERY)  # connections are open, and warm
            with Watcher(bench, stat_dir, server) as w:
                begun.wait(LIMIT)
            bench.processes.remove(begun)
            json_of(begun)
        for all_of, some in zip(rates, w.rates):
            all_of += some[:PAIRS]
        looks.append(100 * w.seconds / w.looks / EVERY)
        print(f"    looked at, not: {sum(w.rates[1]):,.1f}, "
              f"{sum(w.rates[0]):,.1f}", flush=True)
    n = counted(bench)
    return {"unit": "msg/s", "values": {
        "ix": summary(rates[0]), "ix-watched": summary(rates[1])}, "rows": [
        row({"looks": summary(looks)}, "counters, flows and metrics read once a "
            "second: processor time of all that is done for it, % of a core",
            lambda m: m["looks"], 1, "<="),
        sums(rates),
        ("pages mapped for ix stat --json", n["stat"], None, ""),
        (f"... for ix flows --json, {CONNS} connections", n["flows"], None, ""),
        ("... for which the dataplane's control thread waits, times",
         n["waits"], 100, "<=")]}
