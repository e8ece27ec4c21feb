# SPDX-License-Identifier: MIT
"""Cores that follow the load: ixcpd with one dataplane on the wire, under a
load that steps, and one that ramps up and down.

    core 0          core 1
    thread 0, at    the client, at one rate after the other; and thread 1,
    first alone     while the policy wants it

Energy is cores times time: what a core takes, where there is a meter, is in
neither. A run of the client is a point of p99; cores are asked for all the
time."""

import os
import threading
import time

from figures.bench import LIMIT, NotYet
from figures.cpu import json_of
from figures.servers import IP, PORT
from figures.turns import ratio, summary
from lab import Failed, ask, wait_for

CONNS = 64
SAMPLE = 0.05  # seconds between two looks
# Parts of what one core can do.
LOADS = {"step": (0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1),
         "ramp": (0.1, 0.3, 0.5, 0.7, 0.9, 0.7, 0.5, 0.3, 0.1)}
POLICIES = "latency", "fixed"
SETTINGS = """cores = "{cores}"; memory = "8G"; ix = "{ix}";
background = "{group}";
dataplanes: {{ echo: {{ program = ["{echo}", "--port", "{port}"{work}];
    nic = "{nic}"; ip = "{ip}/24"; domain = "{domain}";
    min_cores = 1; max_cores = {most}; {more}
    policy = "{policy}"; }}; }};
"""


class Daemon:
    """ixcpd with one dataplane, for the time of a with block.
    @work: multiplications before an answer. @group: is given what is left.
    @more: settings."""

    def __init__(self, bench, policy, most, domain="inline", work=0, group="",
                 more=""):
        self.bench, self.nic = bench, bench.wire()
        self.dir = bench.directory()
        self.path = os.path.join(self.dir, "ixcpd.conf")
        cores = sorted(os.sched_getaffinity(0))[:most]
        with open(self.path, "w") as f:
            f.write(SETTINGS.format(
                cores=",".join(map(str, cores)), ix=bench.program("ix"),
                echo=bench.program("echo"), port=PORT, nic=self.nic,
                ip=IP["s"], most=most, policy=policy, domain=domain,
                work=f', "--work", "{work}"' if work else "", group=group,
                more=more))

    def plane(self):
        try:
            status = ask(os.path.join(self.dir, "ixcpd.sock"), do="status")
            return status["dataplanes"][0]
        except (OSError, KeyError, ValueError):
            return {}

    def __enter__(self):
        program = os.path.join(self.bench.build, "cp", "daemon", "ixcpd")
        self.process = self.bench.start([
            *self.bench.before, program, "--conf", self.path, "--dir",
            self.dir])
        if not wait_for(lambda: self.plane().get("state") == "up", 15):
            raise Failed(f"ixcpd: {self.process.said()[-300:]}")
        return self

    def __exit__(self, *exc):
        pid = self.plane().get("pid")
        ask(os.path.join(self.dir, "ixcpd.sock"), do="down", name="echo")
        if pid and not wait_for(lambda: not os.path.exists(f"/proc/{pid}"), 10):
            raise Failed("the dataplane does not end")
        self.process.end()
        self.bench.processes.remove(self.process)


def how_many(cores):
    """Of a list as 0,2-4."""
    ends = [part.split("-") for part in cores.split(",") if part]
    return sum(int(e[-1]) - int(e[0]) + 1 for e in ends)


class Watch(threading.Thread):
    """[seconds, cores], until it is told to stop."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.daemon_, self.began = daemon, time.monotonic()
        self.seen, self.stop = [], threading.Event()
        self.start()

    def now(self):
        return time.monotonic() - self.began

    def run(self):
        while not self.stop.wait(SAMPLE):
            n = how_many(self.daemon_.plane().get("cores", ""))
            if n:
                self.seen.append([round(self.now(), 2), n])

    def end(self):
        self.stop.set()
        self.join()
        return self.seen


def begin(bench, daemon, *options, first=False):
    options = "--conns", str(CONNS), *options
    if first:
        return bench.start(bench.ixload_first(*options, nic=daemon.nic))
    return bench.start(bench.side("c", False) + bench.ixload(
        "ix", *options, nic=daemon.nic))


def end(bench, process):
    """What it said."""
    process.wait(LIMIT)
    bench.processes.remove(process)
    return json_of(process)


def client(bench, daemon, *options, first=False):
    return end(bench, begin(bench, daemon, *options, first=first))


def core_seconds(seen):
    return sum(n * (t - before) for (before, n), (t, _) in
               zip(seen, seen[1:]))


def follow(bench, policy, loads, most, capacity):
    """Of one run: cores and p99 over time."""
    with Daemon(bench, policy, most) as daemon:
        watch, late = Watch(daemon), []
        for load in loads:
            r = client(bench, daemon, "--rate", str(int(load * capacity)))
            late.append([round(watch.now() - bench.seconds / 2, 2),
                         r["latency_ns"]["p99"] / 1e3])
        seen = watch.end()
    return {"cores": seen, "p99": late,
            "core_seconds": core_seconds(seen),
            "mean": core_seconds(seen) / (seen[-1][0] - seen[0][0])}


def elastic(bench):
    """cores and p99 over time under a load that steps and ramps"""
    most = len(os.sched_getaffinity(0))
    if most < 2:
        raise NotYet("needs two cores")
    with Daemon(bench, "latency", 1) as daemon:
        capacity = client(bench, daemon)["msgs_per_sec"]
    runs = {(shape, policy): follow(bench, policy, loads, most, capacity)
            for shape, loads in LOADS.items() for policy in POLICIES}
    for (shape, policy), r in runs.items():
        print(f"    {shape}, {policy}: {r['mean']:.2f} cores", flush=True)
    values = {f"{shape}, {policy}": summary([r["mean"]])
              for (shape, policy), r in runs.items()}
    return {
        "unit": "cores, mean", "capacity": capacity, "values": values,
        "runs": {f"{shape}, {policy}": r
                 for (shape, policy), r in runs.items()},
        "figures": [
            {"kind": "lines", "x": f"seconds, {shape}", "y": y,
             "lines": {policy: runs[shape, policy][of]
                       for policy in POLICIES}}
            for shape in LOADS
            for of, y in (("cores", "cores"), ("p99", "p99, us"))],
        "rows": [ratio(values, f"energy, cores x time, load that {shape}s: "
                       "policy latency / all cores", f"{shape}, latency",
                       f"{shape}, fixed") for shape in LOADS]}
