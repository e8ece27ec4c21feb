# SPDX-License-Identifier: MIT
"""A flood of SYNs, at all that is left of one core:

      core 0                   core 1
     +----------+             +---------------------------------+
     | server,  |    veth     | 64 connections of IPv4, on IX   |
     | on IX    o=============o newcomers, on Linux             |
     +----------+             | bench/syn_flood.c: IPv4 or IPv6 |
                              +---------------------------------+

With two cores the clients have to share theirs with who floods, which halves
what they can ask for. So there are three cases: "quiet", nobody floods;
"beside", the same flood goes past the server, to an address that nobody has;
"flood". And it floods less than it could: "alone" is what it sends, past the
server, with the core for itself."""

import json
import os
import time

from figures.bench import PORT, Failed
from figures.turns import ratio, row, summary
from lab import last_line, sh

SERVER = {4: "10.77.0.1", 6: "fd77::1"}
CLIENT = {4: "10.77.0.2", 6: "fd77::2"}
NEWCOMERS = {4: "10.77.0.3/24", 6: "fd77::3/64"}
NOBODY = {4: "10.77.0.99", 6: "fd77::99"}
CASES = "quiet", "beside", "flood"


def both(ip):
    return f"{ip[4]}/24,{ip[6]}/64"


def answer(process):
    """The JSON object that it says at its end."""
    process.wait(60)
    for line in reversed(process.said().splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    raise Failed(f"{process.args[-1]}: {last_line(process.said())}")


class Flood:
    def __init__(self, bench):
        bench.need_namespaces()
        self.bench = bench
        veth = bench.veth
        veth.ip("c", "addr", "add", NEWCOMERS[4], "dev", "ix0")
        veth.ip("c", "-6", "addr", "add", NEWCOMERS[6], "dev", "ix0", "nodad")
        link, = json.loads(sh("ip", "-n", veth.names["s"], "-j", "link",
                              "show", "ix0"))
        self.mac = link["address"]

    def start(self, k, argv, ready=None):
        return self.bench.start(self.bench.side(k, True) + argv, ready)

    def server(self):
        """Strangers are beyond a router, which is the client's IX. Others do
        not take its core away: what comes in 20 ms fills the NIC's ring."""
        b = self.bench
        return self.start("s", ["chrt", "-r", "1"] + b.ix_run(
            "s", [b.program("echo"), "--port", str(PORT)],
            extra=["--ip", both(SERVER), "--gateway",
                   ",".join(CLIENT.values())]), "ix: domain")

    def connected(self):
        b = self.bench
        return self.start("c", b.ix_run(
            "c", [b.program("ixload"), "--json", "--duration", str(b.seconds),
                  "--warmup", "1", "--conns", "64", f"{SERVER[4]}:{PORT}"],
            extra=["--ip", both(CLIENT)]))

    def newcomers(self, v):
        here = os.path.dirname(os.path.abspath(__file__))
        return self.start("c", [os.path.join(here, "newcomers.py"),
                                NEWCOMERS[v].partition("/")[0], SERVER[v],
                                str(PORT), str(self.bench.seconds + 1)])

    def flooder(self, to):
        return self.start("c", [
            self.bench.program("syn_flood"), "ix0", self.mac, to, str(PORT),
            str(self.bench.seconds + 30)], "^ready")

    def alone(self, v):
        """SYNs a second."""
        server = self.server()
        flooder = self.flooder(NOBODY[v])
        time.sleep(self.bench.seconds)
        flooder.end()
        server.end()
        return answer(flooder)["per_second"]

    def measure(self, case, v):
        """Messages of the connected, newcomers, SYNs; each a second."""
        server = self.server()
        time.sleep(0.3)
        connected = self.connected()
        connected.wait_ready("ix: domain", 10)
        newcomers = self.newcomers(v)
        if case == "quiet":
            flooder = None
        else:
            flooder = self.flooder((NOBODY if case == "beside" else SERVER)[v])
        got = answer(connected)["msgs_per_sec"], answer(newcomers)
        syns = 0
        if flooder:
            flooder.end()
            syns = answer(flooder)["per_second"]
        server.end()
        if got[1]["failed"]:
            raise Failed(f"{got[1]['failed']} newcomers had no answer")
        return {"connected": got[0], "newcomers": got[1]["conns_per_sec"],
                "SYNs": syns}


def of_all(runs, what):
    return {case: summary([r[what] for r in runs[case]]) for case in CASES}


def syn_flood(bench):
    """a flood of SYNs: messages of those who are connected, newcomers"""
    flood = Flood(bench)
    rows, values = [], {}
    for v in 4, 6:
        runs, alone = {case: [] for case in CASES}, []

        def run(case):
            if case == "flood":
                alone.append(flood.alone(v))
            runs[case].append(flood.measure(case, v))
            return runs[case][-1]["connected"]

        m = bench.compare(run, *CASES)
        for case in CASES:
            values[f"IPv{v} {case}"] = m[case]
        newcomers = of_all(runs, "newcomers")
        values[f"IPv{v} newcomers"] = newcomers["flood"]
        syns = {"flood": of_all(runs, "SYNs")["flood"],
                "alone": summary(alone)}
        values[f"IPv{v} SYNs"] = syns["flood"]
        values[f"IPv{v} SYNs alone"] = syns["alone"]
        rows += [
            ratio(m, f"echo under a flood of IPv{v} SYNs / the flood goes past",
                  "flood", "beside", 0.5, ">="),
            ratio(m, f"echo under a flood of IPv{v} SYNs / quiet, the clients' "
                  "core theirs alone", "flood", "quiet"),
            ratio(newcomers, f"newcomers of IPv{v} meanwhile / while it goes "
                  "past", "flood", "beside"),
            row(syns, f"SYNs of IPv{v} a second meanwhile, from the core of "
                "clients and newcomers", lambda m: m["flood"]),
            ratio(syns, "... / with that core alone", "flood", "alone")]
    return {"unit": "a second", "values": values, "rows": rows}
