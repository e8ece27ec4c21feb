# SPDX-License-Identifier: MIT
"""What people load a server with: thousands of connections, large values, from
a client on Linux, and on IX; `kv` on IX against stock memcached.

      core 0                       core 1
     +------------------+         +------------------+
     | kv on IX, domain |  veth   | ixload on Linux, |
     | process; or      o=========o its sockets and  |
     | memcached -t 1   |         | epoll            |
     +------------------+         +------------------+

Of memcached, too, TCP's receive half runs on its own core; "memcached-helped":
on the client's, as veth has it by itself."""

import time

from figures.latency import prepare
from figures.process import need_process
from figures.servers import Server
from figures.turns import ratio
from lab import counters

KEPT = ("tcp_timeouts", "tcp_spurious_timeouts", "tcp_retransmits",
        "drop_no_buffer", "drop_late", "lost_in_cable", "rx_packets",
        "tx_packets", "tx_bytes", "kicks")


class Counted(Server):
    """... and what kv's counters have grown by while a client ran: .counted."""

    def __init__(self, bench, kind, extra=()):
        self.kind, self.counted = kind, {}
        self.stat_dir = bench.directory()
        super().__init__(bench, kind, domain="process", one_core=True,
                         extra=["--stat_dir", self.stat_dir, *extra])

    def stat(self):
        if self.kind != "kv":
            return {}
        stat = dict(next(iter(counters(self.bench.program("ix"),
                                       self.stat_dir)), {}))
        if self.bench.namespaces:
            stat["lost_in_cable"] = self.bench.veth.lost("c")
        return stat

    def run(self, client):
        """A run opens its connections and stores the values first: counted is
        what came in all."""
        before = self.stat()
        result = self.bench.client(client)
        time.sleep(1.1)  # lost packets are counted once a second
        after = self.stat()
        self.counted = {k: after[k] - before[k] for k in KEPT if k in after}
        return result


def measure(bench, what, target, options, extra=()):
    """Answers a second of both, in turns; @extra: of ix run."""
    need_process(bench)
    bench.need_installed("memcached")
    client = bench.ixload("linux", "--proto", "get", *options)
    seen = []

    def run(kind):
        with Counted(bench, kind, extra) as server:
            rate = server.run(client)["msgs_per_sec"]
        if server.counted:
            seen.append(server.counted)
            print("      ", ", ".join(f"{k} {v:,}" for k, v in
                                      server.counted.items() if v), flush=True)
        return rate

    v = bench.compare(run, "kv", "memcached", "memcached-helped")
    return {"unit": "answers/s", "values": v, "counted": seen, "rows": [
        ratio(v, f"{what}: kv on IX / memcached on one core", "kv",
              "memcached", target, ">="),
        ratio(v, f"{what}: kv on IX / memcached, its TCP receive on the "
              "client's core", "kv", "memcached-helped")]}


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


def values_1k(bench):
    """kv against memcached, 64 connections, 1 KB: answers per second"""
    return measure(bench, "64 connections, values of 1 KB", 1.5,
                   ["--conns", "64", "--size", "1024"])


LARGE = "--conns", "32", "--size", "20000", "--pipeline", "16", "--records", \
    "2000"


def large(bench):
    """kv against memcached, 20 KB, 16 at a time: answers per second"""
    return measure(bench, "values of 20 KB, 16 at a time", 1.0, LARGE)


def large_9000(bench):
    """the same where a packet has up to 9000 bytes"""
    prepare(bench, 9000, "on")
    try:
        return measure(bench, "values of 20 KB, 16 at a time, MTU 9000", 1.0,
                       LARGE)
    finally:
        prepare(bench, 1500, "on")


BETWEEN = 1024, 4096  # bytes of a value: an answer is one packet, or three


def values_16(bench):
    """kv against memcached, 1 and 4 KB, 16 at a time: answers per second"""
    need_process(bench)
    bench.need_installed("memcached")

    def run(case):
        kind, size = case.split()
        client = bench.ixload("linux", "--proto", "get", *LARGE, "--size", size)
        with Counted(bench, kind) as server:
            return server.run(client)["msgs_per_sec"]

    v = bench.compare(run, *(f"{kind} {size}" for size in BETWEEN
                             for kind in ("kv", "memcached")))
    return {"unit": "answers/s", "values": v, "rows": [
        ratio(v, f"values of {size:,} B, 16 at a time: kv on IX / memcached on "
              "one core", f"kv {size}", f"memcached {size}", 1.0, ">=")
        for size in BETWEEN]}


# By what an answer is: of ixload.
SHAPES = {
    "64 connections, 64 B": ("--conns", "64", "--size", "64"),
    "64 connections, 1 KB": ("--conns", "64", "--size", "1024"),
    "32 connections, 20 KB, 16 at a time": LARGE,
    "1,000 connections, 64 B": ("--conns", "1000", "--size", "64"),
    "9,000 connections, 64 B": ("--conns", "9000", "--size", "64", "--warmup",
                                "2"),
}


def kv_ix(bench):
    """kv against memcached, client on IX, 64 to 9,000 connections, 64 B to 20 KB"""
    need_process(bench)
    bench.need_installed("memcached")

    def run(case):
        kind, _, shape = case.partition(" ")
        client = bench.ixload("ix", "--proto", "get", *SHAPES[shape])
        with Counted(bench, kind) as server:
            return server.run(client)["msgs_per_sec"]

    v = bench.compare(run, *(f"{kind} {shape}" for shape in SHAPES
                             for kind in ("kv", "memcached")))
    return {"unit": "answers/s", "values": v, "rows": [
        ratio(v, f"client on IX, {shape}: kv on IX / memcached on one core",
              f"kv {shape}", f"memcached {shape}") for shape in SHAPES]}
