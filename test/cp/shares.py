#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cores follow the load of dataplanes that count as if they had some.

    shares.py IXCPD PLANE"""

import argparse
import os
import time

from cpd import Cpd, cores
from lab import Lab, check, finish, wait_for


def held(cpd, name):
    return cores(cpd.planes()[name]["cores"])


def follows_load(cpd):
    check("an idle one gives its cores back", wait_for(
        lambda: len(held(cpd, "web")) == 1, 5), str(held(cpd, "web")))
    cpd.load("web", 3000)
    began = time.monotonic()
    check("load brings cores", wait_for(lambda: len(held(cpd, "web")) >= 4, 5),
          f"after {1000 * (time.monotonic() - began):.0f} ms")
    cpd.load("web", 100)
    check("and takes them", wait_for(lambda: len(held(cpd, "web")) == 1, 10))


def in_turns(cpd):
    """No core is two's at a time, whoever has more to do."""
    twice = 0
    for web, kv in ((5000, 100), (100, 5000), (5000, 5000), (200, 200)):
        cpd.load("web", web)
        cpd.load("kv", kv)
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            planes = cpd.planes()
            a, b = (cores(planes[n]["cores"]) for n in ("web", "kv"))
            twice += bool(a & b)
            time.sleep(0.005)
        if web == kv == 5000:
            check("the higher priority has what it wants",
                  len(b) == 5 and len(a) == 2, f"{a} {b}")
    check("no core is two's", not twice)


def background(cpd):
    def given():
        with open(os.path.join(cpd.dir, "cpuset.cpus")) as f:
            return cores(f.read())

    cpd.load("web", 100)
    cpd.load("kv", 100)
    check("background work gets what is free", wait_for(
        lambda: given() == cores(cpd.ask(do="status")["free"]) and
        len(given()) == 5, 5), str(given()))
    cpd.load("web", 4000)
    check("and loses it", wait_for(
        lambda: not given() & (held(cpd, "web") | held(cpd, "kv")) and
        len(held(cpd, "web")) >= 4, 5), f"{given()} {held(cpd, 'web')}")


def policies(cpd):
    cpd.load("web", 100)
    cpd.ask(do="policy", name="web", policy="fixed")
    check("fixed: all that it may have", wait_for(
        lambda: len(held(cpd, "web")) == 5, 5))
    said = cpd.ask(do="policy", name="web", policy="magic")
    check("no other policy", "latency, energy" in said["error"], str(said))
    cpd.ask(do="policy", name="web", policy="background")
    check("changed while it runs", wait_for(
        lambda: len(held(cpd, "web")) == 1, 5))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("ixcpd")
    p.add_argument("plane")
    args = p.parse_args()
    lab = Lab(limit=100)
    cpd = Cpd(lab, args.ixcpd, args.plane, {
        "web": {"min_cores": 1, "max_cores": 5, "priority": 1},
        "kv": {"min_cores": 1, "max_cores": 5, "priority": 2}},
        cores="1-7")
    cpd.write({
        "web": {"min_cores": 1, "max_cores": 5, "priority": 1},
        "kv": {"min_cores": 1, "max_cores": 5, "priority": 2}},
        cores="1-7", background=cpd.dir)
    open(os.path.join(cpd.dir, "cpuset.cpus"), "w").close()
    cpd.start()
    check("both are up", cpd.all_up("web", "kv"))
    for test in (follows_load, in_turns, background, policies):
        test(cpd)
    cpd.end()
    finish()


main()
