# SPDX-License-Identifier: MIT
"""The batch bound B, as the original asked: how much it gives a key-value server
that has to answer in time, and what it costs when there is little to do."""

from figures.memcached import (SLA_US, best, climb, drop_never_held, kinds,
                               load)
from figures.turns import if_there, ratio, summary

BOUNDS = 1, 2, 8, 16, 64, 128
LOW = 2000  # requests a second


def batch_sla(bench):
    """kv under USR by batch bound: rate at the SLA, and latency at low load"""
    kind = "kv-process" if "kv-process" in kinds(bench) else "kv"
    low = {f"B={b}": [] for b in BOUNDS}

    def run(case):
        extra = {"extra": ("--batch", case[2:])}
        low[case].append(load(bench, kind, "usr", LOW, **extra)
                         ["latency_ns"][bench.sla] / 1e3)
        top = load(bench, kind, "usr", None, **extra)["msgs_per_sec"]
        return best(bench, climb(bench, kind, "usr", top, **extra), case)

    v = bench.compare(run, *low)
    never = drop_never_held(bench, v)
    late = {case: summary(x) for case, x in low.items()}
    q, wall = bench.sla, "process" if kind != "kv" else "inline"
    axes = {"kind": "lines", "x": "batch bound B", "log": "x"}
    return {"unit": f"requests/s with {q} below {SLA_US} us", "values": v,
            "low": late, "notes": bench.notes() + never, "figures": [
                {**axes, "y": f"requests a second, {q} below {SLA_US} us",
                 "lines": {kind: [[b, v[f"B={b}"]["median"]]
                                  for b in BOUNDS if f"B={b}" in v]}},
                {**axes, "y": f"{q} at {LOW} requests a second, us",
                 "lines": {kind: [[b, late[f"B={b}"]["median"]]
                                  for b in BOUNDS]}}],
            "rows": [
                *(r for b in BOUNDS[1:] for r in if_there(
                    v, f"USR, domain {wall}, rate with {q} < {SLA_US} us: "
                    f"B = {b} / B = 1", f"B={b}", "B=1")),
                ratio(late, f"USR, domain {wall}, {q} at {LOW:,} requests a "
                      "second: B = 64 / B = 1", "B=64", "B=1")]}
