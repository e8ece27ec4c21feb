# SPDX-License-Identifier: MIT
"""How the rate depends on how many connections are open: each has one message
in flight, so that the server meets them all, one after the other, and whatever
it knows of a connection has left the cache when its turn comes again."""

from figures.turns import ratio
from figures.veth import CHURN_PORTS

OPEN = 64, 5000, 50000
ROUNDS = 2  # at least, over all connections
SLOWEST = 40000  # messages a second: then that takes 2.5 s
PORTS = CHURN_PORTS[:4]  # not so short a TIME-WAIT, but all ports


def connections(bench):
    """64 to 50,000 connections, each with a 64 B message in flight"""
    kinds = "ix", "linux"

    def run(case):
        kind, _, n = case.partition(" ")
        r = bench.with_server(kind, bench.ixload(
            "ix", "--conns", n, "--connect-timeout", "20", "--warmup", "1",
            "--duration", str(max(bench.seconds, ROUNDS * int(n) / SLOWEST)),
            extra=PORTS), one_core=True)
        return r["msgs_per_sec"]

    v = bench.compare(run, *(f"{k} {n}" for n in OPEN for k in kinds))
    lines = {k: [[n, v[f"{k} {n}"]["median"]] for n in OPEN] for k in kinds}
    most = OPEN[-1]
    return {"unit": "msg/s", "values": v, "figures": [
        {"kind": "lines", "x": "connections", "y": "messages a second",
         "log": "xy", "lines": lines}], "rows": [
        *(ratio(v, f"{n:,} connections: IX / Linux epoll", f"ix {n}",
                f"linux {n}") for n in OPEN),
        ratio(v, f"IX: {most:,} connections / {OPEN[0]}", f"ix {most}",
              f"ix {OPEN[0]}"),
        ratio(v, f"Linux epoll: {most:,} connections / {OPEN[0]}",
              f"linux {most}", f"linux {OPEN[0]}")]}
