# SPDX-License-Identifier: MIT
"""How the rate depends on how many connections are open, as the original asked:
64 messages are under way, each on a connection chosen at random. The more
connections, the less of what the server knows of the chosen one is in a cache.

A client's address has 64,512 ports for each of the server's: both servers listen
on 16. A million is more than Linux has files for, and is asked on the wire."""

from figures.servers import PORT
from figures.turns import ratio
from figures.veth import CHURN_PORTS

OPEN = 64, 5000, 50000, 250000
MOST = 1000000
ACTIVE = 64
NPORTS = 16
KINDS = "ix", "linux"


def tables(n):
    """Idle connections are ended to make room before a table is full."""
    room = str(n * 9 // 8 + 1024)
    return "--tcp.max_conns", room, "--tcp.per_source", room


def server(kind, n):
    """Options for NPORTS ports; the first is the program's own."""
    if kind == "linux":
        return "--ports", str(NPORTS)
    ports = ",".join(str(PORT + i) for i in range(1, NPORTS))
    return (*tables(n), "--port", ports)


def client(bench, n, **more):
    return bench.ixload(
        "ix", "--conns", str(n), "--ports", str(NPORTS), "--active",
        str(ACTIVE), "--connect-timeout", "45", "--warmup", "1",
        extra=(*CHURN_PORTS[:4], *tables(n)), **more)


def measure(bench, case):
    """Of `ix 64`; `wire 64`: IX at both ends of shared memory."""
    kind, n = case.split()
    more = {}
    if kind == "wire":
        kind, more = "ix", {"nic": bench.wire()}
    r = bench.with_server(kind, client(bench, int(n), **more), one_core=True,
                          extra=server(kind, int(n)), **more)
    return r["msgs_per_sec"]


def connections(bench):
    """64 to 250,000 connections, 1,000,000 on the wire, random ones active"""
    on_wire = (OPEN[0], OPEN[-1], MOST) if bench.namespaces else ()
    v = bench.compare(lambda case: measure(bench, case), *(
        f"{k} {n}" for n in OPEN for k in KINDS), *(
        f"wire {n}" for n in on_wire))
    few, many = OPEN[0], OPEN[-1]
    lines = {k: [[n, v[f"{k} {n}"]["median"]] for n in points]
             for k, points in (("ix", OPEN), ("linux", OPEN),
                               ("wire", on_wire)) if points}
    return {"unit": "msg/s", "values": v, "figures": [
        {"kind": "lines", "x": "open connections", "y": "messages a second",
         "log": "xy", "lines": lines}], "rows": [
        *(ratio(v, f"{n:,} connections: IX / Linux epoll", f"ix {n}",
                f"linux {n}") for n in OPEN),
        ratio(v, f"IX: {many:,} connections / {few}", f"ix {many}",
              f"ix {few}"),
        ratio(v, f"Linux epoll: {many:,} connections / {few}",
              f"linux {many}", f"linux {few}"),
        *(ratio(v, f"IX on the wire: {n:,} connections / {few}",
                f"wire {n}", f"wire {few}") for n in on_wire[1:])]}
