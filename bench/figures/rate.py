# SPDX-License-Identifier: MIT
"""How the rate depends on how much a connection is used, and on the size."""

from figures.turns import ratio
from figures.veth import CHURN_PORTS

MESSAGES = 1, 8, 64, 1024
SIZES = 64, 1024, 8192


def contenders(bench):
    return ["ix", *(k for k in bench.linux_servers() if k != "linux-busy")]


def sweep(bench, axis, points, options):
    """@options: of ixload, for a point. By contender, a line."""
    kinds = contenders(bench)

    def run(case):
        kind, _, point = case.rpartition(" ")
        r = bench.with_server(kind, bench.ixload(
            "ix", "--conns", "64", *options(point), extra=CHURN_PORTS),
            one_core=True)
        return r["msgs_per_sec"]

    v = bench.compare(run, *(f"{k} {p}" for p in points for k in kinds))
    lines = {k: [[p, v[f"{k} {p}"]["median"]] for p in points] for k in kinds}
    return v, {"kind": "lines", "x": axis, "y": "messages a second",
               "log": "xy", "lines": lines}


def messages(bench):
    """messages on a connection, 1 to 1024, 64 B each: messages per second"""
    v, figure = sweep(bench, "messages on a connection, then it is reset",
                      MESSAGES, lambda n: ("--msgs-per-conn", n, "--rst"))
    return {"unit": "msg/s", "values": v, "figures": [figure], "rows": [
        ratio(v, f"64 B, n = {n} messages on a connection: IX / Linux epoll",
              f"ix {n}", f"linux {n}") for n in MESSAGES]}


def sizes(bench):
    """one message on a connection, 64 B to 8 KB: messages per second"""
    v, figure = sweep(bench, "bytes of a message", SIZES, lambda s: (
        "--msgs-per-conn", "1", "--rst", "--size", s))
    return {"unit": "msg/s", "values": v, "figures": [figure], "rows": [
        ratio(v, f"one message of {s} B on a connection: IX / Linux epoll",
              f"ix {s}", f"linux {s}") for s in SIZES]}
