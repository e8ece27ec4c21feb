# SPDX-License-Identifier: MIT
"""ixcpd itself: what it costs when nothing happens, and how soon it gives a
dataplane that has too much to do a second core. One dataplane, on the wire,
policy latency."""

import os
import time

from figures.bench import NotYet
from figures.cpu import SELDOM, SETTLED
from figures.elastic import Daemon, begin, end, how_many
from figures.servers import cpu_seconds, cpu_seconds_of
from figures.turns import row, summary
from lab import Failed, wait_for

FULL = 900  # permille: that a thread is busy
LOOK, PATIENCE = 0.002, 10  # seconds
CALM = 3.0  # until it has one core again


def used(daemon, seconds):
    """Processor time per second, in per cent: of the daemon and all that it has
    begun, and of the daemon alone."""
    pid = daemon.process.pid
    before, own, began = cpu_seconds(pid), cpu_seconds_of(pid), time.monotonic()
    time.sleep(seconds)
    lasted = time.monotonic() - began
    return (100 * (cpu_seconds(pid) - before) / lasted,
            100 * (cpu_seconds_of(pid) - own) / lasted)


def asleep(bench):
    """processor time of ixcpd and an idle dataplane with 64 connections"""
    most, own = len(os.sched_getaffinity(0)), []

    def run(domain):
        with Daemon(bench, "latency", most, domain) as daemon:
            load = begin(bench, daemon, "--rate", str(SELDOM), "--duration",
                         str(bench.seconds + SETTLED + 1))
            time.sleep(SETTLED)
            both, alone = used(daemon, bench.seconds)
            end(bench, load)
        own.append(alone)
        return max(both, 1e-3)

    v = bench.compare(run, "inline",
                      *(["process"] if bench.has_process() else []))
    return {"unit": "% of a core", "values": v, "rows": [
        *(row(v, f"idle with 64 open connections, ixcpd included: % of a core, "
              f"domain {k}", lambda m, k=k: m[k], 2, "<=") for k in v),
        row({"own": summary(own)}, "... of that ixcpd", lambda m: m["own"])]}


def until_two(daemon):
    """ms from the last time that the one thread was seen not to be full until
    there are two."""
    calm = began = time.monotonic()
    while time.monotonic() < began + PATIENCE:
        p, now = daemon.plane(), time.monotonic()
        if how_many(p.get("cores", "")) == 2:
            return 1e3 * (now - calm)
        if p.get("busy", 0) < FULL:
            calm = now
        time.sleep(LOOK)
    raise Failed("there is no second core")


def react(bench):
    """from a thread that has too much to do to a second one that serves: ms"""
    if len(os.sched_getaffinity(0)) < 2:
        raise NotYet("needs two cores")

    def run(_):
        with Daemon(bench, "latency", 2) as daemon:
            if not wait_for(lambda: how_many(daemon.plane().get("cores", "")) ==
                            1, CALM):
                raise Failed("an idle dataplane keeps both cores")
            load = begin(bench, daemon)
            took = until_two(daemon)
            end(bench, load)
        return took

    v = bench.compare(run, "ms")
    return {"unit": "ms", "values": v, "rows": [
        row(v, "from idle to full load: ms from the last interval of 10 ms that is "
            "not full until a second core serves", lambda m: m["ms"], 100, "<=")]}
