# SPDX-License-Identifier: MIT
"""How the rate depends on how many connections are open, as the original asked:
64 messages are under way, each on a connection chosen at random. The more
connections, the less of what the server knows of the chosen one is in a cache.

A client's address has 64,512 ports for each of the server's: both servers listen
on 16. A million is more than Linux has files for, and is asked on the wire."""

import resource

from figures.servers import PORT
from figures.turns import ratio
from figures.veth import CHURN_PORTS

OPEN = 64, 1000, 15000, 60000, 250000
MOST = 1000000
ACTIVE = 64
NPORTS = 16
SPARE = 1024  # files that are no connections


def most_on_linux():
    """Connections, of which each is a file. The limit is raised as far as it may
    be; who is started has it from us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        hard = max(hard, OPEN[-1] + SPARE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except ValueError:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return hard - SPARE


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
    most = most_on_linux()
    points = {"ix": OPEN, "linux": [n for n in OPEN if n <= most],
              "wire": (OPEN[0], OPEN[-1], MOST) if bench.namespaces else ()}
    v = bench.compare(lambda case: measure(bench, case), *(
        f"{k} {n}" for n in (*OPEN, MOST) for k in points if n in points[k]))
    few = OPEN[0]
    return {"unit": "msg/s", "values": v, "figures": [
        {"kind": "lines", "x": "open connections", "y": "messages a second",
         "log": "xy", "lines": {
             k: [[n, v[f"{k} {n}"]["median"]] for n in points[k]]
             for k in points if points[k]}}],
        "notes": [f"Linux epoll has not taken part with more than {most:,} "
                  "connections: each is an open file, of which a program may "
                  f"have {most + SPARE:,} here."] * (most < OPEN[-1]),
        "rows": [
            *(ratio(v, f"{n:,} connections: IX / Linux epoll", f"ix {n}",
                    f"linux {n}") for n in points["linux"]),
            *(ratio(v, f"{what}: {n:,} connections / {few}", f"{k} {n}",
                    f"{k} {few}")
              for k, what in (("ix", "IX"), ("linux", "Linux epoll"),
                              ("wire", "IX on the wire"))
              for n in points[k][1:] if n in (points[k][-1], OPEN[-1]))]}
