# SPDX-License-Identifier: MIT
"""Over a path that loses, against Linux's sender with the same algorithm:

      netns s          netns m           netns c
      server  ==veth== bridge ==veth==  Linux: the client

The bridge is test/path/bridge.c; the client is the same for both."""

import os

from figures.bench import IP, NotYet, medians
from lab import Failed, sh

PORT = 5001
ALGORITHM = {"ix": "newreno", "linux": "reno"}
TREE = os.path.join(os.path.dirname(__file__), "..", "..")
ANSWERS = os.path.join(TREE, "test", "path", "answers.py")


class Path:
    """The three namespaces; the bridge is started for each measurement."""

    def __init__(self, bench):
        self.bench = bench
        if os.geteuid():
            raise NotYet("needs root")
        self.names = {k: f"ix-path-{os.getpid()}-{k}" for k in "smc"}
        for name in self.names.values():
            bench.netns.append(name)
            sh("ip", "netns", "add", name)
        for k in "sc":
            self.ip("m", "link", "add", "e" + k, "type", "veth", "peer",
                    "name", "ix0", "netns", self.names[k])
            self.ip("m", "link", "set", "e" + k, "up")
            self.ip(k, "addr", "add", IP[k] + "/24", "dev", "ix0")
            self.ip(k, "link", "set", "ix0", "up")
            for what in (self.names[k], "ix0"), (self.names["m"], "e" + k):
                sh("ip", "netns", "exec", what[0], "ethtool", "-K", what[1],
                   "tx", "off", "tso", "off", "gso", "off", "gro", "off")

    def ip(self, k, *args):
        sh("ip", "-n", self.names[k], *args)

    def on(self, k):
        return ["ip", "netns", "exec", self.names[k]]

    def carry(self, options):
        return self.bench.start(
            self.on("m") + [self.program("path", "bridge"), "es", "ec",
                            options], "^ready")

    def program(self, *path):
        found = os.path.join(self.bench.build, "test", *path)
        if not os.path.isfile(found):
            raise Failed(f"{path[-1]} is not built")
        return found

    def server(self, kind):
        if kind == "ix":
            argv = self.bench.ix_run(
                "s", [self.program("e2e", "xfer"), "--port", str(PORT)],
                extra=["--tcp.cc", ALGORITHM[kind]])
            return self.bench.start(self.on("s") + argv, "ix: domain")
        return self.bench.start(
            self.on("s") + [ANSWERS, "serve", IP["s"], str(PORT),
                            ALGORITHM[kind]], "^ready")

    def ask(self, kind, options, size, count):
        """What the client measures."""
        server = self.server(kind)
        bridge = self.carry(options)
        try:
            return self.bench.client(
                self.on("c") + [ANSWERS, "ask", IP["s"], str(PORT), str(size),
                                str(count)], net=False)
        finally:
            bridge.end()
            server.end()


def make(bench):
    if not hasattr(bench, "bad_path"):
        bench.bad_path = Path(bench)
    return bench.bad_path


def loss(bench):
    """bulk over a path that loses: goodput of IX's sender and of Linux's"""
    path = make(bench)
    rows, values = [], {}
    for name, delay in ("10 ms", "5ms"), ("LAN", "100us"):
        for percent in 0.1, 1, 3:
            # As much as takes a few seconds.
            size = int(4e6 / percent ** 0.5) * (1 if delay == "5ms" else 4)
            runs = 0

            def run(kind):
                nonlocal runs
                seed = runs // 2  # the same for both
                runs += 1
                return path.ask(kind, f",loss={percent}%,delay={delay},"
                                f"seed={seed}", size, 1)["bytes_per_sec"]

            v = bench.compare(run, "ix", "linux")
            m = medians(v)
            values.update({f"{name}, {percent} %, {k}": x
                           for k, x in v.items()})
            rows.append((f"goodput at {percent} % loss, round trips of {name}:"
                         " IX / Linux", m["ix"] / m["linux"], 1.0, ">="))
    return {"unit": "B/s", "values": values, "rows": rows}


def answers(bench):
    """20 KB answers at 1 % loss, 10 ms round trips: the slowest in a hundred"""
    path = make(bench)

    def run(kind):
        return path.ask(kind, ",loss=1%,delay=5ms,seed=5", 20000,
                        200)["p99_ms"]

    v = bench.compare(run, "ix", "linux")
    m = medians(v)
    return {"unit": "ms, p99", "values": v, "rows": [
        ("20 KB answers at 1 % loss, p99: Linux / IX",
         m["linux"] / m["ix"], 1.2, ">=")]}
