# SPDX-License-Identifier: MIT
"""The stack alone on 1, 2, ... cores: on each a thread of the server's, and
beside it a generator on a queue of its own. So with n cores there is n times
the work and n times the machine: what does not grow n times is shared.

    core 0:  server thread 0   wire, RSS   generator 0
    core 1:  server thread 1  ==========>  generator 1

Shared by whom? By the machine's cores, if as many dataplanes of one thread,
each with a wire of its own, do no better: nothing of ours joins them. That no
cache line is written by two threads is shown by test/lab/lines.py."""

import contextlib
import os

from figures import facts
from figures.bench import LIMIT
from figures.cpu import json_of
from figures.servers import Server
from figures.turns import ratio
from lab import counters

CONNS = 64  # a core's
EXTRA = "--batch", "32"
KEPT = "thread", "core", "rx_packets", "forwarded", "sleeps", "busy_ns"


def numbers():
    """1, 2, and as many as there are."""
    there = len(os.sched_getaffinity(0))
    return sorted({1, min(2, there), there})


def first(n):
    """Numbers of cores that we may use."""
    return [str(c) for c in sorted(os.sched_getaffinity(0))[:n]]


@contextlib.contextmanager
def pair(bench, cores, stat_dir):
    """A server, and its client's command, on @cores."""
    nic, usual = bench.wire(), bench.cores
    bench.cores = dict.fromkeys("sc", ",".join(cores))
    try:
        client = bench.side("c", False) + bench.ixload(
            "ix", "--conns", str(len(cores) * CONNS), nic=nic, extra=EXTRA)
        server = Server(bench, "ix", nic=nic,
                        extra=(*EXTRA, "--stat_dir", stat_dir))
        with server:
            bench.cores = usual
            yield client
    finally:
        bench.cores = usual


def measure(bench, parts, threads):
    """Messages a second of dataplanes on those cores; what their threads have
    counted goes to @threads."""
    stat_dir = bench.directory()
    with contextlib.ExitStack() as all_of:
        clients = [all_of.enter_context(pair(bench, cores, stat_dir))
                   for cores in parts]
        running = [bench.start(c) for c in clients]
        for p in running:
            p.wait(LIMIT)
            bench.processes.remove(p)
        threads[:] = [{k: t[k] for k in KEPT} for t in
                      counters(bench.program("ix"), stat_dir)]
        return sum(json_of(p)["msgs_per_sec"] for p in running)


def forwarded(threads):
    """Of all packets, how many came to another thread's queue."""
    return sum(t["forwarded"] for t in threads) / \
        sum(t["rx_packets"] for t in threads)


def busiest(threads):
    """Its packets, beside an equal share."""
    packets = [t["rx_packets"] for t in threads]
    return max(packets) * len(packets) / sum(packets)


def together(n):
    return f"1 server of {n} core{'s' * (n > 1)}"


def note():
    """What a reader must know of the machine to make anything of the rows."""
    n, virtual = numbers()[-1], facts.cpu()["virtual"]
    return (f"This machine has {n} core{'s' * (n > 1)}" + virtual * (
        " of a virtual machine: its host decides when they run, and whether two "
        "of them are one core's two threads") +
        f". Nothing here says what more than {n} would do.")


def cores(bench):
    """the stack alone, a server thread and a generator on each core"""
    cases, threads = {}, {}

    def add(name, parts):
        threads[name] = []
        cases[name] = lambda: measure(bench, parts, threads[name])

    for n in numbers():
        add(together(n), [first(n)])
        if n > 1:
            add(f"{n} servers of 1 core", [[c] for c in first(n)])
    v = bench.interleave(cases)
    return {"unit": "msg/s", "values": v, "threads": threads, "notes": [note()],
            "rows": [
        x for n in numbers()[1:] for x in (
            ratio(v, f"the stack alone: {n} cores / 1 core", together(n),
                  together(1)),
            ratio(v, f"... {n} threads of one dataplane / {n} dataplanes that "
                  "share nothing", together(n), f"{n} servers of 1 core"),
            (f"... packets forwarded between {n} threads, of all",
             forwarded(threads[together(n)])),
            (f"... busiest of {n} threads / an equal share",
             busiest(threads[together(n)])))]}
