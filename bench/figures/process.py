# SPDX-License-Identifier: MIT
"""What wall 2 costs: domain process against inline."""

from figures.bench import NotYet
from figures.turns import ratio, row, summary


def need_process(bench):
    if not bench.has_process():
        raise NotYet("the process domain is not built")


def echo(bench):
    """64 B echo, 64 connections, domain process against inline"""
    need_process(bench)

    def run(domain):
        return bench.with_server("ix", bench.ixload("ix", "--conns", "64"),
                                 domain=domain)["msgs_per_sec"]

    v = bench.compare(run, "process", "inline")
    return {"unit": "msg/s", "values": v, "rows": [
        ratio(v, "echo 64 B x 64 over veth: process / inline", "process",
              "inline", 0.85, ">=")]}


def pingpong(bench):
    """64 B ping-pong, domain process at both ends: median ns one way

    Medians are compared with the hand-over: a mean measures above all how
    often others took one of the cores, which hits two processes harder."""
    need_process(bench)
    means = {"process": [], "inline": [], "linux": []}

    def run(kind):
        if kind == "handover":
            r = bench.client([bench.program("handover")], net=False)
            return r["round_trip_ns"]["p50"]
        stack = "linux" if kind == "linux" else "ix"
        domain = "inline" if kind == "linux" else kind
        r = bench.with_server(stack, bench.ixload(
            stack, "--conns", "1", domain=domain), domain=domain)
        means[kind].append(r["latency_ns"]["mean"] / 2)
        return r["latency_ns"]["p50"] / 2

    v = bench.compare(run, "process", "inline", "linux", "handover")
    mean = {k: summary(x) for k, x in means.items()}
    return {"unit": "ns one way (handover: there and back)", "values": v,
            "means": mean, "rows": [
                row(v, "ping-pong: (process - inline) / bare futex hand-over",
                    lambda m: (m["process"] - m["inline"]) / m["handover"],
                    1.3, "<="),
                ratio(mean, "ping-pong 64 B one way: Linux / IX process, means",
                      "linux", "process", 4, ">=")]}
