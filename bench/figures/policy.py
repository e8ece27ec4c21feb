# SPDX-License-Identifier: MIT
"""The policy alone, in virtual time, on eight cores that nobody else uses:
test/cp/load.c, which calls the code that ixcpd decides by. Exact: the same on
every machine."""

import os
import re
import typing

from lab import Failed, sh

CORES = 8  # of load.c
TARGET_US = 500
EVERY = 10  # intervals of 10 ms: a point
SHAPES = {"step x10": "step", "ramp": "ramp"}
STEP_MS = 4000  # of step x10
# Of half the machine all the time; and as the original's, up and down, 40 % of
# the machine on average.
HALVES = {"half": "half load all the time", "ramp": "load that ramps",
          "day": "load of a day, a sine"}
LEFT = 0.32  # of the machine, for work in the background
AGAIN_MS = 100
INTERVAL = re.compile(r"(\d+) ms: load (\d+), (\d+) cores, busy \d+, "
                      r"delay (\d+) -> \d+")
VERDICT = re.compile(r"\w+ +(\w+) +(.+?) +p99 +(\d+) us, "
                     r"late +(\d+) permille, +(\d+) changes, "
                     r"cores +(\d+) %, left +(\d+) permille"
                     r"(?:, met again after (\d+) ms)?")


class Verdict(typing.NamedTuple):
    p99: int  # us
    late: int  # permille of intervals
    changes: int
    cores: int  # in per cent of the fewest that would have done
    left: int  # permille of all
    again: int | None  # ms from the step until the target is met


def runs(text):
    """By policy and scenario: [ms, load, cores, delay] of each interval, and the
    verdict."""
    found, intervals = {}, []
    for line in text.splitlines():
        m = INTERVAL.match(line)
        if m:
            intervals.append(list(map(int, m.groups())))
            continue
        m = VERDICT.match(line)
        if m and intervals:
            found[m.groups()[:2]] = intervals, Verdict(*(
                x and int(x) for x in m.groups()[2:]))
        intervals = []
    return found


def points(intervals, column, of):
    """[seconds, number]: @of those of some intervals."""
    return [[intervals[i][0] / 1e3,
             of(x[column] for x in intervals[i:i + EVERY])]
            for i in range(0, len(intervals), EVERY)]


def mean_cores(intervals):
    return sum(x[2] for x in intervals) / len(intervals)


def until_there(intervals):
    """ms from the step until there are cores for the load."""
    top = max(load for _, load, _, _ in intervals)
    return next(ms for ms, load, cores, _ in intervals
                if load == top and cores * 1000 >= load) - STEP_MS


def background(name, verdict):
    """What is left for work in the background, whose cores come and go."""
    left = verdict.left / 1000
    most = 1 - (1 - left) * 100 / verdict.cores
    return [(f"{HALVES[name]}, policy background, virtual time: {what}", x,
             *aim) for what, x, *aim in (
                (f"other work's part of {CORES} cores", left, LEFT, ">="),
                ("... of what the fewest cores would leave", left / most),
                ("p99 of all packets, us", verdict.p99, TARGET_US, "<="),
                ("changes of cores", verdict.changes))]


def steps(found):
    return [(f"load x 10 at once, policy {kind}, virtual time: ms until the "
             "target is met again", found[kind, "step x10"][1].again, AGAIN_MS,
             "<=") for kind in ("latency", "energy", "background")]


def shape_of(name, intervals):
    shape = SHAPES[name]
    return [
        {"kind": "lines", "x": f"seconds, {shape}", "y": "cores",
         "lines": {"cores": points(intervals, 2, max),
                   "load, cores' worth": [
                       [t, x / 1e3] for t, x in points(intervals, 1, max)]}},
        {"kind": "lines", "x": f"seconds, {shape}",
         "y": "us, 99 of 100 packets of a core wait less",
         "lines": {"the most of 100 ms": points(intervals, 3, max)}}]


def shape_rows(name, intervals, verdict):
    return [(f"{SHAPES[name]}, virtual time: {what}", x) for what, x in (
        (f"cores x time / {CORES} cores all the time",
         mean_cores(intervals) / CORES),
        (f"cores x time / the fewest that hold {TARGET_US} us",
         verdict.cores / 100),
        ("p99 of all packets, us", verdict.p99),
        (f"intervals of 10 ms with p99 above {TARGET_US} us, permille",
         verdict.late))]


def policy(bench):
    """the policy alone, in virtual time: cores and p99 under step and ramp"""
    found = runs(sh(os.path.join(bench.build, "test", "cp", "load"), "-v"))
    wanted = {("latency", name) for name in SHAPES} | \
        {("background", name) for name in HALVES}
    if wanted - set(found):
        raise Failed(f"test/cp/load has no {wanted - set(found)}")
    figures, rows = [], []
    for name in SHAPES:
        intervals, verdict = found["latency", name]
        figures += shape_of(name, intervals)
        rows += shape_rows(name, intervals, verdict)
    rows.append(("step, virtual time: ms until there are cores for the load",
                 until_there(found["latency", "step x10"][0])))
    rows += steps(found)
    for name in HALVES:
        rows += background(name, found["background", name][1])
    return {"unit": "exact", "values": {}, "figures": figures, "rows": rows}
