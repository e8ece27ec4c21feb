#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/run --readme and --doc on the pages as they are: readme.py SOURCE_DIR"""
import json
import os
import sys
import tempfile

SOURCE = sys.argv[1]
sys.path[:0] = [os.path.join(SOURCE, d) for d in ("bench", "tool")]
from figures import doc, report  # noqa: E402

FACTS = {"cpu": "CPU", "cores": 2, "virtual": True, "kernel": "6",
         "time": "2030-01-02T00:00:00", "load": 0}
WHAT = "memory per idle connection, bytes (resident)"
PART = {"memory": {"unit": "bytes", "values": {"ix": {}},
                   "rows": [(WHAT, 1.25, 512, "<="),
                            ("of a new kind", 3, 2, "<=")]},
        "wire": {"unit": "msg/s", "values": {"ix": {"median": 7}},
                 "rows": []}}


def recorded():
    with open(os.path.join(SOURCE, "test", "bench", "results.json")) as f:
        return json.load(f)


PAGE = """# Performance
<!-- machine -->
- another one
<!-- /machine -->
Words.
<!-- figures -->

### Put here by hand

| more | 7 |

### Small messages

`--only echo`. Old words.

old numbers; another machine

### Batches, of another day

`--only batch`. Words.

| kept | 1.29 |

### The stack alone

`--only wire`. Words.

| kept | 5.19 |

### By hand, too

`--only` what you like.
<!-- /figures -->
The end.
"""


def part():
    """A run of some scenarios: what it has not measured stays as it was, in its
    place, and each part tells where and when its numbers are from."""
    results = recorded()
    del results["scenarios"]["pingpong"], results["scenarios"]["latency"]
    new = doc.update(PAGE, results, ["insns", "echo", "lines", "wire"])
    assert "kept | 5.19" in new, "a run that failed takes nothing's place"
    headings = [x[4:] for x in new.splitlines() if x.startswith("### ")]
    assert headings == [
        "Instructions per message", "Put here by hand",
        "Small messages: how many a second", "Batches, of another day",
        "The stack alone", "By hand, too"], headings
    begin, end = new.index("### Small"), new.index("### Batches")
    facts = "; AMD EPYC, 2 cores of a virtual machine, Linux 6.18.44.\n"
    assert facts in new[begin:end] and "2026-11-27 02:19; 3 turns of 0.7 s; " \
        "load of the machine 9.6" in new[begin:end], new[begin:end]
    assert "old numbers" not in new
    old_end = PAGE[PAGE.index("### Batches"):]
    assert new.endswith(old_end) and "| more | 7 |" in new[:begin]
    assert doc.update(new, results, ["insns", "echo", "lines", "wire"]) == new


def performance():
    """doc/performance.md, where no figure was yet: its numbers are those of
    results.json, and nothing else in it changes."""
    results = recorded()
    with tempfile.TemporaryDirectory() as d:
        path, texts = os.path.join(d, "performance.md"), []
        with open(doc.DOC) as f, open(path, "w") as copy:
            copy.write(report.put_section(f.read(), "figures", []))
        for _ in range(2):
            doc.write(results, ["echo", "insns", "wire"], path)
            with open(path) as f:
                texts.append(f.read())
    assert texts[0] == texts[1], "twice is not the same as once"
    with open(doc.DOC) as f:
        old = f.read()
    for name in "machine", "figures":
        old = report.put_section(old, name, [])
        texts[1] = report.put_section(texts[1], name, [])
    assert texts[1] == old, "more than the two sections has changed"
    for line in (
            "- AMD EPYC, 2 cores of a virtual machine, Linux 6.18.44, "
            "24,105 MB", "Not measured: ixload: status 1: <b>no answer</b>",
            "| echo 64 B x 64 over veth: IX / Linux epoll on one core | 5.07 "
            "(5.01 to 5.28) | >= 5 | reached |",
            "| IX / Linux, 64 B, 1024 messages on a connection, all cores | 8.8 "
            "times (8.8 M/s and 1.0 M/s) | 5.07: echo 64 B x 64 over veth: IX "
            "/ Linux epoll on one core |"):
        assert line in texts[0].splitlines(), line


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
part()
performance()
