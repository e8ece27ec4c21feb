# SPDX-License-Identifier: MIT
"""The acts: a stock client talks to kv; kv under load; memcached under the
same load; the table."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

from kvdemo.modes import CLIENT, CLIENT6, KV, KV6, LINUX6
from lab import (Cannot, Ended, Failed, Ix, last_line, run_command, sh,
                 user_option)

PORT = 11211
CONNS, RECORDS = 64, 10000
NAMES = {"kv": "kv on IX", "kv6": "kv on IX, by IPv6",
         "memcached": "memcached on Linux"}

LISTENS = """
import sys
sys.path.insert(0, sys.argv[3])
import lab
lab.connect(sys.argv[1], int(sys.argv[2]), 1, patience=10).close()
"""


def say(text=""):
    print(text, flush=True)


def until_it_listens(mode, address):
    """A program needs a moment, too."""
    tool = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..",
                        "tool")
    sh(*mode.on_client, sys.executable, "-c", LISTENS, address, str(PORT),
       tool)


def both(ip, ip6):
    return f"{ip}/24,{ip6}/64"


def start_kv(lab, mode):
    program = lab.program("kv")
    kv = Ix(lab, lab.program("ix"), mode.nic, both(KV, KV6),
            [program, "-p", str(PORT)], "--cores", str(lab.server_core), *user_option(program),
            before=mode.on_ix)
    try:
        kv.serves()
    except Ended as e:
        raise Cannot(str(e))
    if mode.stock_client:
        sh(*mode.on_client, "ip", "-6", "addr", "add", LINUX6 + "/64", "dev",
           "ix0", "nodad")
        for address in KV, KV6:
            until_it_listens(mode, address)
    return kv


def start_memcached(lab, mode):
    if not shutil.which("memcached"):
        raise Failed("memcached is not installed: apt-get install memcached")
    user = [] if os.geteuid() else ["-u", "root"]
    p = lab.start(mode.on_memcached + [
        "taskset", "-c", str(lab.server_core), "memcached", "-t", "1", "-l",
        mode.memcached, "-p", str(PORT), "-U", "0", "-c", "4096", *user])
    try:
        until_it_listens(mode, mode.memcached)
    except Failed as e:
        raise Failed(f"memcached: {last_line(p.said())}; {e}")
    return p


def ask(mode, argv):
    """What a stock client prints."""
    try:
        r = subprocess.run(mode.on_client + argv, text=True, timeout=10,
                           capture_output=True)
    except FileNotFoundError:
        raise Failed("libmemcached-tools are not installed")
    except subprocess.TimeoutExpired:
        raise Failed(f"no answer to {argv[0]} in 10 s")
    if r.returncode:
        raise Failed(f"{argv[0]}: {last_line(r.stderr + r.stdout)}")
    return r.stdout


def talk(lab, mode):
    """A stock client and kv, as a user would see them."""
    if not mode.stock_client:
        say("(The wire is between two IX programs: no stock client can be "
            "attached to it.)\n")
        return
    path = lab.path("greeting")
    with open(path, "w") as f:
        f.write("Hello, this value has passed through IX and back.\n")
    servers = f"--servers={KV}:{PORT}"
    say("A stock memcached client (libmemcached-tools, Linux's TCP) talks to "
        "kv on IX:\n")
    for argv, shown in (
            (["memccp", servers, path], "$"),
            (["memccat", servers, "greeting"], "."),
            (["memcstat", servers], "Server|version|curr_items|bytes_read")):
        say("  $ " + " ".join(argv).replace(lab.dir + "/", ""))
        text = ask(mode, argv)
        for line in text.splitlines():
            if re.search(shown, line):
                say("  " + line.expandtabs(2))
        if argv[0] == "memccat" and "through IX and back" not in text:
            raise Failed("memccat: the value did not come back")
    say()


def load_command(lab, mode, what, address):
    argv = [lab.program("ixload"), "--json", "--quiet", "--proto", "usr",
            "--conns", str(CONNS), "--records", str(RECORDS), "--duration",
            str(lab.seconds), "--warmup", "0.5", f"{address}:{PORT}"]
    if what not in mode.loads_by_ix:
        return [*mode.on_client, "taskset", "-c", str(lab.client_core), *argv]
    return [*mode.on_client, *run_command(
        lab.program("ix"), mode.nic, both(CLIENT, CLIENT6), argv, "--quiet",
        "--cores",
        str(lab.client_core), "--domain", "inline")]


def load(lab, mode, what, address):
    """ixload's result, with a progress line on a terminal."""
    p = lab.start(load_command(lab, mode, what, address))
    name, began, terminal = NAMES[what], time.monotonic(), sys.stdout.isatty()
    while p.poll() is None:
        passed = time.monotonic() - began
        if passed > lab.seconds + 20:
            raise Failed(f"load on {name}: no end after {passed:.0f} s")
        if terminal:
            print(f"\rmeasuring {name} ... {passed:.0f} s ", end="",
                  flush=True)
        time.sleep(0.2)
    found = re.search(r"^\{.*\}$", p.said(), re.M)
    if p.returncode or not found:
        raise Failed(f"load on {name}: {last_line(p.said())}")
    r = json.loads(found.group())
    print("\r" if terminal else "", end="")
    say(f"measured {name}: {r['msgs_per_sec']:,.0f} requests/s   ")
    if r["wrong"] or r["timeouts"]:
        raise Failed(f"{name}: {r['wrong']} wrong answers, "
                     f"{r['timeouts']} overdue")
    return r


