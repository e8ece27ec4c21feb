#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""doc/designs.md and the scenario that it is made by:
designs.py SOURCE_DIR BUILD_DIR. No figure decides but the messages of a
request that has the server for itself: their number is the design's."""
import os
import re
import shutil
import sys
import tempfile

SOURCE, BUILD = sys.argv[1:3]
sys.path[:0] = [os.path.join(SOURCE, d) for d in ("bench", "tool")]
from figures import SCENARIOS, designs  # noqa: E402
from figures.bench import Bench  # noqa: E402
from figures.report import get_section  # noqa: E402
from figures.trace import PROBES, why_not  # noqa: E402
from lab import check, finish  # noqa: E402

MACHINE = {"cpu": "CPU", "cores": 2, "kernel": "6"}


def page():
    with open(designs.DOC) as f:
        return f.read()


def names(text):
    for scenario in re.findall(r"--only (\w+)", text):
        check(f"scenario {scenario}", scenario in SCENARIOS)
    paths = re.findall(r"`([\w/.-]+/[\w.-]+)(?::\w+)?`", text)
    check("files and programs", paths and all(
        os.path.exists(os.path.join(d, p)) for p in paths
        for d in [SOURCE if "." in os.path.basename(p) else BUILD]), paths)
    points = re.findall(r"`(\w+:\w+)`", text)
    check("tracepoints are those of the script", points and all(
        p in PROBES for p in points if not p.endswith("serve_network")),
        points)


def table(text):
    """Every count, of every contender, at both loads."""
    lines = get_section(text, "designs")
    for what in designs.COUNTS.values():
        rows = [x.split("|")[2:-1] for x in lines
                if x.startswith(f"| {what} |")]
        check(f"{what}: {len(designs.LOADS)} rows", len(rows) ==
              len(designs.LOADS) and all(
                  len(r) == len(designs.CONTENDERS) and
                  all(re.search(r"\d", c) for c in r) for r in rows), rows)


def written():
    """What is measured is what the page gets, and nothing else changes."""
    one = {k: 1.5 for k in designs.COUNTS} | {"requests": 7}
    some = {"median": 1234.0}
    scenario = {"values": {"linux": some}, "latency": {"p50": {"linux": some}},
                "counts": {str(n): {"linux": one} for n in designs.LOADS},
                "when": "2030-01-02T00:00:00", "turns": 1, "seconds": 1,
                "load": 0, "ix": []}
    with tempfile.TemporaryDirectory() as d:
        path = shutil.copy(designs.DOC, d)
        designs.write({"scenarios": {"designs": scenario},
                       "machine": MACHINE}, path)
        with open(path) as f:
            text = f.read()
    check("sums", "| bytes copied, all | 6.00 |" in text and
          "| waits, all | 6.00 |" in text)
    old, new = (re.sub("(<!-- designs -->).*(<!-- /designs -->)", r"\1\2", t,
                       flags=re.S) for t in (page(), text))
    check("nothing else changes", old == new)


def traced(bench, kind):
    """Per request, of one at a time."""
    found = designs.count(bench, kind, 1)
    check(f"{kind}: requests, and what they cost",
          found["requests"] > 0 and set(designs.COUNTS) < set(found) and
          found["packets_in"] > 0.9 and found["packets_out"] > 0.9, found)
    return found


def trace():
    bench = Bench(BUILD, {"s": 0, "c": 1}, 1, 0.5)
    server = traced(bench, "microkernel")
    check("six messages, each a wait in a mailbox",
          5.9 < server["messages"] < 8 and
          abs(server["waits_mailbox"] - server["messages"]) < 0.1)
    check("a copied byte goes in and out of the kernel",
          server["copied_messages"] >= 2 * (2 * 64 + 2 * 118))
    linux = traced(bench, "linux")
    check("Linux has no messages, and copies 64 bytes twice",
          linux["messages"] == 0 and 127 < linux["copied_sockets"] < 130)
    inline = traced(bench, "inline")
    check("IX copies the answer, and nothing for messages or sockets",
          inline["copied_ix"] >= 64 and
          inline["copied_messages"] == inline["copied_sockets"] == 0)


def main():
    names(page())
    table(page())
    written()
    why = "needs root" if os.geteuid() else why_not()
    if why:
        print(f"left out: the trace: {why}")
    else:
        trace()
    finish()


main()
