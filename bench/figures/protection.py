# SPDX-License-Identifier: MIT
"""What each domain costs, by the batch bound: a crossing's price is divided by
the messages that it carries."""

from figures.bench import NotYet
from figures.turns import ratio

BOUNDS = 1, 8, 64


def protection(bench):
    """each domain's price by batch bound B, 64 B echo, 256 connections"""
    if bench.before:
        raise NotYet("not with --realtime: behind the wall the application has "
                     "no priority")
    walls = bench.walls
    if not walls:
        raise NotYet("neither domain process nor vm works here")
    client = bench.ixload("ix", "--conns", "256")

    def run(kind):
        domain, _, bound = kind.partition(" B=")
        return bench.with_server("ix", client, domain=domain,
                                 extra=["--batch", bound])["msgs_per_sec"]

    v = bench.compare(run, *(f"{d} B={b}" for b in BOUNDS
                             for d in ("inline", *walls)))
    lines = {d: [[b, v[f"{d} B={b}"]["median"]] for b in BOUNDS]
             for d in ("inline", *walls)}
    return {"unit": "msg/s", "values": v, "notes": bench.notes(), "figures": [
        {"kind": "lines", "x": "batch bound B", "y": "msg/s", "log": "x",
         "lines": lines}], "rows": [
        ratio(v, f"echo behind the wall: {d} / inline, B = {b}",
              f"{d} B={b}", f"inline B={b}") for d in walls for b in BOUNDS]}
