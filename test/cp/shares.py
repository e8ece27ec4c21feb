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
        len(given()) == 5, 20), str(given()))
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


def frequency(cpd):
    """Slow cores first; when there are no more, all of them faster; and as
    fast as they can when another policy says so."""
    def khz():
        found = {}
        for core in range(8):
            with open(cpufreq(cpd, core, "scaling_max_freq")) as f:
                found[core] = int(f.read())
        return found

    def all_have(value):
        at = khz()
        return all(at[c] == value for c in held(cpd, "web"))

    cpd.load("web", 100)
    cpd.load("kv", 100)
    check("nothing is touched before", set(khz().values()) == {1})
    cpd.ask(do="policy", name="web", policy="energy")
    check("energy: one slow core", wait_for(
        lambda: len(held(cpd, "web")) == 1 and all_have(1000000), 8),
        str(khz()))
    check("others are as fast as they can, the kernel's is left alone",
          [khz()[c] for c in (0, 6, 7)] == [1, 4000000, 4000000], str(khz()))
    cpd.load("web", 4000)
    check("under load all, and faster", wait_for(
        lambda: len(held(cpd, "web")) == 5 and all_have(4000000), 8),
        str(khz()))
    cpd.ask(do="policy", name="web", policy="latency")
    cpd.load("web", 100)
    check("latency: what they can", wait_for(
        lambda: len(held(cpd, "web")) == 1 and
        set(list(khz().values())[1:]) == {4000000}, 8), str(khz()))


def found_again(cpd, planes, machine):
    """Who comes next tells it how many cores it has: it does not know."""
    def runs():
        with open(os.path.join(cpd.dir, "web.runs")) as f:
            return f.read()

    check("one core", wait_for(lambda: runs() == "1", 8), runs())
    cpd.ask(do="down", name="kv")
    check("alone", wait_for(lambda: cpd.state("kv") == "down", 8))
    cpd.kill()
    cpd.write({**planes, "web": {**planes["web"], "policy": "fixed"}},
              **machine)
    cpd.start()
    check("all, by another daemon", wait_for(lambda: runs() == "5", 5), runs())


def cpufreq(cpd, core, file):
    return os.path.join(cpd.dir, f"cpu{core}", "cpufreq", file)


def make_cpufreq(cpd):
    for core in range(8):
        os.makedirs(os.path.dirname(cpufreq(cpd, core, "")))
        for file, text in (("scaling_max_freq", "1"),
                           ("cpuinfo_max_freq", "4000000"),
                           ("scaling_available_frequencies",
                            "4000000 2000000 1000000")):
            with open(cpufreq(cpd, core, file), "w") as f:
                f.write(text)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("ixcpd")
    p.add_argument("plane")
    args = p.parse_args()
    lab = Lab(limit=100)
    planes = {"web": {"program": "slow", "min_cores": 1, "max_cores": 5,
                      "priority": 1},
              "kv": {"min_cores": 1, "max_cores": 5, "priority": 2}}
    cpd = Cpd(lab, args.ixcpd, args.plane, planes)
    machine = {"cores": "1-7", "background": cpd.dir, "cpufreq": cpd.dir}
    cpd.write(planes, **machine)
    make_cpufreq(cpd)
    open(os.path.join(cpd.dir, "cpuset.cpus"), "w").close()
    cpd.start()
    check("both are up", cpd.all_up("web", "kv"))
    for test in (follows_load, in_turns, background, policies, frequency):
        test(cpd)
    found_again(cpd, planes, machine)
    cpd.end()
    finish()


main()
