# SPDX-License-Identifier: MIT
"""What a request costs in processor time, where a rate only shows the path.

Time is what the scheduler gave the server's processes, and of Linux's servers
the kernel's thread that receives for them on their core. Work of the kernel that
runs on the client's core is nobody's: on veth the copy into IX's queue, as a
NIC's would be."""

import json
import time

from figures.bench import LIMIT
from figures.servers import Server
from figures.turns import ratio, row
from lab import Failed, last_line

RATES = 2000, 10000, 40000  # requests a second, of all contenders alike
SPINNING = "ix-spin", "linux-busy"  # theirs is nearly a core, whatever the rate
SELDOM = 2  # that the client has something to measure
HELD = 0.9  # of the rate, else it is not the same load
CONNS = 64
SETTLED = 1.5  # seconds until connections are open and warm


def kinds(bench):
    return {"ix": ("ix", {}), "ix-spin": ("ix", {"extra": ("--idle", "spin")}),
            **({"process": ("ix", {"domain": "process"})}
               if bench.has_process() else {}),
            **{k: (k, {}) for k in bench.linux_servers()}}


def between(bench, server, client, seconds):
    """Processor time per second of a server while a client is at work, and what
    that printed."""
    process = bench.start(bench.side("c", True) + client)
    time.sleep(SETTLED)
    before, began = server.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    used = server.cpu_seconds() - before
    lasted = time.monotonic() - began
    process.wait(LIMIT)
    bench.processes.remove(process)
    return used / lasted, json_of(process)


def json_of(process):
    text = process.said()
    if process.returncode or "{" not in text:
        raise Failed(f"{process.args[-1]}: {last_line(text)}")
    return json.loads(text[text.index("{"):text.rindex("}") + 1])


def measure(bench, contender, rate):
    """Processor time per second, at @rate requests a second over 64 connections
    that were open before."""
    kind, options = contender
    seconds = bench.seconds
    client = bench.ixload("ix", "--conns", str(CONNS), "--rate", str(rate),
                          "--duration", str(seconds + SETTLED + 1))
    with Server(bench, kind, one_core=True, **options) as server:
        used, r = between(bench, server, client, seconds)
    if rate > SELDOM and r["msgs_per_sec"] < HELD * rate:
        raise Failed(f"{kind}: {r['msgs_per_sec']:,.0f} of {rate:,} a second")
    return max(used, 1e-5)


def cpu(bench):
    """processor time per request at the same load, from low to high"""
    contenders = {k: c for k, c in kinds(bench).items()
                  if k not in SPINNING}

    def run(case):
        kind, _, rate = case.rpartition(" ")
        rate = int(rate)
        return 1e6 * measure(bench, contenders[kind], rate) / rate

    v = bench.compare(run, *(f"{k} {r}" for r in RATES for k in contenders))
    lines = {k: [[r, v[f"{k} {r}"]["median"]] for r in RATES]
             for k in contenders}
    return {"unit": "us of processor time per request", "values": v,
            "figures": [{"kind": "lines", "x": "requests a second",
                         "y": "us of processor time per request", "log": "xy",
                         "lines": lines}], "rows": [
                ratio(v, f"processor time per request at {r:,}/s: Linux epoll "
                      f"/ IX {name}", f"linux {r}", f"{k} {r}")
                for k, name in (("ix", "inline"), ("process", "process"))
                if k in contenders for r in RATES]}


def idle(bench):
    """processor time of a server with 64 connections that nobody uses"""
    contenders = kinds(bench)

    def run(kind):
        return 100 * measure(bench, contenders[kind], SELDOM)

    v = bench.compare(run, *contenders)
    return {"unit": "% of a core", "values": v, "rows": [
        row(v, "idle with 64 open connections: % of a core, IX inline, "
            "adaptive", lambda m: m["ix"], 5, "<="),
        row(v, "idle with 64 open connections: % of a core, IX that never "
            "sleeps", lambda m: m["ix-spin"]),
        row(v, "idle with 64 open connections: % of a core, Linux epoll",
            lambda m: m["linux"])]}
