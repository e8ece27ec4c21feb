# SPDX-License-Identifier: MIT
"""Over a veth pair, against Linux and a bare NIC; and over the wire."""

from figures.story import NAMES
from figures.turns import if_there, ratio, row, summary


def walled(bench, values, what):
    """IX behind each wall that works here, beside Linux."""
    return [ratio(values, f"{what}: {NAMES[k]} / Linux epoll on one core", k,
                  "linux") for k in bench.walls]


def echo(bench):
    """64 B echo, 64 connections, over veth: messages per second"""
    def run(kind):
        if kind == "raw":
            r = bench.with_server(kind, bench.raw_client("flood"))
            return r["per_second"]
        r = bench.with_server(kind, bench.ixload("ix", "--conns", "64"),
                              one_core=True)
        return r["msgs_per_sec"]

    v = bench.compare(run, "ix", *bench.walls, *bench.linux_servers(),
                      "linux-helped", "raw")
    return {"unit": "msg/s", "values": v, "notes": bench.notes(), "rows": [
        ratio(v, "echo 64 B x 64 over veth: IX / Linux epoll on one core",
              "ix", "linux", 5, ">="),
        *walled(bench, v, "echo 64 B x 64 over veth"),
        ratio(v, "echo 64 B x 64 over veth: IX / Linux busy-polling on one "
              "core", "ix", "linux-busy"),
        *if_there(v, "echo 64 B x 64 over veth: IX / Linux io_uring on one "
                  "core", "ix", "linux-uring"),
        ratio(v, "echo 64 B x 64 over veth: IX / Linux epoll, its TCP receive "
              "on the client's core", "ix", "linux-helped"),
        ratio(v, "echo 64 B x 64 over veth: IX / raw AF_XDP",
              "ix", "raw", 0.70, ">=")]}


def pingpong(bench):
    """64 B ping-pong, same stack at both ends, over veth: ns one way"""
    kinds = "ix", *bench.linux_servers(), "raw"
    p50 = {kind: [] for kind in kinds}

    def run(kind):
        if kind == "raw":
            r = bench.with_server(kind, bench.raw_client("pingpong"))["rtt_ns"]
        else:
            busy = kind == "linux-busy"
            client = bench.ixload("ix" if kind == "ix" else "linux", "--conns",
                                  "1", *["--busy-poll", "50"] * busy)
            with bench.polling(busy):
                r = bench.with_server(kind, client)["latency_ns"]
        p50[kind].append(r["p50"] / 2)
        return r["mean"] / 2

    v = bench.compare(run, *kinds)
    middle = {k: summary(x) for k, x in p50.items()}
    return {"unit": "ns one way", "values": v, "medians": middle, "rows": [
        ratio(v, "ping-pong 64 B one way: Linux / IX", "linux", "ix", 8, ">="),
        ratio(v, "ping-pong 64 B one way: Linux busy-polling / IX",
              "linux-busy", "ix"),
        *if_there(v, "ping-pong 64 B one way: Linux io_uring / IX",
                  "linux-uring", "ix"),
        ratio(v, "ping-pong 64 B one way: IX / raw AF_XDP",
              "ix", "raw", 1.5, "<="),
        # A mean measures other work on the machine, too; a median hardly does.
        ratio(middle, "ping-pong 64 B one way, medians: Linux / IX", "linux",
              "ix"),
        ratio(middle, "ping-pong 64 B one way, medians: IX / raw AF_XDP", "ix",
              "raw")]}


# The client closes first and so keeps TIME-WAIT: 64512 ports must be enough
# for what it opens meanwhile.
CHURN_PORTS = ["--tcp.port_min", "1024", "--tcp.port_max", "65535",
               "--tcp.time_wait", "1ms"]


def measure_churn(bench, what, target, how, *options):
    client = bench.ixload("ix", "--conns", "64", "--msgs-per-conn", "1",
                          *options, extra=CHURN_PORTS)

    def run(kind):
        return bench.with_server(kind, client, one_core=True)["conns_per_sec"]

    kinds = [k for k in bench.linux_servers() if k != "linux-busy"]
    v = bench.compare(run, "ix", *bench.walls, *kinds, "linux-helped")
    return {"unit": "conn/s", "values": v, "notes": bench.notes(), "rows": [
        ratio(v, f"connect, 64 B echo, {what}: IX / Linux on one core",
              "ix", "linux", target, how),
        *walled(bench, v, f"connect, 64 B echo, {what}"),
        ratio(v, f"connect, 64 B echo, {what}: IX / Linux, its TCP receive on "
              "the client's core", "ix", "linux-helped"),
        *if_there(v, f"connect, 64 B echo, {what}: IX / Linux io_uring on one "
                  "core", "ix", "linux-uring")]}


def churn(bench):
    """connect, one 64 B echo, close; over veth: connections per second"""
    return measure_churn(bench, "close", 5, ">=")


def churn_rst(bench):
    """the same, closed by reset as in the paper"""
    return measure_churn(bench, "reset", None, "", "--rst")


def wire(bench):
    """64 B echo, 64 connections, in-memory wire: messages per second"""
    # With B = 64 and 64 connections one core waits while the other works.
    extra = ("--batch", "32")

    def run(kind):
        nic = bench.wire()
        return bench.with_server(
            kind, bench.ixload("ix", "--conns", "64", nic=nic, extra=extra),
            nic=nic, extra=extra)["msgs_per_sec"]

    v = bench.compare(run, "ix")
    return {"unit": "msg/s", "values": v, "rows": [
        row(v, "echo 64 B x 64 on the wire, one core each side, B = 32, M/s",
            lambda m: m["ix"] / 1e6, 4, ">=")]}


def batch(bench):
    """batch bound B of the server, 64 B echo, 256 connections, over veth"""
    domain = "process" if bench.has_process() else "inline"

    def run(kind):
        return bench.with_server(
            "ix", bench.ixload("ix", "--conns", "256"), domain=domain,
            extra=["--batch", kind[2:]])["msgs_per_sec"]

    bounds = (1, 2, 8, 16, 64)
    v = bench.compare(run, *(f"B={b}" for b in bounds))
    return {"unit": "msg/s", "values": v, "rows": [
        ratio(v, f"batch bound, domain {domain}: B = {b} / B = 1",
              f"B={b}", "B=1",
              1.29 if b == 16 and domain == "process" else None, ">=")
        for b in bounds[1:]]}