def ratio(a, b):
    return f"{a / b:.1f} x" if b else "-"


def table(results):
    kv, memcached = results["kv"], results["memcached"]
    rows = [("", "requests/s", "p50", "p99")]
    for what, r in results.items():
        rows.append((NAMES[what], f"{r['msgs_per_sec']:,.0f}",
                     f"{r['latency_ns']['p50'] / 1e3:,.0f} us",
                     f"{r['latency_ns']['p99'] / 1e3:,.0f} us"))
    rows.append(("in favour of IX",
                 ratio(kv["msgs_per_sec"], memcached["msgs_per_sec"]),
                 *(ratio(memcached["latency_ns"][q], kv["latency_ns"][q])
                   for q in ("p50", "p99"))))
    say()
    for name, *values in rows:
        say(f"  {name:20}" + "".join(f"{v:>14}" for v in values))
    say()


def client_of(mode, what):
    return ("ixload on IX (domain inline)" if what in mode.loads_by_ix
            else "ixload on Linux sockets (epoll)")


def conditions(lab, mode, facts):
    """What was compared with what."""
    clients = [client_of(mode, what) for what in NAMES]
    if len(set(clients)) > 1:
        clients = [f"{c} for {w}" for c, w in zip(clients, NAMES)]
    application = facts.get("application:")
    same = lab.server_core == lab.client_core
    say(f"  NIC      {facts.get('nic', '?')}")
    say(f"  domain   {facts.get('domain', '?')}"
        + (f"; application: {application}" if application else ""))
    say(f"  memory   {facts.get('pages', '?')} pages")
    say(f"  cores    server {lab.server_core}, client {lab.client_core}"
        + (": only one core here, so the two share it" if same else ""))
    say(f"  load     memcached USR mix (99 % GET, 19 B keys, 2 B values), "
        f"{CONNS} connections,\n           "
        f"{', '.join(dict.fromkeys(clients))}, {lab.seconds:g} s each")
    say()


def perform(lab, mode):
    kv = start_kv(lab, mode)
    say(f"network: {mode.about}\n")
    talk(lab, mode)
    results = {"kv": load(lab, mode, "kv", KV),
               "kv6": load(lab, mode, "kv6", f"[{KV6}]")}
    facts = kv.facts()
    kv.end()
    memcached = start_memcached(lab, mode)
    results["memcached"] = load(lab, mode, "memcached", mode.memcached)
    memcached.end()
    table(results)
    conditions(lab, mode, facts)
