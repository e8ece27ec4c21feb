#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ix ps, flows, set, cores, park, move, drain and log, as a user meets them, on a server with connections
from Linux; each of its domains that can be had everywhere.

    commands.py IX ECHO

    echo on IX 10.81.0.10 ====== TAP ix0 ====== 10.81.0.2   Linux, peers here"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tool"))
import lab  # noqa: E402
from lab import check, connect, finish, skip, wait_for  # noqa: E402

ADDRESS, PORT = "10.81.0.10", 7
CONNS = 5
STATES = ("closed", "syn-sent", "syn-received", "established", "fin-wait-1",
          "fin-wait-2", "close-wait", "closing", "last-ack", "time-wait")


class Commands:
    def __init__(self, args, stat_dir):
        self.ix, self.dir = args.ix, stat_dir

    def __call__(self, command, *args):
        """Its status, and what it prints."""
        r = subprocess.run([self.ix, command, "--dir", self.dir, *args],
                           capture_output=True, text=True, timeout=60)
        return r.returncode, r.stdout + r.stderr

    def json(self, command, *args):
        status, out = self(command, "--json", *args)
        return json.loads(out) if status == 0 else None


def answers():
    try:
        with connect(ADDRESS, PORT, 0.5) as s:
            s.sendall(b"?")
            return s.recv(1) == b"?"
    except OSError:
        return False


def ports(flows):
    return {f["remote"]["port"] for f in flows or []}


def look(ix, server, domain, peers):
    mine = {s.getsockname()[1] for s in peers}
    status, out = ix("ps")
    check("ps: a line for it", status == 0 and len(out.splitlines()) == 2 and
          all(w in out for w in ("t_commands", str(server.pid), domain,
                                 "tap:ix0")), out)
    check("... in columns", out.splitlines()[1:] and
          out.splitlines()[1].split()[3:5] == ["echo", domain] and
          out.splitlines()[1].index(domain) ==
          out.splitlines()[0].index("DOMAIN"), out)
    with open(f"/proc/{server.pid}/comm") as f:
        comm = f.read().strip()
    check("Linux's ps shows that it is ix's",
          comm == {"process": "ix", "inline": "ix:echo"}[domain], comm)
    about = (ix.json("ps") or [{}])[0]
    check("ps --json", about.get("pid") == server.pid and about["answers"] and
          about["domain"] == domain and len(about["threads"]) == 2 and
          about["connections"] >= CONNS and about["runs"], about)
    check("... and how many huge pages it has",
          out.split("\n")[0].split()[7] == "HUGE" and
          out.split("\n")[1].split()[7] == str(about.get("huge_pages")) and
          (about["huge_pages"] > 0 or "2 MB huge" not in about["about"]),
          about)
    check("ps of another name", ix("ps", "other") ==
          (1, "ix: no dataplane called other is running\n"))
    out = ix("stat")[1]
    check("stat: whose batches are whose, and none where nothing came",
          0 < len(re.findall(r"per iteration of thread [01]: \d+-", out)) ==
          out.count("per iteration"), out)
    flows = ix.json("flows", "--state", "established")
    check("flows: all connections of Linux", ports(flows) >= mine,
          f"({len(flows or [])})")
    check("... with their ends", all(
        f["local"] == {"addr": ADDRESS, "port": PORT} and
        f["remote"]["addr"] == "10.81.0.2" for f in flows or [{}]))
    check("... and what Linux agreed to", all(
        f["mss"] > 1000 and f["srtt_us"] > 0 and "sack" in f["options"]
        for f in flows or [{"mss": 0}] if f["remote"]["port"] in mine), flows)
    one = sorted(mine)[0]
    check("flows --port", ports(ix.json("flows", "--port", str(one))) == {one})
    check("flows --addr", ix.json("flows", "--addr", "10.0.0.1") == [])
    status, out = ix("flows", "t_commands", "--port", str(one))
    check("flows: two lines for people", status == 0 and
          len(out.splitlines()) == 3 and f"10.81.0.2:{one}" in out and
          "rtt:" in out, out)
    check("flows: a state that there is not",
          ix("flows", "--state", "open")[0] == 2)
    check("flows: each that there is", [s for s in STATES if ix.json(
        "flows", "--state", s) is None] == [])


