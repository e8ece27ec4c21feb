# SPDX-License-Identifier: MIT
"""Instructions and bytes: exact, whatever else the machine does."""

import json
import os
import re
import subprocess

from lab import Failed, last_line

PROGRAMS = "echo", "echo6", "echo_ix", "echo_raw", "churn", "kv_get"
# Rounds of 64 messages; the difference of two runs is what is counted.
ROUNDS = 20, 220
COUNTED = "run_program", "client_turn"
LIMIT = 120
# The same variants of libc's functions on every machine.
PLAIN = ("glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX,"
         "-AVX_Fast_Unaligned_Load,-ERMS,-FSRM")


def callgrind(lab, program, rounds):
    """Messages, and by (file, function) the instructions of its own."""
    out = lab.path("callgrind.out")
    r = subprocess.run(
        ["valgrind", "--tool=callgrind", "--compress-strings=no",
         "--compress-pos=no", "--callgrind-out-file=" + out,
         *("--toggle-collect=" + f for f in COUNTED), lab.program("insns"),
         program, str(rounds)], text=True, capture_output=True, timeout=LIMIT,
        env={**os.environ, "GLIBC_TUNABLES": PLAIN})
    if r.returncode or not r.stdout.startswith("{"):
        raise Failed(f"insns {program}: {last_line(r.stderr)}")
    with open(out) as f:
        return json.loads(r.stdout)["messages"], own_costs(f)


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
    (few, before), (many, after) = (callgrind(lab, program, n)
                                    for n in ROUNDS)
    each = {k: (n - before.get(k, 0)) / (many - few)
            for k, n in after.items()}
    return sorted(each.items(), key=lambda x: -x[1])


def total(profile):
    return sum(n for _, n in profile)


def part_of(file):
    """Whose instructions: by where the function's source is."""
    if re.search(r"\bnic/wire", file):
        return "wire"
    if re.search(r"\b(base|nic|net|dp)/\w+\.[ch]$", file):
        return "dataplane"
    return "application"


def instructions(bench):
    """instructions per message on the server, full batches"""
    profiles = {name: profile(bench, name) for name in PROGRAMS}
    parts = {"dataplane": 0, "wire": 0, "application": 0}
    for (file, function), n in profiles["echo"]:
        parts[part_of(file)] += n
        if n >= 1:
            print(f"    {n:8.1f}  {function}")
    each = {name: total(p) for name, p in profiles.items()}
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
                ("... in the wire NIC (one copy in, none out)", parts["wire"],
                 None, ""),
                ("... in ixev and the program", parts["application"], None,
                 ""),
                ("instructions per 64 B echo by IPv6 / by IPv4",
                 each["echo6"] / each["echo"], 1.1, "<="),
                ("instructions per 64 B echo on bare libix (bench/echo_raw.c)",
                 each["echo_raw"], 860, "<="),
                ("... byte by byte through a ring (example/echo_ix.c)",
                 each["echo_ix"], None, ""),
                ("instructions per connection with one 64 B echo, FIN both ways",
                 each["churn"], None, ""),
                ("instructions per GET of kv, 19 B key, 2 B value",
                 each["kv_get"], None, "")]}


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
