# SPDX-License-Identifier: MIT
"""Large values: how many full frames a second, and what a byte costs.

      core 0                       core 1
     +------------------+         +-------------------+
     | kv on IX; or     |  veth   | ixload on IX; or  |
     | xdp_raw pour     o=========o xdp_raw, who only |
     |                  |         | takes them        |
     +------------------+         +-------------------+

xdp_raw pours frames that are in its buffers already: it neither makes nor
copies them, and nobody answers. kv's come from its memory, with TCP around
them. A byte in a frame is copied by IX into umem, and by the kernel out of it;
with --xdp_gather on, and in one piece (--tso), by the kernel alone."""

from figures.cpu import SETTLED, between
from figures.servers import Server
from figures.turns import if_there, ratio, row

SIZE = 20000
FULL = 1448  # bytes of TCP in a frame of 1500, with timestamps
HEAD = 40  # "VALUE", key, flags, length and "END", about
PAYLOAD = 1500 - 28  # of UDP, of the same frames
GET = "--proto", "get", "--size", str(SIZE), "--pipeline", "16", "--conns", \
    "32", "--records", "2000"


def poured(bench):
    """Frames a second; pour is the client's place, so that sides are swapped:
    either core sends."""
    client = bench.raw_client("pour")
    client[-1:-1] = ["--size", str(PAYLOAD)]
    return bench.with_server("raw", client)["per_second"]


def answered(bench, domain):
    """... of answers, without those that only acknowledge."""
    r = bench.with_server("kv", bench.ixload("ix", *GET), domain=domain)
    return r["msgs_per_sec"] * (SIZE + HEAD) / FULL


def cost(bench, *options):
    """Nanoseconds of processor time per byte, to a client on Linux, whose TCP
    receives on its own core. @options: of ix run."""
    client = bench.ixload("linux", *GET, "--duration",
                          str(bench.seconds + SETTLED + 1))
    with Server(bench, "kv", extra=options) as s:
        used, r = between(bench, s, client, bench.seconds)
    return used * 1e9 / (r["msgs_per_sec"] * SIZE)


def costs(bench):
    cases = {"frames": lambda: cost(bench, "--tso", "false"),
             "in place": lambda: cost(bench, "--tso", "false", "--xdp_gather",
                                      "on"),
             "whole": lambda: cost(bench, "--tso", "true")}
    bench.steer_receive(True, "c")
    try:
        return bench.interleave(cases)
    finally:
        bench.steer_receive(False, "c")


def frames(bench):
    """kv's 20 KB answers in frames of 1500, against raw AF_XDP: frames/s"""
    bench.need_namespaces()
    cases = {"raw": lambda: poured(bench),
             "kv": lambda: answered(bench, "inline")}
    if bench.has_process():
        cases["kv process"] = lambda: answered(bench, "process")
    v = bench.interleave(cases)
    what = "frames of 1500 a second, values of 20 KB: kv on IX"
    ns = costs(bench)
    return {"unit": "frames/s", "values": v, "ns_per_byte": ns, "rows": [
        ratio(v, f"{what} / raw AF_XDP", "kv", "raw", 0.85, ">="),
        *if_there(v, f"{what}, domain process / raw AF_XDP", "kv process",
                  "raw"),
        row(ns, "processor time per byte of them to Linux, in frames that are "
            "copied, ns", lambda m: m["frames"]),
        row(ns, "... in frames, sent in place (--xdp_gather on), ns",
            lambda m: m["in place"]),
        row(ns, "... handed over in one piece, in place, ns",
            lambda m: m["whole"])]}
