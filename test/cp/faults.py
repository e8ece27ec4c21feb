#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ixcpd and its dataplanes are killed, and hostile words come.

    faults.py IXCPD PLANE [--rounds N]"""

import argparse
import fcntl
import os
import random
import signal
import socket
import time

from cpd import Cpd, cores, runs, sh
from lab import Lab, check, finish, wait_for

NAMES = ["a", "b", "c", "d"]
NOBODY = 65534


def plane(**settings):
    return {"min_cores": 1, "max_cores": 2, **settings}


def pids(cpd, name):
    return [int(x.split()[1]) for x in cpd.starts(name)]


def killed_while_it_starts(args, lab, rng, takes, kills):
    """Whoever comes next finds all that runs. Kills after all were begun, and
    the faults."""
    cpd = Cpd(lab, args.ixcpd, args.plane, {n: plane() for n in NAMES})
    settled, after, faults = None, 0, []
    for i in range(kills):
        cpd.start(ready=False)
        time.sleep(rng.uniform(0, 1.5 * takes))
        cpd.kill()
        alive = {n: [p for p in pids(cpd, n) if runs(p, args.plane)]
                 for n in NAMES}
        faults += [f"{i}: {n} twice" for n in NAMES if len(alive[n]) > 1]
        if settled:
            after += 1
            faults += [f"{i}: {n} has gone" for n in NAMES
                       if settled[n] not in alive[n]]
        elif all(alive.values()):
            settled = {n: p[0] for n, p in alive.items()}
    cpd.start()
    if not cpd.all_up(*NAMES):
        faults.append("not all are up")
    if len(cpd.starts()) != len(NAMES):
        faults.append(f"{len(cpd.starts())} starts")
    found = {n: p["pid"] for n, p in cpd.planes().items()}
    if settled and found != settled:
        faults.append(f"{found} is not {settled}")
    return cpd, after, faults


def start_time(args, lab):
    cpd = Cpd(lab, args.ixcpd, args.plane, {n: plane() for n in NAMES})
    began = time.monotonic()
    cpd.start(ready=False)
    wait_for(lambda: len(cpd.starts()) == len(NAMES))
    takes = time.monotonic() - began
    cpd.end()
    return min(takes, 0.2)


def daemon_killed(args, lab):
    """At any moment: who runs goes on, is found again, and none is begun
    twice."""
    rng = random.Random(11)
    takes = start_time(args, lab)
    after, faults = 0, []
    for _ in range(args.rounds):
        cpd, n, wrong = killed_while_it_starts(args, lab, rng, takes, 8)
        after += n
        faults += wrong
        if _ + 1 < args.rounds:
            cpd.end()
    check(f"{8 * args.rounds} kills, {after} after all were begun: all go on, "
          "are found again, and began once", not faults, str(faults[:5]))
    found = {n: p["pid"] for n, p in cpd.planes().items()}
    # What was found is as good as what was begun.
    os.kill(found["a"], signal.SIGKILL)
    check("one that was found is watched",
          wait_for(lambda: len(cpd.starts("a")) == 2) and cpd.all_up("a"))
    check("and stopped", cpd.ask(do="down", name="b").get("ok") and
          wait_for(lambda: cpd.state("b") == "down") and
          not runs(found["b"], args.plane))
    cpd.kill()
    cpd.start()
    check("what was stopped stays so after a restart",
          cpd.all_up("a", "c", "d") and cpd.state("b") == "down")
    check("a second daemon is refused", "another one runs" in sh(
        args.ixcpd, "--conf", cpd.conf, "--dir", cpd.dir, timeout=10).stderr)
    cpd.process.end()
    check("the daemon's end ends no dataplane",
          all(runs(found[n], args.plane) for n in "cd"))
    cpd.end()


def dataplane_killed(args, lab):
    cpd = Cpd(lab, args.ixcpd, args.plane, {
        "good": plane(), "bad": plane(program=["fail"]),
        "stubborn": plane(program=["stubborn"])}).start()
    check("up", cpd.all_up("good", "stubborn"))
    began = time.monotonic()
    os.kill(cpd.planes()["good"]["pid"], signal.SIGKILL)
    check("a killed one is begun again", wait_for(
        lambda: len(cpd.starts("good")) == 2) and cpd.all_up("good"))
    check("soon", time.monotonic() - began < 5)
    n = len(cpd.starts("bad"))
    check("one that fails waits longer each time", n < 10, f"{n} starts in "
          f"{time.monotonic() - began:.1f} s")
    check("and why is said", wait_for(
        lambda: "status 3" in cpd.planes()["bad"]["why"]))
    stopped = cpd.planes()["good"]["pid"]
    os.kill(stopped, signal.SIGSTOP)
    check("a stopped dataplane does not stop the daemon", cpd.answers())
    os.kill(stopped, signal.SIGCONT)
    check("a restart is another process",
          cpd.ask(do="restart", name="good").get("ok") and
          wait_for(lambda: len(cpd.starts("good")) == 3) and
          cpd.all_up("good"))
    pid = cpd.planes()["stubborn"]["pid"]
    cpd.ask(do="down", name="stubborn")
    check("one that does not go is killed", wait_for(
        lambda: cpd.state("stubborn") == "down", 15) and
        not runs(pid, args.plane))
    cpd.end()


def claims(args, lab):
    shared = {"nic": "xdp:eth7", "ports_only": True}
    cpd = Cpd(lab, args.ixcpd, args.plane, {
        "one": plane(nic="xdp:eth7", ip="10.1.0.1/24"),
        "nic": plane(nic="xdp:eth7", ip="10.1.0.2/24"),
        "address": plane(nic="xdp:eth8", ip="10.1.0.1/24"),
        "port1": plane(**{**shared, "nic": "xdp:eth9", "ip": "10.2.0.1/24",
                          "port": "80,443"}),
        "port2": plane(**{**shared, "nic": "xdp:eth9", "ip": "10.2.0.1/24",
                          "port": "443"}),
        "much": plane(memory="64G"),
        "many": plane(min_cores=6, max_cores=6)}, cores="0-5").start()
    check("the first has it", cpd.all_up("one", "port1"))
    pid = cpd.planes()["one"]["pid"]
    for name, why in (("nic", f"xdp:eth7 is one's (process {pid})"),
                      ("address", "address 10.1.0.1 is one's"),
                      ("port2", "port 443 of xdp:eth9 is port1's"),
                      ("much", "memory: 65536 MB are wanted"),
                      ("many", "cores: 6 are wanted at least")):
        wait_for(lambda: cpd.state(name) == "refused", 3)
        p = cpd.planes()[name]
        check(f"{name} is refused", p["state"] == "refused" and why in p["why"],
              p["why"])
    cpd.ask(do="down", name="one")
    check("what is given back can be had", cpd.all_up("nic", "address"))
    cpd.end()


def refused_once(args, lab):
    """By one that does as it is asked then."""
    cpd = Cpd(lab, args.ixcpd, args.plane, {"a": plane(program=["shy"])}).start()
    check("a refusal is said", wait_for(
        lambda: "not now" in cpd.planes()["a"]["why"]), cpd.planes()["a"]["why"])
    check("... until it has been done", wait_for(
        lambda: len(cores(cpd.planes()["a"]["cores"])) == 1) and
        not cpd.planes()["a"]["why"], cpd.planes()["a"]["why"])
    cpd.end()


def policy_kept(args, lab):
    """What somebody has chosen, who is not there when the daemon begins."""
    def follows():
        return cpd.planes()["a"]["policy"]

    def another_daemon():
        cpd.kill()
        cpd.start()
        return cpd.all_up("a") and follows()

    cpd = Cpd(lab, args.ixcpd, args.plane, {"a": plane(policy="background")})
    cpd.start()
    check("the settings' policy", cpd.all_up("a") and
          follows() == "background", follows())
    said = cpd.ask(do="policy", name="a", policy="magic")
    check("one that there is not", "fixed or auto" in said["error"] and
          follows() == "background", said)
    cpd.ask(do="policy", name="a", policy="energy")
    check("another one is chosen", follows() == "energy", follows())
    check("... for the next daemon, too", another_daemon() == "energy")
    cpd.ask(do="policy", name="a", policy="auto")
    check("and taken back", follows() == "background", follows())
    check("... for the next daemon, too", another_daemon() == "background")
    cpd.ask(do="policy", name="a", policy="fixed")
    check("chosen again", follows() == "fixed" and another_daemon() == "fixed")
    cpd.ask(do="reload")
    check("the settings are read anew: theirs", follows() == "background",
          follows())
    check("... for the next daemon, too", another_daemon() == "background")
    cpd.end()


def found_first(args, lab):
    """Who runs has what it has for the next daemon, too, whoever is declared
    before it."""
    planes = {"late": plane(nic="xdp:eth7"), "has": plane(nic="xdp:eth7")}
    cpd = Cpd(lab, args.ixcpd, args.plane, {"has": planes["has"]}).start()
    check("up", cpd.all_up("has"))
    cpd.kill()
    cpd.write(planes)
    cpd.start()
    check("another daemon gives nothing twice", cpd.all_up("has") and wait_for(
        lambda: cpd.state("late") == "refused", 3) and not cpd.starts("late"),
        str(cpd.planes()["late"]))
    cpd.end()


def machine_has(cpd, nr, free, resv):
    for name, n in (("nr", nr), ("free", free), ("resv", resv)):
        with open(os.path.join(cpd.dir, name + "_hugepages"), "w") as f:
            f.write(f"{n}\n")


def huge_pages(args, lab):
    """Each wants 192: 32 a core for packets, 128 for the arena. These take none,
    so that all that is given is still to come."""
    def refused(name, why):
        wait_for(lambda: cpd.state(name) == "refused", 3)
        p = cpd.planes()[name]
        check(f"{name} is refused: {why}",
              p["state"] == "refused" and why in p["why"], p["why"])

    def left():
        s = cpd.ask(do="status")
        return s["huge_pages"], s["huge_free"]

    def told(name):
        with open(os.path.join(cpd.dir, "ixcpd", name + ".conf")) as f:
            return next(x.split('"')[1] for x in f if x.startswith("pages "))

    planes = {"kv": plane(pages="huge"), "any": plane()}
    cpd = Cpd(lab, args.ixcpd, args.plane, planes).start()
    cpd.all_up("any")
    if left()[0] == 0:
        refused("kv", "192 are wanted, the machine has none")
    cpd.end()
    cpd = Cpd(lab, args.ixcpd, args.plane, planes)
    machine = {"hugepages": cpd.dir}
    planes["late"] = plane(pages="huge")
    cpd.write(planes, **machine)
    machine_has(cpd, 300, 280, 30)
    cpd.start()
    check("who asks for huge pages is up, and who does not", cpd.all_up(
        "kv", "any"))
    has = {n: p.get("huge_pages") for n, p in cpd.planes().items()}
    check("only the first has them", has["kv"] == 192 and not has["any"] and
          left() == (300, 58), f"{has} {left()}")
    check("... and the other one is told to take none",
          (told("kv"), told("any")) == ("huge", "transparent"), told("any"))
    late = "192 are wanted, 58 of 300 can be had (kv has 192, others have 50)"
    refused("late", late)
    check("it is in the log", "kv: has 192 huge pages, 58 of 300 are left" in
          cpd.process.said(), cpd.process.said())
    cpd.kill()
    cpd.start()
    check("found again", cpd.all_up("kv") and left() == (300, 58), str(left()))
    refused("late", late)
    cpd.ask(do="down", name="kv")
    check("what is given back can be had", cpd.all_up("late") and
          left() == (300, 58))
    cpd.end()


def hostile(args, lab):
    cpd = Cpd(lab, args.ixcpd, args.plane, {
        "mine": plane(), "silent": plane(program=["silent"]),
        "fixed": plane(program=["fixed"])}).start()
    check("up", cpd.all_up("mine", "silent", "fixed"))
    rng = random.Random(12)
    for words in (b"\n", b"{}\n", b"[]\n", b"null\n", b"{\"do\":1}\n",
                  b"{\"do\":\"up\",\"name\":[]}\n", b"[" * 4000 + b"\n",
                  b"{\"do\":\"up\",\"name\":\"" + b"x" * 3000 + b"\"}\n",
                  b"\xff\xfe\n", b"x" * 5000 + b"\n", b"\0\0\0\n"):
        with cpd.connect() as s:
            s.sendall(words)
            line = s.makefile(errors="replace").readline()
        check(f"{words[:24]!r} is refused", "error" in line, line[:80])
    for _ in range(300):
        with cpd.connect() as s:
            s.sendall(bytes(rng.choices(b'{}[]":,\n do=upstanm\\\0\xff', k=200)))
    idle = [cpd.connect() for _ in range(100)]
    check("many who say nothing keep nobody out", cpd.answers())
    deaf = cpd.connect()
    try:
        for _ in range(2000):
            deaf.sendall(b'{"do":"status"}\n' * 50)
    except (socket.timeout, BrokenPipeError, ConnectionResetError):
        pass
    check("one that does not read keeps nobody out", cpd.answers())
    for s in [deaf, *idle]:
        s.close()
    check("all are as before", cpd.all_up("mine", "silent", "fixed") and
          len(cpd.starts()) == 3)
    check("who cannot change its cores is left alone",
          wait_for(lambda: cpd.planes()["fixed"]["fixed"], 15))
    if os.geteuid() == 0:
        others(args, cpd)
    cpd.end()


def others(args, cpd):
    """Another user may look, and change what is hers."""
    word = ("import json, socket, sys; s = socket.socket(socket.AF_UNIX); "
            "s.connect(sys.argv[1]); s.sendall(sys.argv[2].encode() + b'\\n'); "
            "print(s.makefile().readline())")

    def ask(words):
        return sh("setpriv", "--reuid", "nobody", "--regid", str(NOBODY),
                  "--clear-groups", "python3", "-c", word,
                  os.path.join(cpd.dir, "ixcpd.sock"), words).stdout

    check("may look", '"ok":true' in ask('{"do":"status"}'))
    for do in ("up", "down", "restart", "policy"):
        said = ask('{"do":"%s","name":"mine","policy":"fixed"}' % do)
        check(f"may not say {do}", "you may not" in said, said)
    check("nor reload", "you may not" in ask('{"do":"reload"}'))
    cpd.write({"mine": plane(owner="daemon,nobody"), "silent": plane()})
    check("settings are read anew", cpd.ask(do="reload").get("ok"))
    said = ask('{"do":"down","name":"mine"}')
    check("the owner may", '"ok":true' in said and
          wait_for(lambda: cpd.state("mine") == "down"), said)
    check("but nothing else", "you may not" in
          ask('{"do":"down","name":"silent"}'))
    gone = cpd.planes()["fixed"]
    check("what is declared no more goes on", gone["state"] == "up" and
          not gone["declared"])
    cpd.ask(do="down", name="fixed")
    check("until it is stopped", wait_for(
        lambda: "fixed" not in cpd.planes()))
    program(args, cpd, ask)
    with open(cpd.conf, "a") as f:
        f.write("nonsense = 1;\n")
    said = cpd.ask(do="reload")
    check("bad settings change nothing", "no setting nonsense" in
          said.get("error", "") and "mine" in cpd.planes(), str(said))


def program(args, cpd, ask):
    """Of the owner's choice, which is kept."""
    def runs_now():
        pid = cpd.planes()["mine"]["pid"]
        with open(f"/proc/{pid}/cmdline") as f:
            return pid, f.read().split("\0")[5:-1]

    words = '{"do":"up","name":"mine","program":["serve","a b",""]}'
    check("no program of its own choice", "not in this one" in ask(words))
    cpd.write({"mine": plane(owner="nobody", any_program=True, user="nobody",
                             domain="process"), "silent": plane()})
    cpd.ask(do="reload")
    said = ask(words)
    check("until the settings leave it to the owner", '"ok":true' in said and
          cpd.all_up("mine"), said)
    pid, argv = runs_now()
    check("it is what runs", argv == ["serve", "a b", ""], str(argv))
    check("it is not changed while it runs", "it runs" in ask(words))
    cpd.kill()
    cpd.start()
    cpd.all_up("mine")
    os.kill(pid, signal.SIGKILL)
    check("another daemon starts the same again", wait_for(
        lambda: cpd.planes()["mine"]["pid"] not in (0, pid)) and
        cpd.all_up("mine") and runs_now()[1] == argv)


def lock_lingers(args, lab):
    """That of a daemon which was killed while it began a dataplane is that
    process's, for a moment."""
    cpd = Cpd(lab, args.ixcpd, args.plane, {"a": plane()})
    os.mkdir(os.path.join(cpd.dir, "ixcpd"))
    with open(os.path.join(cpd.dir, "ixcpd", "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        cpd.start(ready=False)
        time.sleep(0.3)
    check("a lock that is given back soon is waited for",
          wait_for(cpd.answers) and cpd.all_up("a"), cpd.process.said())
    cpd.end()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("ixcpd")
    p.add_argument("plane")
    p.add_argument("--rounds", type=int, default=20)
    args = p.parse_args()
    lab = Lab(limit=280)
    for test in (lock_lingers, daemon_killed, dataplane_killed, claims, refused_once,
                 policy_kept, found_first, huge_pages, hostile):
        test(args, lab)
    finish()


main()
