# SPDX-License-Identifier: MIT
"""The Linux side's knobs, each turned by itself, against what the other figures
use: echo servers on one core, the client on IX. Whatever is faster here belongs
into servers.py."""

import contextlib

from figures.servers import Server
from figures.story import NAMES
from figures.turns import if_there
from lab import sh


@contextlib.contextmanager
def sysctl(bench, name, on, off):
    bench.veth.sysctl("s", f"{name}={on}")
    try:
        yield
    finally:
        bench.veth.sysctl("s", f"{name}={off}")


@contextlib.contextmanager
def offload(bench, *features):
    """Without these."""
    def switch(to):
        sh(*bench.veth.on("s"), "ethtool", "-K", "ix0",
           *(x for f in features for x in (f, to)))

    switch("off")
    try:
        yield
    finally:
        switch("on")


@contextlib.contextmanager
def no_queue(bench):
    """Before the cable, of the server's end."""
    tc = "tc", "-n", bench.veth.names["s"], "qdisc"
    sh(*tc, "del", "dev", "ix0", "root")
    try:
        yield
    finally:
        sh(*tc, "add", "dev", "ix0", *bench.veth.QUEUE)


# By what is said of it: who, how it receives, and what is set meanwhile.
KNOBS = {
    "received by interrupt (RPS)": ("linux", "interrupt", None),
    "received by a thread of the kernel's (NAPI)": ("linux", "thread", None),
    "polling the queue itself": ("linux-busy", "poll", None),
    "no queue before the cable": ("linux", True, no_queue),
    "no automatic corking": ("linux", True, lambda bench: sysctl(
        bench, "net.ipv4.tcp_autocorking", 0, 1)),
    "no checksum or segmentation offload": ("linux", True, lambda bench: offload(
        bench, "tx", "tso", "gso")),
}
URING = {
    "received by interrupt (RPS)": ("linux-uring", "interrupt", None),
    "received by a thread of the kernel's (NAPI)": ("linux-uring", "thread",
                                                     None),
}


def tuning(bench):
    """the Linux servers' knobs, 64 B echo, 64 connections: messages per second"""
    bench.need_namespaces()
    client = bench.ixload("ix", "--conns", "64")
    cases = {"linux": ("linux", True, None),
             **{f"linux, {k}": x for k, x in KNOBS.items()}}
    if "linux-uring" in bench.linux_servers():
        cases["linux-uring"] = "linux-uring", True, None
        cases.update((f"linux-uring, {k}", x) for k, x in URING.items())

    def run(case):
        kind, receive, knob = cases[case]
        with knob(bench) if knob else contextlib.nullcontext(), \
                Server(bench, kind, one_core=receive):
            return bench.client(client)["msgs_per_sec"]

    v = bench.compare(run, *cases)
    return {"unit": "msg/s", "values": v, "figures": [], "rows": [
        r for kind, knobs in (("linux", KNOBS), ("linux-uring", URING))
        for what in knobs for r in if_there(
            v, f"{NAMES[kind]}, {what} / as elsewhere", f"{kind}, {what}",
            kind)]}
