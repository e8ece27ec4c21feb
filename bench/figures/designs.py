# SPDX-License-Identifier: MIT
"""What a request costs in each design: doc/designs.md.

Rates and latencies are of runs that nobody traces, counts of a run of each
with bpftrace at work, where only the counts are used."""

import json
import os

from figures.bench import NotYet
from figures.page import conditions_of
from figures.report import HERE, put_section
from figures.servers import Server
from figures.story import NAMES
from figures.trace import AF_INET, AF_UNIX, Trace, why_not
from figures.turns import ratio, summary
from lab import counters, sh

DOC = os.path.join(os.path.dirname(HERE), "doc", "designs.md")
CONTENDERS = "microkernel", "linux", "inline", "process"
ON_IX = "inline", "process"  # their domains
ETHERNET = 14  # bytes of a header that veth's counters leave out of XDP's
LOADS = 1, 64  # connections, a message in flight on each

# Rows of the page: what is counted, and how it is called.
COUNTS = {
    "messages": "messages between processes",
    "hand_overs": "hand-overs between processes (futex calls)",
    "syscalls": "system calls",
    "faults": "page faults",
    "switches": "context switches",
    "sleeps": "... of them, the thread went to sleep",
    "wakeups": "wake-ups of a thread by the scheduler",
    "copied_messages": "bytes copied for messages, into and out of the kernel",
    "copied_sockets": "bytes copied for TCP sockets, into and out of the "
    "kernel",
    "copied_nic": "bytes copied between AF_XDP's rings and packets",
    "copied_ix": "bytes copied in IX: libix, and dataplane at transmit",
    "waits_backlog": "waits in the kernel's backlog (before the softirq)",
    "waits_ring": "waits in a ring of AF_XDP, reception and transmission",
    "waits_socket": "waits in a TCP socket's receive queue",
    "waits_mailbox": "waits in a process's mailbox",
    "packets_in": "packets in", "packets_out": "packets out",
}
QUEUES = [k for k in COUNTS if k.startswith("waits_")]
COPIES = [k for k in COUNTS if k.startswith("copied_")]


def traffic(bench, k):
    """Packets and bytes that an end has sent, by its interface."""
    s = json.loads(sh("ip", "-n", bench.veth.names[k], "-s", "-j", "link",
                      "show", "ix0"))[0]["stats64"]["tx"]
    return s["packets"], s["bytes"]


def stat(bench, stat_dir):
    return next(iter(counters(bench.program("ix"), stat_dir)), {})


def server(bench, kind, stat_dir=None):
    """Everybody's on one core, reception as well."""
    if kind in ON_IX:
        extra = ("--stat_dir", stat_dir) if stat_dir else ()
        return Server(bench, "ix", domain=kind, extra=extra)
    return Server(bench, kind, one_core="interrupt")


def differences(after, before):
    return [a - b for a, b in zip(after, before)]


def in_words(trace, kind, sent, received, copied):
    """Of a run, by the names of COUNTS. @sent, @received: packets and bytes;
    on AF_XDP each of these bytes is copied once, each packet waits once."""
    n, m = trace.maps.get("@n", {}), trace.maps
    xdp = kind != "linux"

    def of(name, key):
        return m.get(name, {}).get(str(key), 0)

    return {
        "messages": of("@sent", AF_UNIX),
        "hand_overs": n.get("futex", 0),
        **{k: n.get(k, 0) for k in ("syscalls", "faults", "switches", "sleeps",
                                    "wakeups")},
        "copied_messages": of("@bytes_in", AF_UNIX) +
        of("@bytes_out", AF_UNIX),
        "copied_sockets": of("@bytes_in", AF_INET) + of("@bytes_out", AF_INET),
        "copied_nic": xdp * (sent[1] + received[1] +
                             ETHERNET * (sent[0] + received[0])),
        "copied_ix": of("@n_bytes", "ixev") + copied,
        "waits_backlog": n.get("backlog", 0),
        "waits_ring": n.get("ring", 0) + xdp * sent[0],
        "waits_socket": of("@ready", AF_INET),
        "waits_mailbox": of("@ready", AF_UNIX),
        "packets_in": received[0], "packets_out": sent[0],
    }


