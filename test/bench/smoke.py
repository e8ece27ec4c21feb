#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/run, a little of it: whether it measures, keeps and shows. No figure
decides. smoke.py SOURCE_DIR BUILD_DIR"""
import json
import os
import subprocess
import sys

SOURCE, BUILD = sys.argv[1:3]
sys.path.insert(0, os.path.join(SOURCE, "tool"))
from lab import Lab, check, finish, skip  # noqa: E402

LIMIT = 200
SCENARIOS = {
    "latency": ("ix", "sockets", "sockets, no offload", "ix, 9000 B frames",
                "sockets, 9000 B frames"),
    "cores": ("1 server of 1 core", "1 server of 2 cores",
              "2 servers of 1 core"),
    "idle": ("ix", "ix-spin", "linux", "linux-busy")}


def run(out, names):
    """What it said; all that it made is gone."""
    p = subprocess.Popen(
        [os.path.join(SOURCE, "bench", "run"), BUILD, "--quick", "--seconds",
         "0.3", "--reps", "2", "--only", names, "--out", out], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = p.communicate(timeout=LIMIT)[0]
    print(said)
    check(f"{names}: status 0 or, figures missed, 1", p.returncode in (0, 1),
          p.returncode)
    left = subprocess.run(["ip", "netns"], text=True, capture_output=True)
    check("no namespace is left", f"-{p.pid}-" not in left.stdout)
    return said


def measured(name, scenario):
    values = scenario.get("values", {})
    check(f"{name}: every contender, every turn", all(
        len(values.get(k, {"values": []})["values"]) == 2
        for k in SCENARIOS[name]), list(values) or scenario.get("error"))
    check(f"{name}: rows with their spread", scenario["rows"] and all(
        r["low"] <= r["high"] and r["confidence"] == 0.5
        for r in scenario["rows"] if r["what"][0] != "."))
    if name == "cores":
        check("both threads serve, and leave the other nothing",
              len(scenario["threads"]["1 server of 2 cores"]) == 2 and all(
                  t["rx_packets"] > 0 and t["forwarded"] * 20 <
                  t["rx_packets"]
                  for t in scenario["threads"]["1 server of 2 cores"]),
              scenario["threads"])


def main():
    if os.geteuid():
        skip("needs root: network namespaces and AF_XDP")
    out = Lab(limit=LIMIT).directory()
    path = os.path.join(out, "results.json")
    for name in SCENARIOS:
        words = run(out, name)
        with open(path) as f:
            results = json.load(f)
        measured(name, results["scenarios"][name])
    check("the one before is kept", list(results["scenarios"]) ==
          list(SCENARIOS), list(results["scenarios"]))
    said = results["scenarios"]["idle"]["ix"]
    check("NIC and its mode", any("ix0 (veth): AF_XDP" in x for x in said),
          said)
    check("busy-polling has a queue to poll",
          any("the kernel polls the interface's queue" in x for x in said),
          said)
    if os.path.exists(os.path.join(out, "report.html")):
        with open(os.path.join(out, "report.html")) as f:
            check("a page with four pictures", f.read().count("<svg") == 4)
    else:
        check("no page without gnuplot, and it is said", "gnuplot is missing"
              in words)
    finish()


main()
