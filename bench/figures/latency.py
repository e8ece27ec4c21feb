# SPDX-License-Identifier: MIT
"""NetPIPE's pattern: one message to and fro, in whole, from 1 byte to 512 KB,
the same stack at both ends (app/pingpong.c)."""

import statistics

from figures.servers import IP, PORT
from figures.story import NAMES
from figures.turns import ratio, summary
from lab import sh

SIZES = [*(4 ** i for i in range(10)), 512 * 1024]
FAST = 5000  # Mbit/s, of which the original tells the smallest message
SMALL, LARGE = 64, SIZES[-1]
# By contender: server, MTU, Linux's checksum and segmentation offload.
CASES = {"ix": ("pingpong", 1500, "on"),
         "sockets": ("linux-pingpong", 1500, "on"),
         "sockets, no offload": ("linux-pingpong", 1500, "off"),
         "ix, 9000 B frames": ("pingpong", 9000, "on"),
         "sockets, 9000 B frames": ("linux-pingpong", 9000, "on")}


def prepare(bench, mtu, offload):
    bench.need_namespaces()
    for k in "sc":
        bench.veth.ip(k, "link", "set", "ix0", "mtu", str(mtu))
        sh(*bench.veth.on(k), "ethtool", "-K", "ix0", "tx", offload, "tso",
           offload, "gso", offload)


def measure(bench, server):
    """Of each size, us one way: the median, which others' turns on the core
    change least."""
    client = [bench.program("pingpong"), "--client", IP["s"], "--port",
              str(PORT), "--json", "--size", ",".join(map(str, SIZES)),
              "--iters", str(max(100, int(400 * bench.seconds)))]
    client = client + ["--linux"] if server == "linux-pingpong" \
        else bench.ix_run("c", client)
    found = bench.with_server(server, client, begins="[")
    return {one["size"]: one["p50_us"] for one in found}


def over_sizes(all_turns, what):
    """By contender, a line: the median of the turns at each size."""
    return {kind: [[n, what(n, statistics.median(t[n] for t in turns))]
                   for n in SIZES] for kind, turns in all_turns.items()}


def fast_from(line):
    """The smallest size from which on goodput is FAST; None: it never is."""
    found = None
    for size, mbit in reversed(line):
        if mbit < FAST:
            break
        found = size
    return found


def reached(lines):
    """In words, by contender."""
    said = []
    for kind, line in lines.items():
        size = fast_from(line)
        said.append(f"{NAMES[kind]}: " + (
            f"from {size / 1024:g} KB on" if size else
            f"not up to {LARGE // 1024} KB"))
    return f"{FAST / 1000:g} Gbit/s are reached by " + "; ".join(said) + "."


def latency(bench):
    """one message to and fro, 1 B to 512 KB: us one way and goodput"""
    all_turns = {kind: [] for kind in CASES}

    def run(kind):
        server, mtu, offload = CASES[kind]
        prepare(bench, mtu, offload)
        try:
            all_turns[kind].append(measure(bench, server))
        finally:
            prepare(bench, 1500, "on")
        return all_turns[kind][-1][SMALL]

    v = bench.compare(run, *CASES)
    large = {k: summary([t[LARGE] for t in turns])
             for k, turns in all_turns.items()}
    goodput = over_sizes(all_turns, lambda n, us: n * 8 / us)
    axes = {"kind": "lines", "x": "bytes of a message", "log": "xy"}
    return {"unit": f"us one way, {SMALL} B", "values": v, "figures": [
        {**axes, "y": "us one way",
         "lines": over_sizes(all_turns, lambda n, us: us)},
        {**axes, "y": "goodput, Mbit/s",
         "lines": goodput}], "notes": [reached(goodput)], "rows": [
        ratio(v, "one way, 64 B, NetPIPE's pattern: Linux / IX", "sockets",
              "ix"),
        ratio(large, "one way, 512 KB: Linux / IX", "sockets", "ix"),
        ratio(large, "one way, 512 KB: Linux without offload / IX",
              "sockets, no offload", "ix"),
        ratio(large, "one way, 512 KB, frames of 9000 B: Linux / IX",
              "sockets, 9000 B frames", "ix, 9000 B frames")]}
