# SPDX-License-Identifier: MIT
"""What it costs to be looked at: counters, connections and metrics are read once
a second while a server is busy. Who looks shares the client's core."""

import contextlib
import re
import threading
import urllib.request

from figures.servers import Server
from figures.turns import ratio
from lab import Failed, sh

EVERY = 1.0  # second
CONNS = 64
URL = re.compile(r"http://127\.0\.0\.1:\d+/")


class Watcher:
    """For the time of a with block."""

    def __init__(self, bench, stat_dir):
        self.bench, self.dir, self.stop = bench, stat_dir, threading.Event()
        self.looks, self.error = 0, None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def command(self, *words):
        return [*self.bench.side("c", False), self.bench.program("ix"), *words,
                "--dir", self.dir]

    def look(self):
        for what in "stat", "flows":
            sh(*self.command(what, "--json"))
        with urllib.request.urlopen(self.url + "metrics", timeout=5) as r:
            if b"ix_dataplane_info" not in r.read():
                raise Failed("no metrics")
        self.looks += 1

    def run(self):
        try:
            while not self.stop.wait(EVERY):
                self.look()
        except (Failed, OSError) as e:
            self.error = e

    def __enter__(self):
        self.metrics = self.bench.start(
            self.command("metrics", "--listen", "127.0.0.1:0"), URL.pattern)
        self.url = URL.search(self.metrics.said())[0]
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stop.set()
        self.thread.join()
        self.metrics.end()
        self.bench.processes.remove(self.metrics)
        if self.error or not self.looks:
            raise Failed(f"nobody has looked: {self.error}")


def watched(bench):
    """64 B echo on the wire while everything is read once a second, and not"""
    def run(kind):
        stat_dir, nic = bench.directory(), bench.wire()
        client = bench.ixload("ix", "--conns", str(CONNS), "--duration",
                              str(max(bench.seconds, 3 * EVERY)), nic=nic)
        with Server(bench, "ix", nic=nic, extra=("--stat_dir", stat_dir)), \
                contextlib.nullcontext() if kind == "ix" else \
                Watcher(bench, stat_dir):
            return bench.client(client, net=False)["msgs_per_sec"]

    v = bench.compare(run, "ix", "ix-watched")
    return {"unit": "msg/s", "values": v, "rows": [
        ratio(v, "echo on the wire, counters, flows and metrics read once a "
              "second / not", "ix-watched", "ix", 0.99, ">=")]}
