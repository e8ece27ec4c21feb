#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The scenarios elastic and policy, a little of them: cores follow a policy,
and what is drawn is what was seen. No timing decides.
elastic.py SOURCE_DIR BUILD_DIR"""
import os
import sys

SOURCE, BUILD = sys.argv[1:3]
sys.path[:0] = [os.path.join(SOURCE, d) for d in ("bench", "tool")]
from figures import beside, elastic, policy  # noqa: E402
from figures.bench import Bench  # noqa: E402
from lab import check, finish, skip  # noqa: E402

LOADS = 0.01, 0.9, 0.01


def virtual(bench):
    r = policy.policy(bench)
    rows = {x[0]: x[1] for x in r["rows"]}
    for shape in policy.SHAPES.values():
        saved = rows[f"{shape}, virtual time: cores x time / 8 cores all the "
                     "time"]
        check(f"{shape}: fewer than all cores, more than one",
              1 / 8 < saved < 1, saved)
    there = rows["step, virtual time: ms until there are cores for the load"]
    check(f"cores are there {there} ms after the step", 0 < there <= 100)
    for kind in "latency", "background":
        again = rows[f"load x 10 at once, policy {kind}, virtual time: ms until "
                     "the target is met again"]
        check(f"{kind}: met again {again} ms after the step",
              0 < again <= policy.AGAIN_MS)
    for load in policy.HALVES.values():
        left = rows[f"{load}, policy background, virtual time: other work's part "
                    "of 8 cores"]
        check(f"{load}: {left:.2f} is left", policy.LEFT <= left < 0.5)
    step, late = r["figures"][0]["lines"], r["figures"][1]["lines"]
    check("a step is drawn: the load's, and the cores' after it",
          step["load, cores' worth"][0][1] < 1 <
          step["load, cores' worth"][-1][1] < step["cores"][-1][1] <= 8 and
          min(x[1] for x in step["cores"]) == 1)
    check("and what it costs", all(len(x) == len(step["cores"])
                                   for x in late.values()))


def real(bench, name):
    r = elastic.follow(bench, name, LOADS, 2, 200000)
    seen = {n for _, n in r["cores"]}
    check(f"{name}: p99 of each load", len(r["p99"]) == len(LOADS) and
          all(us > 0 for _, us in r["p99"]), r["p99"])
    check(f"{name}: cores all the time", len(r["cores"]) > 10 and
          seen <= {1, 2} and 1 <= r["mean"] <= 2, seen)
    return seen


def main():
    if len(os.sched_getaffinity(0)) < 2:
        skip("needs two cores")
    check("a list is counted", elastic.how_many("0,2-4") == 4 and
          elastic.how_many("") == 0)
    check("cores times time", elastic.core_seconds(
        [[0, 1], [2, 2], [3, 2]]) == 4)
    late, good = [10 ** 9], [10 ** 5]
    check("met again: four of five, and what is late then", beside.met_again(
        {"p99_ns_each": good * 20 + late * 3 + good * 2 + late * 2 + good +
         late + good * 9 + late * 2}) == (70, 3000 / 13))
    check("never met again", beside.met_again(
        {"p99_ns_each": good * 20 + late * 20}) == (200, 1000))
    bench = Bench(BUILD, {"s": 0, "c": 1}, 1, 1.0)
    virtual(bench)
    check("fixed has all of them", real(bench, "fixed") == {2})
    real(bench, "latency")
    finish()


main()
