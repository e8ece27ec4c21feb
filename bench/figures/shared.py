# SPDX-License-Identifier: MIT
"""Cores that are not the server's alone: two clients and the server's two threads
on the same two cores.

      cores 0 and 1                cores 0 and 1
     +------------------+         +--------------------+
     | kv on IX, domain |  veth,  | two of ixload on   |
     | process; or      o=========o Linux, its sockets |
     | memcached -t 2   | 2 queues| and epoll          |
     +------------------+         +--------------------+

"one": kv with one thread, on core 0, and a cable of one queue, since a thread has
one; the clients as before. Which queue a packet comes by Linux decides, at random for
each connection; which thread's it is, our hash: what comes by the other one's queue
is forwarded, until it follows its queue (dom/host/queues.h), in a second or two."""

import concurrent.futures
import contextlib

from figures.process import need_process
from figures.servers import IP, Server
from figures.turns import ratio
from lab import Veth, counters

CLIENTS = 2
CONNS = 32  # of each
SETTLED = "2.5"  # seconds: connections have followed their queues


@contextlib.contextmanager
def on_both_cores(bench, two):
    """Clients, and servers unless told. @two: a cable of two queues, or None."""
    before = bench.veth, bench.cores
    both = ",".join(str(bench.cores[k]) for k in "sc")
    bench.cores = {"s": both if two else str(bench.cores["s"]), "c": both}
    bench.veth = two or bench.veth
    try:
        yield
    finally:
        bench.veth, bench.cores = before


def serve(bench, kind, stat_dir):
    if kind != "memcached":
        return Server(bench, "kv", domain="process",
                      extra=["--stat_dir", stat_dir, "--follow_queues",
                             "true"])
    server = Server(bench, kind)
    server.argv[server.argv.index("-t") + 1] = "2"
    return server


def load(bench):
    """Answers a second of all clients."""
    client = bench.ixload("linux", "--proto", "get", "--size", "64", "--conns",
                          str(CONNS), "--warmup", SETTLED)
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        return sum(r["msgs_per_sec"] for r in
                   pool.map(bench.client, [client] * CLIENTS))


def shared(bench):
    """kv's two threads and two clients on the same two cores: answers/s"""
    bench.need_namespaces()
    need_process(bench)
    bench.need_installed("memcached")
    forwarded = []
    cable = Veth(bench, IP["s"], IP["c"], queues=2, tag="-two")

    def run(kind):
        stat_dir = bench.directory()
        with on_both_cores(bench, None if kind == "one" else cable), \
                serve(bench, kind, stat_dir):
            rate = load(bench)
            threads = counters(bench.program("ix"), stat_dir) \
                if kind == "two" else []
        if threads:
            forwarded.append(sum(t["forwarded"] for t in threads) /
                             sum(t["rx_packets"] for t in threads))
        return rate

    v = bench.compare(run, "two", "one", "memcached")
    what = f"{CLIENTS} clients on the server's two cores"
    return {"unit": "answers/s", "values": v, "rows": [
        ratio(v, f"{what}: kv on IX with two threads / with one", "two", "one",
              1.0, ">="),
        ratio(v, f"{what}: kv on IX / memcached, two threads each", "two",
              "memcached", 1.5, ">="),
        (f"{what}: packets forwarded between kv's threads, of all, at most",
         max(forwarded))]}
