#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/run --doc on the pages as they are: readme.py SOURCE_DIR"""
import json
import os
import sys
import tempfile

SOURCE = sys.argv[1]
sys.path[:0] = [os.path.join(SOURCE, d) for d in ("bench", "tool")]
from figures import doc, report  # noqa: E402


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


def profile():
    """bench/README.md's, and nothing else in it changes."""
    with open(report.README) as f:
        text = f.read()
    new = report.put_profile(text, [("here", 7.5), ("seldom", 4.9)])
    lines = report.get_section(new, "profile")
    assert lines[2:] == ["| `here` | 7.5 |"], lines
    assert report.put_section(text, "profile", lines) == new
    assert report.put_section(new, "profile",
                              report.get_section(text, "profile")) == text


profile()
part()
performance()
