# SPDX-License-Identifier: MIT
"""What it costs to be looked at: counters, connections and metrics are read once
a second while a server is busy. Who looks shares the client's core.

A hundredth less in a rate is not to be seen where the same rate differs by
tenths from turn to turn. So all processor time is counted that a look takes: of
who looks, of the programs that he starts, and of the threads of the dataplane
that answer. Wherever it is spent, no core has less than the rest. Not in it are
some 20 us a question of the elastic thread itself (dom/host/ask.h), of which a
look asks a dozen.

Counted, for whoever changes something: the pages of who looks, and how often the
dataplane's control thread waits, for an answer or until it may ask."""

import contextlib
import os
import re
import subprocess
import threading
import urllib.request

from figures.bench import LIMIT
from figures.cpu import json_of
from figures.servers import Server, cpu_seconds_of, threads_seconds
from figures.turns import ratio, row, summary
from lab import Failed, cost, counters, wait_for

EVERY = 1.0  # second
CONNS = 64
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


class Watcher:
    """For the time of a with block."""

    def __init__(self, bench, stat_dir, server):
        self.bench, self.dir, self.stop = bench, stat_dir, threading.Event()
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

    def run(self):
        os.sched_setaffinity(0, {self.bench.cores["c"]})  # children, too
        try:
            while not self.stop.wait(EVERY):
                self.look()
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


def watched(bench):
    """64 B echo on the wire while everything is read once a second, and not"""
    looks = []

    def run(kind):
        stat_dir, nic = bench.directory(), bench.wire()
        client = bench.ixload("ix", "--conns", str(CONNS), "--duration",
                              str(max(bench.seconds, 3 * EVERY)), nic=nic)
        with Server(bench, "ix", nic=nic,
                    extra=("--stat_dir", stat_dir)) as server:
            if kind == "ix":
                return bench.client(client, net=False)["msgs_per_sec"]
            begun = bench.start(bench.side("c", False) + client)
            with Watcher(bench, stat_dir, server) as w:
                begun.wait(LIMIT)
            bench.processes.remove(begun)
            looks.append(100 * w.seconds / w.looks / EVERY)
            return json_of(begun)["msgs_per_sec"]

    v, n = bench.compare(run, "ix", "ix-watched"), counted(bench)
    return {"unit": "msg/s", "values": v, "rows": [
        row({"looks": summary(looks)}, "counters, flows and metrics read once a "
            "second: processor time of all that is done for it, % of a core",
            lambda m: m["looks"], 1, "<="),
        ratio(v, "echo on the wire, read once a second / not", "ix-watched",
              "ix"),
        ("pages mapped for ix stat --json", n["stat"], None, ""),
        (f"... for ix flows --json, {CONNS} connections", n["flows"], None, ""),
        ("... for which the dataplane's control thread waits, times",
         n["waits"], 100, "<=")]}
