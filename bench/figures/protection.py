# SPDX-License-Identifier: MIT
"""What each domain costs, by the batch bound: a crossing's price is divided by
the messages that it carries."""

from figures.bench import NotYet
from figures.servers import Server
from figures.turns import ratio
from lab import Failed

BOUNDS = 1, 8, 64


def works(bench, domain):
    """Whether the machine has it: vm needs a KVM that runs rings 0 and 3."""
    try:
        with Server(bench, "ix", domain=domain):
            return True
    except Failed as e:
        print(f"    without domain {domain}: {e}")
        return False


def protection(bench):
    """each domain's price by batch bound B, 64 B echo, 256 connections"""
    if bench.before:
        raise NotYet("not with --realtime: behind the wall the application has "
                     "no priority")
    walls = [d for d in ("process", "vm") if works(bench, d)]
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
    return {"unit": "msg/s", "values": v, "figures": [
        {"kind": "lines", "x": "batch bound B", "y": "msg/s", "log": "x",
         "lines": lines}], "rows": [
        ratio(v, f"echo behind the wall: {d} / inline, B = {b}",
              f"{d} B={b}", f"inline B={b}") for d in walls for b in BOUNDS]}
