# SPDX-License-Identifier: MIT
"""The policy alone, in virtual time, on eight cores that nobody else uses:
test/cp/load.c, which calls the code that ixcpd decides by. Exact: the same on
every machine."""

import os
import re

from lab import Failed, sh

CORES = 8  # of load.c
TARGET_US = 500
EVERY = 10  # intervals of 10 ms: a point
SHAPES = {"step x10": "step", "ramp": "ramp"}
INTERVAL = re.compile(r"(\d+) ms: load (\d+), (\d+) cores, busy \d+, "
                      r"delay (\d+) -> \d+")
VERDICT = re.compile(r"\w+ +latency +(.+?) +p99 +(\d+) us, "
                     r"late +(\d+) permille, +\d+ changes, cores +(\d+) %")


def runs(text):
    """By scenario, policy latency: [ms, load, cores, delay] of each interval;
    and the verdict: p99, permille of intervals that were late, cores in per
    cent of the fewest that would have done."""
    found, intervals = {}, []
    for line in text.splitlines():
        m = INTERVAL.match(line)
        if m:
            intervals.append(list(map(int, m.groups())))
            continue
        m = VERDICT.match(line)
        if m and intervals:
            found[m.group(1)] = intervals, list(map(int, m.groups()[1:]))
        intervals = []
    return found


def points(intervals, column, of):
    """[seconds, number]: @of those of some intervals."""
    return [[intervals[i][0] / 1e3,
             of(x[column] for x in intervals[i:i + EVERY])]
            for i in range(0, len(intervals), EVERY)]


def mean_cores(intervals):
    return sum(x[2] for x in intervals) / len(intervals)


def policy(bench):
    """the policy alone, in virtual time: cores and p99 under step and ramp"""
    found = runs(sh(os.path.join(bench.build, "test", "cp", "load"), "-v"))
    if set(SHAPES) - set(found):
        raise Failed(f"test/cp/load has no {set(SHAPES) - set(found)}")
    figures, rows = [], []
    for name, shape in SHAPES.items():
        intervals, (p99, late, least) = found[name]
        figures += [
            {"kind": "lines", "x": f"seconds, {shape}", "y": "cores",
             "lines": {"cores": points(intervals, 2, max),
                       "load, cores' worth": [
                           [t, x / 1e3] for t, x in
                           points(intervals, 1, max)]}},
            {"kind": "lines", "x": f"seconds, {shape}",
             "y": "us, 99 of 100 packets of a core wait less",
             "lines": {"the most of 100 ms": points(intervals, 3, max)}}]
        rows += [(f"{shape}, virtual time: {what}", x) for what, x in (
            (f"cores x time / {CORES} cores all the time",
             mean_cores(intervals) / CORES),
            (f"cores x time / the fewest that hold {TARGET_US} us",
             least / 100),
            ("p99 of all packets, us", p99),
            (f"intervals of 10 ms with p99 above {TARGET_US} us, permille",
             late))]
    return {"unit": "exact", "values": {}, "figures": figures, "rows": rows}
