# SPDX-License-Identifier: MIT
"""bench/out/results.json: of each scenario what was measured last, on this
machine. For each contender all samples and their median; for each row its
value, spread and verdict.

    {"machine": {...},
     "scenarios": {"echo": {
         "about": "...", "unit": "msg/s", "when": "...", "load": 0.2,
         "turns": 5, "seconds": 2.0, "nic": "...",
         "values": {"ix": {"median": 1, "values": [1, ...]}, ...},
         "rows": [{"what": "...", "value": 5.1, "low": 4.9, "high": 5.3,
                   "confidence": 0.94, "target": 5, "how": ">=",
                   "verdict": "reached"}, ...]}, ...}}
"""

import json
import os

from figures.facts import same_machine
from figures.turns import Row, verdict

OUT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                   "out")


def row_record(row):
    row = Row(*row)
    return {**row._asdict(), "verdict": verdict(row)}


def record(result, about, conditions):
    """@result: what a scenario returned."""
    return {"about": about, **conditions, **result,
            "rows": [row_record(r) for r in result.get("rows", ())]}


def path(out):
    return os.path.join(out, "results.json")


def load(out):
    try:
        with open(path(out)) as f:
            return json.load(f)
    except FileNotFoundError:
        return None


def merge(old, facts, scenarios):
    """What of @old was measured on another machine is of no use beside this."""
    kept = old["scenarios"] if old and same_machine(old["machine"], facts) \
        else {}
    return {"machine": facts, "scenarios": {**kept, **scenarios}}


def save(facts, scenarios, out):
    """All that the file has now."""
    os.makedirs(out, exist_ok=True)
    merged = merge(load(out), facts, scenarios)
    with open(path(out) + ".new", "w") as f:
        json.dump(merged, f, indent=1)
        f.write("\n")
    os.replace(path(out) + ".new", path(out))
    return merged