def count(bench, kind, conns):
    """Per request."""
    stat_dir = bench.directory()
    client = bench.ixload("ix", "--conns", str(conns))
    with server(bench, kind, stat_dir) as s:
        before = {k: traffic(bench, k) for k in "sc"}
        with Trace(bench, s) as trace:
            answered = bench.client(client)["answered"]
        sent, received = (differences(traffic(bench, k), before[k])
                          for k in "sc")
        copied = stat(bench, stat_dir).get("tx_copied_bytes", 0) \
            if kind in ON_IX else 0
    found = in_words(trace, kind, sent, received, copied)
    print(f"    {kind}, {conns} connections: {answered:,} requests traced",
          flush=True)
    return {"requests": answered, "processes": trace.names,
            **{k: x / answered for k, x in found.items()}}


def measure(bench, contenders):
    """Rates with the most connections, latencies with one."""
    latency = {k: {"p50": [], "p99": []} for k in contenders}

    def rate(kind):
        with server(bench, kind):
            r = bench.client(bench.ixload("ix", "--conns", "1"))["latency_ns"]
            for q in latency[kind]:
                latency[kind][q].append(r[q] / 1e3)
            return bench.client(bench.ixload("ix", "--conns", str(LOADS[-1]))
                                )["msgs_per_sec"]

    values = bench.compare(rate, *contenders)
    return values, {q: {k: summary(latency[k][q]) for k in contenders}
                    for q in ("p50", "p99")}


def designs(bench):
    """three designs over the same NIC: 64 B echo, and what a request costs"""
    bench.need_namespaces()
    why = why_not()
    if why:
        raise NotYet(why)
    contenders = [k for k in CONTENDERS
                  if k != "process" or bench.has_process()]
    v, latency = measure(bench, contenders)
    counts = {str(n): {k: count(bench, k, n) for k in contenders}
              for n in LOADS}
    us = latency["p50"]
    return {"unit": "msg/s", "values": v, "latency": latency,
            "counts": counts, "rows": [
                ratio(x, f"{what}: {NAMES[a]} / {NAMES[b]}", a, b)
                for x, what, pairs in (
                    (v, "echo 64 B x 64, by design",
                     [(k, "microkernel") for k in contenders[1:]]),
                    (us, "echo 64 B there and back, median, by design",
                     [("microkernel", k) for k in contenders[1:]]))
                for a, b in pairs]}


# ---- the page

def number(x):
    return "0" if x == 0 else f"{x:,.0f}" if x >= 100 else \
        f"{x:.1f}" if x >= 10 else f"{x:.2f}" if x >= 0.005 else "< 0.005"


def count_lines(counts, conns):
    """Of one load."""
    found = counts[str(conns)]
    sums = {"bytes copied, all": COPIES, "waits, all": QUEUES}
    rows = {**{what: [found[k][c] for k in found]
               for c, what in COUNTS.items()},
            **{what: [sum(found[k][c] for c in of) for k in found]
               for what, of in sums.items()}}
    return ["", f"Per request, {conns} connection{'s' * (conns != 1)}:", "",
            "| counted | " + " | ".join(NAMES[k] for k in found) + " |",
            "|---|" + "---|" * len(found),
            *(f"| {what} | " + " | ".join(map(number, row)) + " |"
              for what, row in rows.items()),
            "| requests traced | " + " | ".join(
                f"{found[k]['requests']:,}" for k in found) + " |"]


def lines(s, machine):
    v, latency = s["values"], s["latency"]
    cells = [("requests a second, 64 connections", v)] + [
        (f"there and back, one connection, {q}, us", latency[q])
        for q in latency]
    out = [f"{machine['cpu']}, {machine['cores']} cores, Linux "
           f"{machine['kernel']}; {conditions_of(s)}.", "",
           "| not traced | " + " | ".join(NAMES[k] for k in v) + " |",
           "|---|" + "---|" * len(v)]
    out += [f"| {what} | " + " | ".join(number(x[k]["median"]) for k in v) +
            " |" for what, x in cells]
    for n in LOADS:
        out += count_lines(s["counts"], n)
    return out


def write(results, path=DOC):
    s = results["scenarios"].get("designs", {})
    if "counts" not in s:
        return
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(put_section(text, "designs", lines(s, results["machine"])))
