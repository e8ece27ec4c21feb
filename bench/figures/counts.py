# SPDX-License-Identifier: MIT
"""Instructions and bytes: exact, whatever else the machine does."""

import json
import os
import re
import subprocess

from lab import Failed, last_line

PROGRAMS = ("echo", "echo6", "echo_ix", "echo_raw", "churn", "kv_get",
            "xdp:echo", "xdp:echo6", "xdp:churn", "xdp:kv_get")
# Rounds of 64 messages; the difference of two runs is what is counted.
ROUNDS = 20, 220
COUNTED = "run_program", "client_turn"
LIMIT = 120
# Cache misses: of 12,800 messages, in caches of 32 KB and 1 MB.
MISSES = ("--cache-sim=yes", "--D1=32768,8,64", "--LL=1048576,16,64",
          "--instr-atstart=no", "--collect-atstart=no")
MESSAGES, MISS_ROUNDS = 12800, 400
CONNS = 64, 10000, 250000
# The same variants of libc's functions on every machine.
PLAIN = ("glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX,"
         "-AVX_Fast_Unaligned_Load,-ERMS,-FSRM")


def callgrind(lab, options, *args):
    """What insns with @args prints, and the file of callgrind's."""
    out = lab.path("callgrind.out")
    r = subprocess.run(
        ["valgrind", "--tool=callgrind", "--compress-strings=no",
         "--compress-pos=no", "--callgrind-out-file=" + out, *options,
         lab.program("insns"), *map(str, args)],
        text=True, capture_output=True, timeout=LIMIT,
        env={**os.environ, "GLIBC_TUNABLES": PLAIN})
    if r.returncode or not r.stdout.startswith("{"):
        said = re.sub(r"^==.*\n", "", r.stderr, flags=re.M)  # valgrind's
        raise Failed(f"insns {args}: {last_line(said)}")
    return json.loads(r.stdout), out


def costs(lab, program, rounds):
    """Messages, and by (file, function) the instructions of its own."""
    said, out = callgrind(lab, ["--toggle-collect=" + f for f in COUNTED],
                          program, rounds)
    with open(out) as f:
        return said["messages"], own_costs(f)


def own_costs(lines):
    """Of a callgrind profile: what a function calls stands in the line after
    calls=, and is not its own."""
    costs, file, function, called = {}, "", "", False
    for line in lines:
        if line.startswith("fl="):
            file = line[3:].strip()
        elif line.startswith("fn="):
            function = file, line[3:].strip()
        elif line.startswith("calls="):
            called = True
        elif line[0].isdigit():
            n = 0 if called else int(line.split()[1])
            costs[function] = costs.get(function, 0) + n
            called = False
    return costs


def profile(lab, program):
    """By (file, function) the instructions per message, the most first."""
    (few, before), (many, after) = (costs(lab, program, n)
                                    for n in ROUNDS)
    each = {k: (n - before.get(k, 0)) / (many - few)
            for k, n in after.items()}
    return sorted(each.items(), key=lambda x: -x[1])


def total(profile):
    return sum(n for _, n in profile)


def part_of(file):
    """Whose instructions: by where the function's source is."""
    if re.search(r"\bnic/(wire|xdp)", file):
        return "nic"
    if re.search(r"\b(base|nic|net|dp)/\w+\.[ch]$", file):
        return "dataplane"
    return "application"


def instructions(bench):
    """instructions per message on the server, full batches"""
    profiles = {name: profile(bench, name) for name in PROGRAMS}
    parts = {"dataplane": 0, "nic": 0, "application": 0}
    for (file, function), n in profiles["echo"]:
        parts[part_of(file)] += n
        if n >= 1:
            print(f"    {n:8.1f}  {function}")
    each = {name: total(p) for name, p in profiles.items()}
    rings = sum(n for (file, _), n in profiles["xdp:echo"]
                if part_of(file) == "nic")
    return {"unit": "instructions per message",
            "values": {"ix": {**each, **parts}},
            "profile": [(function, round(n, 1)) for (_, function), n in
                        profiles["echo"] if n >= 1],
            "rows": [
                ("instructions per 64 B echo (callgrind)", each["echo"], 1000,
                 "<="),
                ("... the wire NIC not counted",
                 parts["dataplane"] + parts["application"], 850, "<="),
                ("... of those in the dataplane", parts["dataplane"], None,
                 ""),
                ("... in the wire NIC (one copy in, none out)", parts["nic"],
                 None, ""),
                ("... in ixev and the program", parts["application"], None,
                 ""),
                ("instructions per 64 B echo by IPv6 / by IPv4",
                 each["echo6"] / each["echo"], 1.1, "<="),
                ("instructions per 64 B echo on bare libix (bench/echo_raw.c)",
                 each["echo_raw"], 860, "<="),
                ("... copied into pages of the arena (example/echo_ix.c)",
                 each["echo_ix"], None, ""),
                ("instructions per connection with one 64 B echo, FIN both ways",
                 each["churn"], None, ""),
                ("instructions per GET of kv, 19 B key, 2 B value",
                 each["kv_get"], None, ""),
                ("instructions per 64 B echo on AF_XDP's rings",
                 each["xdp:echo"], None, ""),
                ("... of those in the NIC (nic/xdp_ring.c, no copy)", rings,
                 None, ""),
                ("... there by IPv6", each["xdp:echo6"], None, ""),
                ("... there per connection with one 64 B echo, FIN both ways",
                 each["xdp:churn"], None, ""),
                ("... there per GET of kv", each["xdp:kv_get"], None, "")]}


def misses(lab, conns):
    """Per message: instructions, and lines of data that are not in the first
    cache, nor in the second."""
    _, out = callgrind(lab, MISSES, "xdp:echo", MISS_ROUNDS, conns)
    with open(out) as f:
        text = f.read()
    names, numbers = (re.search(rf"^{what}: (.*)", text, re.M).group(1).split()
                      for what in ("events", "totals"))
    n = {k: int(v) / MESSAGES for k, v in zip(names, numbers)}
    return {"instructions": n["Ir"], "first": n["D1mr"] + n["D1mw"],
            "second": n["DLmr"] + n["DLmw"]}


def lines(bench):
    """cache lines per message on the server, on AF_XDP's rings"""
    values = {str(n): misses(bench, n) for n in CONNS}
    rows = []
    for n in CONNS:
        m, of = values[str(n)], f", {n:,} connections"
        rows += [("cache lines per 64 B echo beyond 32 KB" + of, m["first"],
                  None, ""),
                 ("... beyond 1 MB" + of, m["second"], None, ""),
                 ("... instructions" + of, m["instructions"], None, "")]
    return {"unit": "per message", "values": values, "rows": rows}


def memory(bench):
    """bytes of the server's dataplane per idle connection"""
    n = "250000"
    r = bench.client([bench.program("mem_conns"), n], net=False)
    if r["conns"] < int(n):
        raise Failed(f"only {r['conns']} of {n} connections")
    return {"unit": "bytes per connection", "values": {"ix": r}, "rows": [
        ("memory per idle connection, bytes (resident)",
         r["bytes_per_conn"], 512, "<="),
        ("memory per idle connection, bytes (reserved, all tables)",
         r["reserved_per_conn"], 512, "<=")]}
