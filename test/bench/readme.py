#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/run --readme on the README as it is: readme.py SOURCE_DIR"""
import os
import sys

SOURCE = sys.argv[1]
sys.path[:0] = [os.path.join(SOURCE, d) for d in ("bench", "tool")]
from figures import report  # noqa: E402

FACTS = {"cpu": "CPU", "cores": 2, "virtual": True, "kernel": "6",
         "time": "2030-01-02T00:00:00", "load": 0}
WHAT = "memory per idle connection, bytes (resident)"
PART = {"memory": {"unit": "bytes", "values": {"ix": {}},
                   "rows": [(WHAT, 1.25, 512, "<="),
                            ("of a new kind", 3, 2, "<=")]},
        "wire": {"unit": "msg/s", "values": {"ix": {"median": 7}},
                 "rows": []}}


def main():
    with open(report.README) as f:
        text = f.read()
    new = report.update_readme(text, PART, FACTS, whole=False)
    old, lines = text.splitlines(), new.splitlines()
    at = next(i for i, x in enumerate(old) if report.cell(x) == WHAT)
    changed = [x for x in lines if x not in old]
    # One measured row and a new one behind it, the raw numbers of another
    # scenario, and the line that says so: nothing else, and nothing is lost.
    rows = [f"| {WHAT} | 1.25 | <= 512 | reached |",
            "| of a new kind | 3.00 | <= 2 | MISSED |",
            "| wire | msg/s | ix 7 |"]
    assert [x for x in changed if x.startswith("|")] == rows, changed
    assert lines[lines.index(rows[0]) + 1] == rows[1]
    assert len(lines) - len(old) in (1, 2) and len(changed) == 4, changed
    newer, = set(changed) - set(rows)
    assert "memory 2030-01-02" in newer and "wire 2030-01-02" in newer, newer
    again = report.update_readme(new, PART, FACTS, whole=False)
    assert again == new, "twice is not the same as once"
    whole = report.update_readme(new, PART, FACTS, whole=True).splitlines()
    assert "CPU, 2 cores of a virtual machine, Linux 6, 2030-01-02." in whole
    assert rows[2] in whole and old[at + 2] not in whole
    assert not any(report.NEWER.match(x) for x in whole)


main()
