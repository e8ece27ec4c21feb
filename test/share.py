#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Dashboard and alert rules of share/ speak of nothing that `ix metrics` does
not have; with promtool, the alerts also fire when they should.
	share.py IX SOURCE_DIR"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

IX, SOURCE = sys.argv[1:3]
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(SOURCE, "test", "e2e"))
import prom  # noqa: E402

LABELS = {"dataplane", "pid", "thread", "reason", "le", "user", "about", "core",
          "instance"}
bad = 0


def fail(what):
    global bad
    bad += 1
    print(f"FAILED: {what}")


def exposed():
    """Names of all series, and the reasons of drops."""
    with tempfile.TemporaryDirectory() as none:
        text = subprocess.run([IX, "metrics", "--once", "--dir", none],
                              check=True, capture_output=True,
                              timeout=20).stdout.decode()
    families = prom.parse(text)
    names = set(families)
    for family in families.values():
        if family.type == "histogram":
            names |= {family.name + part for part in prom.PARTS}
    with open(os.path.join(SOURCE, "include/ix/stat.h"),
              encoding="utf-8") as f:
        reasons = set(re.findall(r"X\(drop_(\w+),", f.read()))
    return names, reasons


def dashboard(path):
    with open(path, encoding="utf-8") as f:
        board = json.load(f)
    ids = [p["id"] for p in board["panels"]]
    if len(set(ids)) != len(ids) or len(ids) < 10:
        fail(f"{path}: panels {ids}")
    cells = set()
    for p in board["panels"]:
        at = p["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                if (x, y) in cells or x >= 24:
                    fail(f"{path}: {p['title']} overlaps")
                cells.add((x, y))
        yield from (t["expr"] for t in p["targets"])
    yield from (v["definition"] for v in board["templating"]["list"]
                if "definition" in v)


def rules(path):
    """The expressions, by indentation: that of `expr: >-` is folded."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    found = re.findall(r"^ {8}expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)", text, re.M)
    if len(found) != text.count("- alert: ") or len(found) < 5:
        fail(f"{path}: not understood")
    for folded, plain in found:
        yield re.sub(r"\s*\n\s*", " ", folded) or plain


def check(path, exprs, names, reasons):
    used = set()
    for expr in exprs:
        used |= set(re.findall(r"\bix_\w+", expr))
        for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", expr):
            for label in labels.split(","):
                if label.strip() not in LABELS:
                    fail(f"{path}: no label {label}: {expr}")
        for label in re.findall(r"(\w+)=~?\s*\"", expr):
            if label not in LABELS:
                fail(f"{path}: no label {label}: {expr}")
        for values in re.findall(r"reason=~?\s*\"([^\"]*)\"", expr):
            for reason in values.split("|"):
                if reason not in reasons:
                    fail(f"{path}: no reason {reason}")
    for name in used - names:
        fail(f"{path}: no metric {name}")
    if len(used) < 8:
        fail(f"{path}: names hardly anything")
    print(f"{os.path.basename(path)}: {len(used)} metrics")


def main():
    names, reasons = exposed()
    share = os.path.join(SOURCE, "share")
    board = os.path.join(share, "grafana-ix.json")
    alerts = os.path.join(share, "ix.rules.yml")
    check(board, dashboard(board), names, reasons)
    check(alerts, rules(alerts), names, reasons)
    promtool = shutil.which("promtool")
    if not promtool:
        print("promtool is missing: the alerts are not tried")
        return bad
    for args in (["check", "rules", alerts],
                 ["test", "rules", os.path.join(SOURCE, "test/alerts.yml")]):
        if subprocess.run([promtool] + args, timeout=60).returncode:
            fail(" ".join(args))
    return bad


sys.exit(1 if main() else 0)
