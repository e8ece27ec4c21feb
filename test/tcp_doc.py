#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What doc/tcp.md says is shown by a test is: tcp_doc.py SOURCE_DIR

Every test that it names exists, and every requirement of RFC 9293 has a row."""

import os
import re
import sys

# Appendix B of RFC 9293.
REQUIREMENTS = [f"MUST-{i}" for i in range(1, 70)] + \
    [f"SHLD-{i}" for i in range(1, 32)]


def read(*path):
    try:
        with open(os.path.join(*path)) as f:
            return f.read()
    except FileNotFoundError:
        return None


def exists(name):
    if name.endswith((".pkt", ".inc")):
        return read("test", "packet", name) is not None
    if name.endswith(".sh"):
        return read("test", "e2e", name) is not None
    if name.startswith("f_"):
        return read("test", "fuzz", name + ".c") is not None
    if name == "sim":
        return read("test", "sim", "sim.h") is not None
    file, _, function = name.partition(":")
    text = read("test", "unit", file + ".c")
    # A test, and one that runs.
    return text is not None and (not function or
                                 len(re.findall(rf"\b{function}\b", text)) > 1)


def rows(text):
    """[(first cell, cells)] of its tables."""
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if line.startswith("|") and not set(line) <= set("|-"):
            yield cells[0], cells


def main():
    os.chdir(sys.argv[1])
    bad, found = [], []
    for what, cells in rows(read("doc", "tcp.md")):
        if len(cells) != 4:
            bad.append(f"{what}: {len(cells)} columns")
            continue
        found.append(what)
        names = re.findall(r"`([^`]+)`", cells[3])
        bad += [f"{what}: there is no {n}" for n in names if not exists(n)]
        if cells[2].startswith("done") and not names and \
                cells[3] != "below":
            bad.append(f"{what}: done, but nothing shows it")
    bad += [f"{r}: {found.count(r)} rows" for r in REQUIREMENTS
            if found.count(r) != 1]
    print("\n".join(bad) or f"{len(found)} rows")
    return bool(bad)


sys.exit(main())