def change(ix):
    check("set", ix("set", "t_commands", "batch=32", "tcp.rto_min=60ms") ==
          (0, ""))
    now = ix.json("set")
    check("... and told", now and now["batch"]["value"] == "32" and
          now["tcp.rto_min"]["value"] == "60ms", now and now["batch"])
    status, out = ix("set", "batch=16", "mtu=1400")
    check("set: not live", status == 1 and out == "ix: mtu: only at start\n",
          out)
    status, out = ix("set", "batch=16", "tcp.rto_max=1ms")
    check("set: they do not fit", status == 1 and "rto_min is above" in out,
          out)
    check("... and nothing has changed",
          ix.json("set")["batch"]["value"] == "32")
    wrong = "arp.static=10.81.0.2=02:00:00:00:00:99"
    check("set: a neighbour is fixed", ix("set", wrong) == (0, "") and
          not answers())
    status, out = ix("set", "arp.static=10.99.0.1=02:00:00:00:00:99",
                     "batch=16")
    check("... one that cannot be", status == 1 and out ==
          "ix: arp.static: 10.99.0.1 is not on our link\n" and
          ix.json("set")["batch"]["value"] == "32", out)
    check("... and the first one is as it was", not answers() and
          ix.json("set")["arp.static"]["value"] == wrong[11:])
    check("... and found again when it is not", ix("set", "arp.static=") ==
          (0, "") and wait_for(answers))
    status, out = ix("set", "policy=energy", "batch=16")
    check("set: who changes the policy is told", status == 1 and
          "ix policy" in out and ix.json("set")["batch"]["value"] == "32", out)
    status, out = ix("set", "--all")
    check("set --all", "mtu" in out and "(only at start)" in out)
    check("it still answers", answers())
    # Others may say something meanwhile.
    status, out = ix("log", "-n", "8")
    check("log: what was changed", status == 0 and
          0 < len(out.splitlines()) <= 8 and "arp.static = , by uid" in out,
          out)
    check("... and that before", "tcp.rto_min = 60ms, by uid" in ix("log")[1])
    check("log: what is in force", "nic ix0: TAP" in ix("log")[1])


def shares(ix, command, *args):
    """Flow groups of each thread afterwards; None: refused."""
    threads = ix.json(command, *args)
    return threads and [t["groups"] for t in threads]


def move(ix, peers):
    """... and the connections go with them."""
    def all_answer():
        for s in peers:
            s.sendall(b"y")
        return all(s.recv(1) == b"y" for s in peers)

    check("cores", shares(ix, "cores") == [64, 64])
    status, out = ix("cores", "t_commands", "1")
    check("cores 1: the other is parked", status == 0 and
          out.splitlines()[0].split() == ["THREAD", "CORE", "GROUPS"] and
          out.splitlines()[2].split() == ["1", "1", "0", "parked"], out)
    flows = ix.json("flows", "--state", "established")
    check("... all connections are of the first",
          len(flows) >= CONNS and all(f["thread"] == 0 for f in flows), flows)
    check("... and answer", all_answer())
    check("cores 2", shares(ix, "cores", "2") == [64, 64] and all_answer())
    check("park", shares(ix, "park", "0") == [0, 128] and all_answer())
    check("the last one is not parked", shares(ix, "park", "1") is None)
    check("park --back", shares(ix, "park", "--back", "t_commands", "0") ==
          [64, 64] and all_answer())
    before = [i for f in ix.json("flows") for i in [f["group"]]
              if f["thread"] == 0]
    check("move --groups", not before or
          shares(ix, "move", "--groups", str(before[0]), "0", "1") ==
          [63, 65] and all_answer())
    check("move: all of them", shares(ix, "move", "1", "0") == [128, 0] and
          all_answer())
    status, out = ix("move", "1", "1")
    check("move: to itself", (status, out) ==
          (1, "ix: from, to: two threads\n"), out)
    check("move: of three threads", ix("move", "0", "2")[0] == 1)
    check("park: --groups is move's", ix("park", "--groups", "1", "0")[0] == 2)
    check("move: one number", ix("move", "0")[0] == 2)
    check("cores: as before", shares(ix, "cores", "2") == [64, 64])


