# SPDX-License-Identifier: MIT
"""What people load a server with: a client on Linux, thousands of connections,
large values; `kv` on IX against stock memcached.

      core 0                       core 1
     +------------------+         +------------------+
     | kv on IX, domain |  veth   | ixload on Linux, |
     | process; or      o=========o its sockets and  |
     | memcached -t 1   |         | epoll            |
     +------------------+         +------------------+

Of memcached, too, TCP's receive half runs on its own core; "helped" on the
client's, as veth has it by itself."""

import shutil
import time

from figures.bench import IP, PORT, Failed, NotYet
from figures.process import need_process
from figures.turns import ratio
from lab import counters
from lab.ix import READY

OPEN_FILES = "20000"
MEMORY = "128"  # MB, of both servers
KEPT = ("tcp_timeouts", "tcp_spurious_timeouts", "tcp_retransmits",
        "drop_no_buffer", "drop_late", "rx_packets", "tx_packets",
        "tx_bytes", "kicks")


class Server:
    """One of the two, for the time of a with block; .counted: what its
    counters have grown by while a client ran, of kv."""

    def __init__(self, bench, kind):
        self.bench, self.kind, self.counted = bench, kind, {}
        self.stat_dir = bench.directory()
        if kind == "ix":
            self.argv = bench.ix_run(
                "s", [bench.program("kv"), "-p", str(PORT), "-m", MEMORY],
                domain="process",
                extra=["--stat_dir", self.stat_dir])
        else:
            self.argv = ["memcached", "-t", "1", "-l", IP["s"], "-p",
                         str(PORT), "-U", "0", "-c", OPEN_FILES, "-m", MEMORY,
                         "-u", "root"]

    def __enter__(self):
        b = self.bench
        b.steer_receive(self.kind == "memcached")
        self.process = b.start(b.side("s", True) + self.argv,
                               READY if self.kind == "ix" else None, 30)
        time.sleep(0.5)
        if self.process.poll() is not None:
            raise Failed(f"{self.argv[0]}: {self.process.said()}")
        return self

    def stat(self):
        if self.kind != "ix":
            return {}
        ix = self.bench.program("ix")
        return next(iter(counters(ix, self.stat_dir)), {})

    def run(self, client):
        """A run opens its connections and stores the values first: counted is
        what came in all."""
        before = self.stat()
        result = self.bench.client(client)
        time.sleep(1.1)  # lost packets are counted once a second
        after = self.stat()
        self.counted = {k: after[k] - before[k] for k in KEPT if k in after}
        return result

    def __exit__(self, *exc):
        self.process.end()
        self.bench.processes.remove(self.process)
        self.bench.steer_receive(False)


def measure(bench, what, target, options):
    """Answers a second of both, in turns."""
    need_process(bench)
    if not shutil.which("memcached"):
        raise NotYet("memcached is not installed")
    client = bench.ixload("linux", "--proto", "get", *options)
    seen = []

    def run(kind):
        with Server(bench, kind) as server:
            rate = server.run(client)["msgs_per_sec"]
        if server.counted:
            seen.append(server.counted)
            print("      ", ", ".join(f"{k} {v:,}" for k, v in
                                      server.counted.items() if v), flush=True)
        return rate

    v = bench.compare(run, "ix", "memcached", "helped")
    return {"unit": "answers/s", "values": v, "counted": seen, "rows": [
        ratio(v, f"{what}: kv on IX / memcached on one core", "ix",
              "memcached", target, ">="),
        ratio(v, f"{what}: kv on IX / memcached, its TCP receive on the "
              "client's core", "ix", "helped")]}


def many(bench, conns):
    r = measure(bench, f"{conns:,} connections, values of 64 B", 1.5,
                ["--conns", str(conns), "--size", "64", "--warmup", "2"])
    most = max((c["tcp_timeouts"] for c in r["counted"]), default=0)
    r["rows"].append((f"{conns:,} connections: timeouts in a run, at most",
                      most, 0, "<="))
    return r


def many_4000(bench):
    """kv against memcached, 4,000 connections, 64 B: answers per second"""
    return many(bench, 4000)


def many_9000(bench):
    """kv against memcached, 9,000 connections, 64 B: answers per second"""
    return many(bench, 9000)


def large(bench):
    """kv against memcached, 20 KB, 16 at a time: answers per second"""
    return measure(bench, "values of 20 KB, 16 at a time", 1.0,
                   ["--conns", "32", "--size", "20000", "--pipeline", "16",
                    "--records", "2000"])
