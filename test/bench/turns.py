#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What bench/run makes of its numbers: turns.py SOURCE_DIR"""
import json
import os
import random
import statistics
import sys
import tempfile

SOURCE = sys.argv[1]
sys.path[:0] = [os.path.join(SOURCE, d) for d in ("bench", "tool")]
from figures import facts, memcached, results  # noqa: E402
from figures.turns import (Row, confidence, if_there,  # noqa: E402
                           interval, ratio, row, summary, too_noisy,
                           verdict)

MACHINE = {"cpu": "X", "cores": 2, "kernel": "6"}


def intervals():
    assert interval([7]) == (None, None, 0)
    assert interval([3, 1, 2]) == (1, 3, 0.75)
    assert interval([5, 1, 4, 2, 3]) == (1, 5, 0.938)
    # With turns enough the outermost do not count: 8 give 93 % without them.
    assert interval([100, 1, 2, 3, 4, 5, 6, 0]) == (1, 6, 0.93)
    assert abs(confidence(8, 2) - 0.9297) < 1e-4
    # It holds the median as often as it says, of something lopsided.
    rng = random.Random(1)
    median, tries, held = 2 ** 0.5, 4000, 0
    for _ in range(tries):
        low, high, said = interval([(1 - rng.random()) ** -0.5
                                    for _ in range(9)])
        held += low <= median <= high
    assert said > 0.9 and abs(held / tries - said) < 0.02, (held, said)


def ratios():
    """A disturbance that hits both in a turn does not widen it."""
    v = {"a": summary([10, 5, 20]), "b": summary([2, 1, 4])}
    assert ratio(v, "x", "a", "b", 5, ">=") == \
        Row("x", 5, 5, ">=", 5, 5, 0.75)
    v["b"] = summary([2, 2, 4])
    r = ratio(v, "x", "a", "b")
    assert (r.value, r.low, r.high) == (5, 2.5, 5)
    assert if_there(v, "x", "a", "c") == []
    assert if_there(v, "x", "a", "b") == [r]
    assert row(v, "x", lambda m: m["a"] + m["b"]).value == 12


def verdicts():
    def of(low, high, target=None, how=">="):
        value = low and statistics.mean((low, high)) or 5
        return verdict(Row("x", value, target, how, low, high, 0.75))

    assert of(4.9, 5.3, 5) == "reached"  # near, but quiet enough
    assert of(4, 9) == "too noisy" and of(4, 5) == ""
    assert of(4, 9, 5) == "too noisy"
    assert of(6, 12, 5) == "reached"  # wide, but all on one side
    assert of(1, 3, 5) == "MISSED" and of(1, 3, 5, "<=") == "reached"
    # Wide enough for both answers, if not wide.
    assert of(4.6, 5.9, 5) == "too noisy" and of(5.1, 5.9, 5) == "reached"
    assert of(None, None, 5) == "reached" and of(None, None) == ""
    once = {"a": summary([9]), "b": summary([1])}
    assert verdict(ratio(once, "x", "a", "b", 5, ">=")) == "one turn"
    assert verdict(ratio(once, "x", "a", "b")) == "one turn"
    assert of(-1, 2) == "too noisy"
    assert not too_noisy(Row("exact", 3))


def files():
    """Of each scenario the last of this machine; the rest stays."""
    with tempfile.TemporaryDirectory() as d:
        out = os.path.join(d, "out")
        one = results.record(
            {"unit": "u", "values": {"a": summary([1, 2, 4])},
             "rows": [Row("x", 1, 2, ">=", 0.9, 1.1, 0.75),
                      ("exact", 3, 2, ">=")]}, "about", {"turns": 3})
        assert [r["verdict"] for r in one["rows"]] == ["MISSED", "reached"]
        assert one["values"]["a"] == {"median": 2, "values": [1, 2, 4]}
        results.save(MACHINE, {"one": one}, out)
        both = results.save(MACHINE, {"two": results.record(
            {"error": "why"}, "b", {})}, out)
        assert list(both["scenarios"]) == ["one", "two"]
        with open(results.path(out)) as f:
            assert json.load(f) == both
        other = results.save({**MACHINE, "kernel": "7"}, {"two": {}}, out)
        assert list(other["scenarios"]) == ["two"]
        assert os.listdir(out) == ["results.json"]


def climbs():
    """A server that holds 70,000 a second, of which each rate's first run is
    spoiled; from below and from above."""
    class Fake:
        sla = "p99"

    tried = []

    def load(bench, kind, mix, rate):
        spoiled = rate not in tried
        tried.append(rate)
        ok = rate <= 70000 and not spoiled
        return {"msgs_per_sec": rate,
                "latency_ns": {"p99": 100e3 if ok else 9e6}}

    memcached.load = load
    for top in 100000, 3000000:
        curve = memcached.climb(Fake, "kv", "usr", top)
        rate = memcached.best(Fake, curve, "kv")
        assert 70000 / memcached.STEP <= rate <= 70000, (top, curve)
        assert not curve[-1][2] and all(ok for _, _, ok in curve[:-1])
    memcached.load = lambda *x: {"msgs_per_sec": 1, "latency_ns": {"p99": 1}}
    curve = memcached.climb(Fake, "kv", "usr", 100000)
    assert memcached.best(Fake, curve, "kv") == memcached.NONE


def spoiled_turn():
    """One in which no rate held makes a figure too noisy, and ends nothing; a
    contender that never holds any has none, and it is said."""
    v = {"kv": summary([70000, memcached.NONE, 72000]),
         "memcached": summary([20000, 21000, 20500]),
         "redis": summary([memcached.NONE] * 3)}

    class Fake:
        sla = "p99"

    notes = memcached.drop_never_held(Fake, v)
    assert list(v) == ["kv", "memcached"]
    assert len(notes) == 1 and "redis" in notes[0].lower(), notes
    r = ratio(v, "x", "kv", "memcached", 1, ">=")
    assert verdict(r) == "too noisy", r
    assert not if_there(v, "x", "kv", "redis")


def machine():
    m = facts.machine()
    for key in ("cpu", "cores", "kernel", "huge_pages", "mitigations",
                "transparent_huge_pages", "tools", "load"):
        assert key in m, key
    assert "Not affected" not in m["mitigations"].values()
    assert facts.chosen("always [madvise] never") == "madvise"


for test in intervals, ratios, verdicts, climbs, spoiled_turn, files, \
        machine:
    test()
    print("ok:", test.__name__)