def drained(ix):
    """For programs: what becomes of its connections."""
    status, out = ix("drain", "--json", "--keep", "--timeout", "1ms")
    told = json.loads(out.splitlines()[0])
    check("drain --json: some are left", status == 3 and told["drains"] and
          not told["ended"] and told["left"] >= CONNS and
          told["connections"] >= told["left"] and told["ms"] < 10000 and
          told["unanswered"] == 0 and "successor" not in told, out)
    check("drain: no time", ix("drain", "--timeout", "x")[0] == 2 and
          "such as 50ms" in ix("drain", "--timeout", "x")[1],
          ix("drain", "--timeout", "x"))
    told = ix.json("drain", "--back")
    check("drain --back --json", told and not told["drains"] and
          not told["ended"] and told["left"] >= CONNS, told)
    check("... it answers", answers())


def lives(ix, server):
    """What the application's end has said; the socket stays."""
    os.kill(server.app(), 9)
    check("log: the application was killed", wait_for(
        lambda: "was ended by signal 9" in ix("log")[1]), ix("log")[1])
    check("ps: it has another life", wait_for(
        lambda: (ix.json("ps") or [{}])[0].get("lives") == 2))
    check("... and answers", wait_for(answers))


def older(args, server):
    """A dataplane that was there before an upgrade: we seem to be it, by
    @server's page."""
    here = args.lab.directory()
    os.chmod(here, 0o755)
    page = os.path.join(here, f"{os.getpid()}.0")
    shutil.copy(os.path.join(server.stat_dir, f"{server.pid}.0"), page)
    answer = {"cores": {"threads": [{"thread": 0, "core": 5, "groups": 77,
                                     "parked": False}]},
              "about": {"program": "echo", "domain": "inline", "nic": "tap:ix0",
                        "uptime_ms": 1}}

    def one(s):
        with s, s.makefile("rw") as f:
            for line in f:
                verb = json.loads(line)["do"]
                said = {**answer[verb], "ok": True} if verb in answer else {
                    "error": f'there is no verb "{verb}"'}
                print(json.dumps(said), file=f, flush=True)

    def all_of_them():
        with contextlib.suppress(OSError):
            while True:
                one(listener.accept()[0])

    with open(page, "r+b") as held, socket.socket(
            socket.AF_UNIX) as listener:
        fcntl.lockf(held, fcntl.LOCK_EX)
        listener.bind(os.path.join(here, f"{os.getpid()}.sock"))
        listener.listen()
        threading.Thread(target=all_of_them, daemon=True).start()
        ix = Commands(args, here)
        check("an older dataplane: cores", shares(ix, "cores") == [77],
              ix("cores"))
        status, out = ix("ps")
        check("... what it does not say is not 0", status == 0 and
              out.splitlines()[1].split()[7] == "-", out)


def serve(args, domain):
    server = lab.Ix(args.lab, args.ix, "tap:ix0,10.81.0.2/24", ADDRESS,
                    [args.echo], *lab.user_option(args.echo), "--domain",
                    domain, "--port", str(PORT), "--name", "t_commands",
                    *(["--restart"] if domain == "process" else []),
                    *(["--cores", "0,1"]))
    server.wait_ready(answers, 60)
    # Its second thread may listen a moment later than the first.
    peers = [connect(ADDRESS, PORT, 5, patience=10)
             for _ in range(CONNS)]
    for s in peers:
        s.sendall(b"x")
        s.recv(1)
    ix = Commands(args, server.stat_dir)
    look(ix, server, domain, peers)
    change(ix)
    move(ix, peers)
    drained(ix)
    if domain == "process":
        lives(ix, server)
        older(args, server)
    status = server.end()
    check(f"domain {domain} ends", status == 0, (status, server.said()))
    check("... and nobody is there", ix("ps")[0] == 1 and
          ix("flows") == (1, "ix: no dataplane is running\n"))


def main():
    if len(os.sched_getaffinity(0)) < 2:
        skip("needs two cores")
    args = lab.begin("ix", "echo", limit=110)
    serve(args, "process")
    serve(args, "inline")
    args.lab.close()
    finish()


main()
