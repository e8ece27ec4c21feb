#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Users run dataplanes by ixcpd, without rights: on a TAP device that it makes
for them, and by AF_XDP; also those who ask for what they are not granted, lie,
die in between, and keep what they were passed. Linux is the other end.

    netns s                                    netns c
    Linux 10.84.0.1  ix0 ==== veth ==== ix0    10.84.0.2  clients
      alice's echo     7, or 10 and its successor
    Linux 10.85.0.1  ix1 ==== veth ==== ix1    10.85.0.2
      mallory's       80
    Linux 10.88.0.1  ix2 ==== veth ==== ix2    10.88.0.2  two queues
      alice's echo     7, or all of 10.88.0.5, 10.88.0.6 and fd88::5
    Linux 10.86.0.1  t0 = TAP = alice's echo 10.86.0.2
    Linux 10.89.0.1  t6 = TAP = alice's echo 10.89.0.2, 10.89.0.3 and fd89::2
    Linux 10.90.0.1  t7 = TAP = alice's echo 10.90.0.2, and its successor

    user.py IXCPD IX ECHO IXLOAD"""

import argparse
import array
import ctypes
import errno
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time

from cpd import Cpd, cores
from lab import (Cannot, Lab, Process, Veth, check, finish, sh, skip, wait_for)

ALICE, MALLORY, STRANGER = 12345, 12346, 12347
SERVER, OTHER, TAP = "10.84.0.1", "10.85.0.1", "10.86.0.2"
TWO = "10.88.0.1"
PAIR = "10.90.0.2"
MANY = "10.89.0.2/24", "10.89.0.3/24", "fd89::2/64"
WHOLE = "10.88.0.5/24", "10.88.0.6/24", "fd88::5/64"
CLIENT = ("import socket, sys; s = socket.create_connection((sys.argv[1], "
          "int(sys.argv[2])), 20); s.settimeout(20); s.sendall(b'hello'); "
          "sys.stdout.write(s.recv(1000).decode())")
# A connection under way, or one after the other, until it is told to end: how
# many pieces came back, or connections were answered, a line each.
TALK = """
import select, socket, sys, time
address, one = (sys.argv[1], int(sys.argv[2])), sys.argv[3] == "one"
s = socket.create_connection(address, 30)
while not select.select([sys.stdin], [], [], 0.01)[0]:
    if not one:
        s = socket.create_connection(address, 60)
    s.settimeout(60)
    s.sendall(b"hello")
    if s.recv(9) != b"hello":
        sys.exit("other bytes")
    print("good", flush=True)
    if not one:
        s.close()
"""
OPEN, BIND, SUSPEND, GROUPS, LOAD, FLOWS, PASS = range(7)
VERSION = 4
MB = 1 << 20
SEALS, SHRINK_GROW = 1033, 2 | 4  # F_ADD_SEALS
AF_XDP = 44
PASSRIGHTS = 83  # SO_PASSRIGHTS
SMALL = ("--mbufs", "2048", "--arena", "4M", "--tcp.max_conns", "64")


def rules():
    return {
        "tap": {"user": str(ALICE), "nic": "tap:t0,10.86.0.1/24", "ip": TAP + "/24"},
        "web": {"user": str(ALICE), "nic": "xdp:ix0", "ports": "7,8000-8099",
                "ip": SERVER + "/24", "memory": "512M"},
        "two": {"user": str(ALICE), "nic": "xdp:ix2", "ports": "7",
                "cores": 2, "memory": "512M", "latency": "1us"},
        "wide": {"user": str(ALICE), "nic": "xdp:ix0", "ports": "9",
                 "cores": 2, "memory": "512M"},
        "many": {"user": str(ALICE), "nic": "tap:t6,10.89.0.1/24",
                 "ip": ",".join(MANY), "huge_pages": 4},
        "pair": {"user": f"{ALICE},{MALLORY}", "nic": "tap:t7,10.90.0.1/24",
                 "ip": PAIR + "/24", "dataplanes": 4},
        "twin": {"user": f"{ALICE},{MALLORY}", "nic": "xdp:ix0",
                 "ports": "10", "queues": "0", "dataplanes": 4,
                 "ip": SERVER + "/24", "memory": "512M"},
        "whole": {"user": str(ALICE), "nic": "xdp:ix2", "ip": ",".join(WHOLE),
                  "cores": 2, "memory": "512M"},
        "left": {"user": str(ALICE), "nic": "xdp:ix2", "ports": "8",
                 "queues": "0-1", "memory": "512M"},
        "right": {"user": str(MALLORY), "nic": "xdp:ix2", "ports": "9",
                  "queues": "1", "memory": "512M"},
        "own": {"user": str(MALLORY), "nic": "tap:m0,10.87.0.1/24",
                "ip": "10.87.0.2/24", "cores": 2},
        "mal": {"group": str(MALLORY), "nic": "xdp:ix1", "ports": "80",
                "ip": OTHER + "/24", "memory": "512M"},
    }


def as_user(uid):
    return ["setpriv", "--reuid", str(uid), "--regid", str(uid),
            "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]


class Test:
    def __init__(self, args, lab, net, cpd):
        self.args, self.lab, self.net, self.cpd = args, lab, net, cpd

    def command(self, uid, *options):
        stat = self.lab.directory()
        os.chown(stat, uid, uid)
        return [*self.net.on("s"), *as_user(uid), self.args.ix, "run",
                "--daemon", self.cpd.dir, "--stat_dir", stat,
                "--domain", "process", *SMALL, *options, "--", self.args.echo]

    def start(self, uid, *options, arguments=()):
        command = self.command(uid, *options)
        p = Process(self.lab, [*command, *arguments])
        p.wait_ready("ix: domain", 20)
        p.stat_dir = command[command.index("--stat_dir") + 1]
        return p

    def refused(self, uid, *options):
        """What it says."""
        r = subprocess.run(self.command(uid, *options), capture_output=True,
                           text=True, timeout=60)
        return r.stderr if r.returncode else "it was not"

    def client(self, address, port, where="c"):
        """A program that has just begun does not listen yet."""
        return wait_for(lambda: subprocess.run(
            [*self.net.on(where), sys.executable, "-c", CLIENT, address,
             str(port)], text=True, capture_output=True,
            timeout=60).stdout == "hello", 20)

    def link(self, name):
        return sh("ip", "-n", self.net.names["s"], "link", "show", name,
                  error=None) or ""

    def keeper(self, name):
        return int(sh("pgrep", "-f", f"ix keep {self.cpd.dir}.* {name}$"))

    def names(self):
        return set(self.cpd.planes())


def runs_as(pid, uid):
    with open(f"/proc/{pid}/status") as f:
        lines = dict(x.rstrip("\n").partition(":\t")[::2] for x in f)
    return lines["Uid"].split() == [str(uid)] * 4 and \
        int(lines["CapEff"], 16) == 0


# ---- those who mean well

def tap(t):
    began = time.monotonic()
    p = t.start(ALICE, "--nic", "tap:t0", "--ip", TAP + "/24")
    check("TAP: it says whom it asks", "ixcpd is asked" in p.said())
    check("TAP: answers", t.client(TAP, 7, "s"))
    check("TAP: runs as the user, without capabilities", runs_as(p.pid, ALICE))
    t.cpd.kill()
    check("daemon killed: it goes on", t.client(TAP, 7, "s"))
    time.sleep(2)
    t.cpd.start()
    check("the next daemon finds it", wait_for(lambda: t.cpd.planes().get(
        "tap-1", {}).get("state") == "up"))
    check("... with what it has", t.cpd.planes()["tap-1"]["nic"] ==
          "tap:t0,10.86.0.1/24" and t.cpd.planes()["tap-1"]["cores"] != "")
    seconds = t.cpd.planes()["tap-1"]["seconds"]
    check("... and since when", 2 <= seconds <= time.monotonic() - began,
          seconds)
    check("a second one: only so many", "1 at a time" in t.refused(
        ALICE, "--nic", "tap:t0", "--ip", TAP + "/24"))
    others = subprocess.run(
        [*as_user(STRANGER), t.args.ix, "down", "--dir", t.cpd.dir, "tap-1"],
        capture_output=True, text=True, timeout=30)
    check("another user may not end it", others.returncode and
          "you may not" in others.stderr and p.poll() is None)
    own = subprocess.run(
        [*as_user(ALICE), t.args.ix, "down", "--no-wait", "--dir", t.cpd.dir,
         "tap-1"], timeout=30)
    check("its user may", own.returncode == 0 and wait_for(
        lambda: p.poll() is not None))
    check("its device is removed", wait_for(lambda: not t.link("t0")))
    check("and forgotten", wait_for(lambda: "tap-1" not in t.names()))
    p = t.start(ALICE, "--nic", "tap:t0", "--ip", TAP + "/24")
    os.kill(t.keeper("tap-1"), signal.SIGKILL)
    check("without its keeper it ends", wait_for(
        lambda: p.poll() is not None) and "interface is gone" in p.said())
    check("and its device", wait_for(lambda: not t.link("t0")))
    p = t.start(ALICE, "--nic", "tap:t0", "--ip", TAP + "/24", "--domain",
                "inline")
    check("TAP, inline: answers", t.client(TAP, 7, "s"))
    p.kill()
    check("killed: its device is removed", wait_for(lambda: not t.link("t0")))


def xdp(t):
    options = ("--nic", "xdp:ix0", "--ports_only", "--ip", SERVER + "/24",
               "--port", "7")
    p = t.start(ALICE, *options, "--restart")
    check("AF_XDP: answers", t.client(SERVER, 7))
    check("AF_XDP: runs as the user", runs_as(p.pid, ALICE))
    check("Linux keeps the rest", "bytes from" in sh(
        *t.net.on("c"), "ping", "-c", "1", "-W", "2", SERVER))
    listener = Process(t.lab, [
        *t.net.on("s"), sys.executable, "-c",
        "import socket; l = socket.create_server(('', 8)); print('on', "
        "flush=True); c = l.accept()[0]; c.sendall(c.recv(99)); c.recv(1)"])
    listener.wait_ready("on", 10)
    check("... ports that are not granted, too", t.client(SERVER, 8))
    t.cpd.kill()
    app = int(open(f"/proc/{p.pid}/task/{p.pid}/children").read().split()[0])
    app = int(open(f"/proc/{app}/task/{app}/children").read().split()[0])
    os.kill(app, signal.SIGKILL)
    check("no daemon, a new life with fresh memory: answers", wait_for(
        lambda: "starting again" in p.said() and t.client(SERVER, 7), 20))
    t.cpd.start()
    check("found again", wait_for(lambda: t.cpd.planes().get(
        "web-1", {}).get("state") == "up"))
    return p


def queues(t):
    nic = ("--nic", "xdp:ix2", "--ports_only", "--port")
    p = t.start(ALICE, *nic, "7", "--cores", "0-1")
    check("two queues: all connections are answered", "2 queues" in p.said()
          and all(t.client(TWO, 7) for _ in range(8)))
    p.end()
    left = t.start(ALICE, *nic, "8")
    right = t.start(MALLORY, *nic, "9")
    check("two users share an interface: a queue each", "from 0 on, shared" in
          left.said() and "from 1 on, shared" in right.said())
    said = t.refused(ALICE, *nic, "7")
    check("... and who wants all of it is told", "ix2 is " in said, said)
    left.kill()
    check("one is killed: the other goes on", wait_for(
        lambda: "left-1" not in t.names()) and right.poll() is None and
        "xdp" in t.link("ix2"))
    left = t.start(ALICE, *nic, "8")
    check("... and the queue can be had again", left.poll() is None)
    left.end()
    right.end()
    check("in the end it is Linux's", wait_for(
        lambda: "xdp" not in t.link("ix2")))


def follows(t):
    """Its cores come and go with its load, as another's."""
    def has(n):
        return wait_for(lambda: len(cores(t.cpd.planes()["two-1"]["cores"])) ==
                        n, 20)

    # One byte at a time: else Linux, as a client, is not enough for a core.
    p = t.start(ALICE, "--nic", "xdp:ix2", "--ports_only", "--port", "7",
                "--cores", "0-1", arguments=("--size", "1"))
    check("idle: it gives a core back", has(1), t.cpd.planes()["two-1"])
    check("... which others may have", len(cores(t.cpd.ask(do="status")[
        "free"])) == len(os.sched_getaffinity(0)) - 1)
    load = Process(t.lab, [*t.net.on("c"), t.args.ixload, "-b", "linux",
                           TWO + ":7", "--conns", "32", "--pipeline", "8",
                           "--duration", "4", "--json"])
    check("under load: cores come", has(2), t.cpd.planes()["two-1"])
    check("... and every byte is right", wait_for(
        lambda: load.poll() is not None, 20) and load.poll() == 0, load.said())
    check("... and go", has(1), t.cpd.planes()["two-1"])
    t.cpd.kill()
    check("without a daemon: it goes on as it is", t.client(TWO, 7))
    t.cpd.start()
    check("the next one hears of it", wait_for(
        lambda: "two-1" in t.names()) and has(1), t.cpd.planes())
    p.end()
    check("... until it ends", wait_for(lambda: "two-1" not in t.names()))


def addresses(t):
    """Several, and of IPv6."""
    def answers(all_of, where):
        return [a for a in all_of
                if not t.client(a.partition("/")[0], 7, where)] == []

    p = t.start(ALICE, "--nic", "tap:t6", "--ip", ",".join(MANY))
    t.net.ip("s", "addr", "add", "fd89::1/64", "dev", "t6", "nodad")
    check("TAP: each of its addresses answers", answers(MANY, "s"))
    p.end()
    p = t.start(ALICE, "--nic", "tap:t6", "--ip", MANY[2])
    t.net.ip("s", "addr", "add", "fd89::1/64", "dev", "t6", "nodad")
    check("TAP: IPv6 alone", answers(MANY[2:], "s"))
    p.end()
    said = t.refused(ALICE, "--nic", "tap:t6", "--ip", "fd89::3/64")
    check("not granted: an address of IPv6", "all of these addresses" in said,
          said[-300:])
    p = t.start(ALICE, "--nic", "xdp:ix2", "--ip", ",".join(WHOLE), "--cores",
                "0-1")
    check("AF_XDP: each of its addresses answers", answers(WHOLE, "c"))
    check("... and the interface hears who asks for that of IPv6",
          "33:33:ff:00:00:05" in sh("ip", "-n", t.net.names["s"], "maddr",
                                    "show", "dev", "ix2"))
    p.end()
    check("... no longer than that", wait_for(
        lambda: "33:33:ff:00:00:05" not in sh(
            "ip", "-n", t.net.names["s"], "maddr", "show", "dev", "ix2")))


class Talk(Process):
    def __init__(self, t, to, how):
        super().__init__(t.lab, [*t.net.on(to.where), sys.executable, "-c",
                                 TALK, to.address, str(to.port), how],
                         stdin=subprocess.PIPE)
        self.wait_ready("good", 20)

    def n(self):
        return self.said().count("good")

    def more(self, seconds=20):
        n = self.n()
        return wait_for(lambda: self.n() > n + 1 or
                        self.poll() is not None, seconds) and \
            self.poll() is None

    def whole(self):
        """Its end."""
        self.stdin.close()
        return self.wait(70) == 0


class Pair:
    """A dataplane and its successor, by one rule."""

    def __init__(self, t, rule, nic, where, address, port, *options):
        self.t, self.rule, self.nic, self.where = t, rule, nic, where
        self.address, self.port = address, port
        self.options = ("--nic", nic, "--ip", address + "/24", *options)

    def start(self):
        p = self.t.start(ALICE, *self.options, "--nic_shared")
        self.t.client(self.address, self.port, self.where)
        return p

    def name(self, n):
        return f"{self.rule}-{n}"

    def there(self):
        return {x for x in self.t.names() if x.startswith(self.rule + "-")}

    def left(self, *wanted):
        return wait_for(lambda: self.there() ==
                        {self.name(n) for n in wanted})

    def answers(self):
        return self.t.client(self.address, self.port, self.where)

    def load(self):
        """Connections of three messages each, sixteen at a time."""
        return Process(self.t.lab, [
            *self.t.net.on(self.where), self.t.args.ixload, "-b", "linux",
            f"{self.address}:{self.port}", "--conns", "16",
            "--msgs-per-conn", "3", "--warmup", "0.5", "--duration", "3",
            "--json"])

    def refused(self, what, uid, words, *options):
        said = self.t.refused(uid, *self.options, *options)
        check(f"... {what} is refused", words in said, said[-300:])

    def devices(self):
        """Made for it, and the program of the interface."""
        links = sh("ip", "-n", self.t.net.names["s"], "link")
        return [w for w in ("ixside", "t7:") if w in links] + \
            (["xdp"] if "xdp" in self.t.link("ix0") else [])


def opened(t, p):
    """Connections that were asked for, and answered."""
    out = subprocess.run(
        [*as_user(ALICE), t.args.ix, "stat", "--dir", p.stat_dir, "--json"],
        capture_output=True, text=True, timeout=30).stdout
    return sum(x["tcp_passive_opens"] for x in json.loads(out))


def successor(t, to):
    """It has new connections as soon as the other one is drained."""
    old = to.start()
    talk, knocks = Talk(t, to, "one"), Talk(t, to, "many")
    to.refused("another user's", MALLORY, " is " + to.name(1), "--nic_shared")
    to.refused("one that does not share", ALICE, " is " + to.name(1))
    new = to.start()
    check(f"{to.nic}: a successor of the same user is there",
          to.left(1, 2) and talk.more() and knocks.more())
    time.sleep(1.5)  # it says that it listens, once a second
    check("... and waits", opened(t, new) == 0)
    load, before = to.load(), opened(t, old)
    check("there are many connections at a time", wait_for(
        lambda: opened(t, old) > before + 100))
    to.refused("a third one", ALICE, ", and its successor's", "--nic_shared")
    drain = Process(t.lab, [*as_user(ALICE), t.args.ix, "drain", "--dir",
                            old.stat_dir, "--json"])
    check("drained: new ones are the successor's at once", wait_for(
        lambda: opened(t, new) > 1) and knocks.more(), knocks.said()[-300:])
    before = opened(t, old)
    check("old connections go on", talk.more() and knocks.more() and
          old.poll() is None and opened(t, old) == before)
    check("... and come to their end, whole", talk.whole(), talk.said()[-200:])
    check("then it ends", drain.wait(30) == 0 and wait_for(
        lambda: old.poll() is not None), drain.said())
    check("... and says who came after it",
          json.loads(drain.said())["successor"] == new.pid, drain.said())
    check("not one of many at a time has failed", wait_for(
        lambda: load.poll() is not None, 30) and load.poll() == 0 and
        not any(json.loads(load.said())[n] for n in LOST), load.said()[-600:])
    check("none was refused", knocks.more(60) and new.poll() is None,
          knocks.said()[-300:])
    check("it goes on alone", to.left(2) and knocks.more())
    heir = to.start()
    heir.kill()
    check("a successor is killed: nothing has changed", to.left(2) and
          knocks.more() and to.devices())
    heir = to.start()
    t.cpd.kill()
    t.cpd.start()
    check("another daemon knows both", wait_for(lambda: [
        t.cpd.planes().get(to.name(n), {}).get("state")
        for n in (1, 2)] == ["up", "up"]))
    to.refused("a third one", ALICE, ", and its successor's", "--nic_shared")
    new.kill()
    check("who is killed has a successor, too", to.left(1) and to.answers())
    new = to.start()
    os.kill(t.keeper(to.name(1)), signal.SIGKILL)
    check("so has who loses his keeper", to.left(2) and to.answers())
    heir = to.start()
    os.kill(t.keeper(to.name(1)), signal.SIGKILL)
    check("a successor loses his: nothing has changed", to.left(2) and
          to.answers())
    heir = to.start()
    knocks.kill()
    for p in new, heir:
        p.kill()
    check("both are killed: nothing is left", to.left() and wait_for(
        lambda: not to.devices()), to.devices())


def successors(t):
    successor(t, Pair(t, "pair", "tap:t7", "s", PAIR, 7))
    said, status = lies(t, "heirs")
    check("who asks for ever more has two", not said and status == 0,
          f"{status} {said[-400:]}")
    check("... no longer than he is there", wait_for(
        lambda: "pair-1" not in t.names() and not t.link("t7")))
    twins = Pair(t, "twin", "xdp:ix0", "c", SERVER, 10, "--ports_only",
                 "--port", "10")
    successor(t, twins)
    pair = Pair(t, "pair", "tap:t7", "s", PAIR, 7)
    p = pair.start()
    knocks = Talk(t, pair, "many")
    said, status = lies(t, "flows")
    check("flows: refused", not said and status == 0, f"{status} {said[-400:]}")
    check("another user is not disturbed", knocks.more() and p.poll() is None,
          knocks.said()[-300:])
    knocks.kill()
    p.end()
    said, status = lies(t, "beside")
    check("beside: refused", not said and status == 0, f"{status} {said[-400:]}")
    check("... nothing is left of it", twins.left() and wait_for(
        lambda: not twins.devices()), twins.devices())


def stay(t, kind, begin_again):
    """What a killed keeper leaves is removed by a daemon that sees it, or by
    the next one; nothing of others, nor of a keeper that lives."""
    device, keeper = {"alone": ("m0", "own-1"),
                      "beside": ("ixside", "twin-2")}[kind]

    def there():
        links = json.loads(sh("ip", "-n", t.net.names["s"], "-j", "link"))
        return {w for x in links for w in (device, "t0", "others")
                if x["ifname"].startswith(w)}

    spared = {"others"}
    t.net.ip("s", "tuntap", "add", "others", "mode", "tap")
    t.net.ip("s", "link", "set", "others", "alias", "ix keep 0:1:2")
    if kind == "alone":
        p = t.start(ALICE, "--nic", "tap:t0", "--ip", TAP + "/24")
        spared.add("t0")
    liar = Process(t.lab, [*t.net.on("s"), *as_user(MALLORY), sys.executable,
                           "-B", __file__, "--lie", "stay_" + kind,
                           t.cpd.sock], stdin=subprocess.PIPE)
    liar.wait_ready("stays", 20)
    check(f"{device} is made to stay", there() == spared | {device}, there())
    killed = t.keeper(keeper)
    if begin_again:
        t.cpd.kill()
    os.kill(killed, signal.SIGKILL)
    if begin_again:
        wait_for(lambda: not os.path.exists(f"/proc/{killed}"))
        t.cpd.start()
    how = "the next daemon removes" if begin_again else "the daemon removes"
    check(f"its keeper is killed: {how} it, and nothing else",
          wait_for(lambda: there() == spared), there())
    if kind == "alone":
        check("... of a keeper that lives", t.client(TAP, 7, "s"))
        p.end()
    liar.kill()
    t.net.ip("s", "link", "del", "others")
    check("... and all is given back", wait_for(lambda: not t.names()))


def not_to_be_had(t):
    """Granted, but the machine has not got it: he is told so."""
    said = t.refused(ALICE, "--nic", "xdp:ix0", "--ports_only", "--port", "9",
                     "--cores", "0-1")
    check("more threads than queues", "queue" in said, said[-300:])
    if not os.path.exists("/dev/kvm") or \
            os.stat("/dev/kvm").st_mode & 0o006 != 0o006:
        said = t.refused(ALICE, "--nic", "tap:t0", "--ip", TAP + "/24",
                         "--domain", "vm")
        check("domain vm without KVM", "/dev/kvm" in said, said[-300:])
    with open("/proc/sys/vm/nr_hugepages") as f:
        if int(f.read()) == 0:
            said = t.refused(ALICE, "--nic", "tap:t6", "--ip",
                             MANY[0], "--pages", "huge")
            check("huge pages, of which there are none",
                  "the machine has none" in said, said[-300:])
    check("... nothing of it is left", wait_for(
        lambda: not {"wide-1", "tap-1", "web-1"} & t.names() and
        not t.link("t0")))


def huge_pages(t):
    """Of 6 that the machine seems to have, mallory is given 4, maps none, and
    wants others."""
    def has(nr, free, resv):
        for name, n in (("nr", nr), ("free", free), ("resv", resv)):
            with open(os.path.join(t.cpd.dir, name + "_hugepages"), "w") as f:
                f.write(f"{n}\n")

    def settle(pages, **machine):
        given = rules()
        for name in "mal", "own":
            given[name]["huge_pages"] = pages
        t.cpd.write({}, rules=given, cores=t.cpd.cores, **machine)
        t.cpd.ask(do="reload")

    def expect(what, name, *words):
        said, _ = lies(t, name)
        lines = said.split("\n")
        check(what, len(lines) == len(words) + 1 and all(
            map(str.startswith, lines, words)), said)
        wait_for(lambda: not t.names() & {"own-1", "mal-1"} - held)

    held = set()
    settle(4, hugepages=t.cpd.dir)
    has(6, 6, 0)
    left = "True huge pages: 4 are wanted, 2 of 6 can be had (%s has 4, others"
    expect("huge pages by two connections: one has them", "twice", "granted",
           left % "own-1")
    p = Process(t.lab, [*t.net.on("s"), *as_user(MALLORY), sys.executable,
                        "-B", __file__, "--lie", "pages", t.cpd.sock])
    p.wait_ready("granted", 20)
    held.add("mal-1")
    expect("another is to ask again, as long as he takes none", "more",
           left % "mal-1")
    t.cpd.kill()
    t.cpd.start()
    expect("... and another daemon says the same", "more", left % "mal-1")
    has(6, 6, 4)
    expect("... unless there will be none, either", "more", "False huge pages")
    has(3, 3, 0)
    expect("pages are taken away: it is told", "more", "False huge pages: 4 "
           "are wanted, 0 of 3 can be had (mal-1 has 4, others have 0)")
    has(6, 6, 0)
    check("... and the daemon has counted none below zero",
          t.cpd.ask(do="status")["huge_free"] == 2)
    p.kill()
    expect("he dies: they can be had", "more", "granted")
    settle(0)


def crowded(t):
    """By connections of root's, such as those of keepers."""
    others = [t.cpd.connect() for _ in range(64)]
    p = t.start(ALICE, "--nic", "tap:t0", "--ip", TAP + "/24")
    check("as many connections of root's as there may be: a user is served",
          t.client(TAP, 7, "s"))
    p.end()
    for s in others:
        s.close()
    p = Process(t.lab, [*as_user(ALICE), sys.executable, "-c",
                        "import socket, sys\n"
                        "held = [socket.socket(socket.AF_UNIX) for _ in "
                        "range(8)]\n"
                        "for s in held:\n    s.connect(sys.argv[1])\n"
                        "print('on', flush=True)\nsys.stdin.read()",
                        t.cpd.sock], stdin=subprocess.PIPE)
    p.wait_ready("on", 10)
    said = t.refused(ALICE, "--nic", "tap:t0", "--ip", TAP + "/24")
    check("as many of one user's: he is told", "8 connections of one user" in
          said, said[-300:])
    p.end()


def without_right(t):
    """A daemon that cannot have memory counted."""
    t.cpd.kill()
    before = t.cpd.before
    t.cpd.before = [*before, "setpriv", "--inh-caps=-setuid",
                    "--bounding-set=-setuid"]
    t.cpd.start()
    check("no CAP_SETUID: said at the start, of rules with AF_XDP only",
          "rule web: ixcpd cannot grant AF_XDP" in t.cpd.process.said() and
          "rule tap" not in t.cpd.process.said(), t.cpd.process.said())
    said = t.refused(ALICE, "--nic", "xdp:ix0", "--ports_only", "--port", "7")
    check("... and to who asks", "without CAP_SETUID" in said, said[-300:])
    p = t.start(ALICE, "--nic", "tap:t0", "--ip", TAP + "/24")
    check("... who has a TAP device", t.client(TAP, 7, "s"))
    p.end()
    t.cpd.kill()
    t.cpd.before = before
    t.cpd.start()


def unasked(t):
    """No option: who may not open the NIC asks the daemon of /run/ix, if there
    is one."""
    command = t.command(ALICE, "--nic", "tap:t0", "--ip", TAP + "/24")
    at = command.index("--daemon")
    del command[at:at + 2]
    at = command.index("setpriv")
    here = ["unshare", "-m", "sh", "-c",
            f"mount -t tmpfs none /run && mkdir /run/ix && "
            f"mount --bind {t.cpd.dir} /run/ix && exec \"$@\"", "sh"]
    p = Process(t.lab, command[:at] + here + command[at:])
    p.wait_ready("ix: domain", 20)
    check("a daemon that is there is asked", t.client(TAP, 7, "s"))
    p.end()
    check("... unless told not to", "not permitted" in t.refused(
        ALICE, "--daemon", "none", "--nic", "tap:t0", "--ip", TAP + "/24"))


def not_granted(t):
    nic = ("--nic", "xdp:ix1", "--ports_only", "--port", "80")
    for what, uid, options, words in (
            ("a user without rules", STRANGER, nic, "no rule grants you"),
            ("another one's interface", ALICE, nic, "no rule grants you"),
            ("a port", MALLORY, (*nic[:-1], "81"), "not grant you port 81"),
            ("a range of ports", MALLORY, (*nic, "--tcp.port_min", "80",
                                           "--tcp.port_max", "82"),
             "not grant you port 81"),
            ("an address", MALLORY, (*nic, "--ip", SERVER + "/24"),
             "all of these addresses"),
            ("a whole address", MALLORY, ("--nic", "xdp:ix1", "--ip",
                                          OTHER + "/24"), "ports_only"),
            ("cores", MALLORY, (*nic, "--cores", "0-1"), "1 cores, not 2"),
            ("huge pages", MALLORY, (*nic, "--pages", "huge"),
             "0 huge pages; 4 (mbufs, arena)"),
            ("memory", MALLORY, (*nic, "--arena", "4G"), "MB of memory")):
        said = t.refused(uid, *options)
        check(f"not granted: {what}", words in said, said[-300:])


# ---- those who do not

def message(what, lens=(0, 0), version=VERSION, cores=0, load=()):
    """struct keep_request"""
    return (struct.pack("=IIQQ128xII", version, what, *lens, cores, 0) +
            b"".join(struct.pack("=HHI", *x) for x in load)).ljust(672, b"\0")


class Liar:
    """Speaks for itself, as MALLORY."""

    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(30)
        self.s.connect(path)

    def ask(self, threads=1, **settings):
        """The answer's first line."""
        wanted = {"nic": "xdp:ix1", "ports_only": "true", "port": "80",
                  "mbufs": "2048", "arena": "4M", "tcp.max_conns": "64",
                  **settings}
        self.s.sendall(json.dumps({"do": "open", "threads": threads,
                                   "settings": wanted}).encode() + b"\n")
        line = b""
        while not line.endswith(b"\n"):
            got = self.s.recv(4096)
            if not got:
                break
            line += got
        return json.loads(line or b"null")

    def granted(self, **settings):
        """The keeper of the one before may still be there."""
        answer = self.ask(**settings)
        for _ in range(100):
            if "ok" in answer:
                return self
            if not answer.get("again") and not any(
                    w in answer["error"] for w in (
                        "at a time", "cores: ", "and its successor's")):
                break
            time.sleep(0.1)
            answer = self.ask(**settings)
        raise SystemExit(f"not granted: {answer}")

    def request(self, what, lens=(0, 0), fds=(), version=VERSION):
        data = message(what, lens, version)
        self.s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                 array.array("i", fds))] if fds else [])
        try:
            reply, control, _, _ = self.s.recvmsg(4096, 1024)
        except ConnectionResetError:
            return -104, "", []
        if len(reply) < 260:
            return -104, "", []
        got = array.array("i")
        for _, _, cmsg in control:
            got.frombytes(cmsg)
        return (struct.unpack("i", reply[:4])[0],
                reply[4:260].split(b"\0")[0].decode(), list(got))

    def load(self, n, busy):
        """What it is told then: an error, or cores."""
        self.s.sendall(message(LOAD, cores=n, load=64 * [(busy, 0, 0)]))
        err, told = struct.unpack("i280xI", self.s.recv(4096)[:288])
        return err or told


def memfd(size, seals=SHRINK_GROW, fill=True):
    import fcntl
    fd = os.memfd_create("x", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    if fill:
        os.pwrite(fd, bytes(size), 0)
    if seals:
        fcntl.fcntl(fd, SEALS, seals)
    return fd


def bind(fd, ifname, queue=0):
    """errno"""
    libc = ctypes.CDLL(None, use_errno=True)
    a = struct.pack("=HHIII", AF_XDP, 0, socket.if_nametoindex(ifname), queue,
                    0)
    return ctypes.get_errno() if libc.bind(fd, a, len(a)) else 0


SIZE = 4 * MB
LOST = "open_failed", "peer_closed", "timeouts", "wrong"


def lie_memory(path):
    """Everything but two sealed memfds that are filled, and not too long."""
    good = memfd(SIZE)
    for what, lens, fds in (
            ("none", (SIZE, SIZE), ()),
            ("one", (SIZE, SIZE), (good,)),
            ("a pipe", (SIZE, SIZE), (good, os.pipe()[0])),
            ("a file", (SIZE, SIZE),
             (good, os.open("/proc/self/exe", os.O_RDONLY))),
            ("/dev/zero", (SIZE, SIZE), (good, os.open("/dev/zero",
                                                       os.O_RDWR))),
            ("not sealed", (SIZE, SIZE), (good, memfd(SIZE, 0))),
            ("empty", (SIZE, SIZE), (good, memfd(SIZE, fill=False))),
            ("too long", (SIZE, 2 * SIZE), (good, memfd(2 * SIZE))),
            ("shorter than said", (SIZE, SIZE), (good, memfd(SIZE // 2))),
            ("no length", (SIZE, 0), (good, memfd(SIZE))),
            ("huge", (SIZE, (1 << 64) - 4096), (good, memfd(SIZE)))):
        err, why, got = Liar(path).granted().request(OPEN, lens, fds)
        if err >= 0 or got or (err != -104 and "memory" not in why):
            print(f"{what}: {err} {why} {got}", flush=True)


def lie_words(path):
    """Requests that make no sense, or not now."""
    for what, args, words in (
            ("version", (OPEN, (0, 0), (), 77), "version"),
            ("no such request", (99,), "not understood"),
            ("bound before", (BIND,), "not now"),
            ("suspended before", (SUSPEND,), "not now"),
            ("groups before", (GROUPS,), "flow groups"),
            ("flows before", (FLOWS,), "table of flows"),
            ("passed before", (PASS,), "not now")):
        err, why, _ = Liar(path).granted().request(*args)
        if err >= 0 or words not in why:
            print(f"{what}: {err} {why}", flush=True)
    half = Liar(path).granted()
    half.s.sendall(b"\1\0\0")
    del half
    again, fd = take(path)
    again.request(BIND)
    os.close(fd)
    err, why, got = again.request(OPEN, (SIZE, SIZE),
                                  (memfd(SIZE), memfd(SIZE)))
    if err >= 0 or got or "not now" not in why:
        print(f"opened when bound: {err} {why} {got}", flush=True)
    twice = take(path)[0]
    err, why, _ = twice.request(OPEN, (SIZE, SIZE), (memfd(SIZE), memfd(SIZE)))
    if err >= 0 or "not now" not in why:
        print(f"opened twice: {err} {why}", flush=True)
    time.sleep(20)


def lie_ask(path):
    """A thousand times, what is not granted, and what is no request."""
    liar = Liar(path)
    for i in range(1000):
        answer = liar.ask(port=str(1000 + i), **{"nic": "xdp:ix%d" % (i % 2)})
        if "error" not in answer:
            print(f"request {i}: {answer}", flush=True)
    for settings in [], ["nic"], [{}], "nic", 7, None:
        liar.s.sendall(json.dumps({"do": "open",
                                   "settings": settings}).encode() + b"\n")
        if b"error" not in liar.s.recv(4096):
            print(f"settings = {settings} is taken", flush=True)
    for name, value in (("user", "root"), ("seccomp", "/etc/shadow"),
                        ("stat_dir", "/"), ("nic", "xdp:" + "x" * 400),
                        ("mbufs", "99999999999"), ("port", "0"), ("nic", 7)):
        if "error" not in liar.ask(**{name: value}):
            print(f"{name} = {value} is taken", flush=True)


def take(path):
    liar = Liar(path).granted()
    err, why, fds = liar.request(OPEN, (SIZE, SIZE),
                                 (memfd(SIZE), memfd(SIZE)))
    if err or len(fds) != 1:
        raise SystemExit(f"opened: {err} {why} {fds}")
    return liar, fds[0]


def lie_elsewhere(path):
    """Binds the socket itself: nowhere where nothing was granted; and that ends
    it."""
    liar, fd = take(path)
    for link in "ix0", "ix2", "lo":
        if bind(fd, link) != errno.EINVAL:
            print("bound to", link, flush=True)
    if bind(fd, "ix1"):
        print("not bound", flush=True)
    print("bound", flush=True)
    liar.request(BIND)
    time.sleep(20)


def lie_keep(path):
    """Dies, while a child has the socket."""
    liar, fd = take(path)
    if liar.request(BIND)[0]:
        return print("not bound", flush=True)
    if os.fork() == 0:
        liar.s.close()
        print("kept by", os.getpid(), flush=True)
        time.sleep(60)


def lie_hoard(path):
    """Takes new ones, while a child has those before, and the memory."""
    liar, fd = take(path)
    bound = liar.request(BIND)[0]
    child = os.fork()
    if child == 0:
        liar.s.close()
        time.sleep(60)
        return
    os.close(fd)
    print(bound, liar.request(SUSPEND)[0],
          os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    err, why, fds = liar.request(OPEN, (SIZE, SIZE),
                                 (memfd(SIZE), memfd(SIZE)))
    print(err, why, len(fds), *liar.request(BIND)[:2], flush=True)


def hide(fd):
    """In a message that nobody receives: who has it?"""
    pair = socket.socketpair()
    socket.send_fds(pair[0], [b"x"], [fd])
    os.close(fd)
    return pair


def map_ring(fd):
    """... which is a socket's as long as it is mapped: where."""
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, *[ctypes.c_size_t] * 5]
    return libc, libc.mmap(None, 4096, 3, 1, fd, 0)


def lie_hide(path):
    """Where no process has them, to have others and their memory, too."""
    for how in "bound", "mapped", "not bound":
        liar, fd = take(path)
        if how == "mapped":
            libc, ring = map_ring(fd)
            os.close(fd)
        else:
            hidden = hide(fd)
        if how != "not bound" and liar.request(BIND)[0]:
            print(how, "is not", flush=True)
        err, why, _ = liar.request(SUSPEND)
        if err >= 0 or ("not now" if how == "not bound" else
                        "somebody keeps") not in why:
            print(f"{how}: suspended: {err} {why}", flush=True)
        time.sleep(1)
        answer = Liar(path).ask()
        if "at a time" not in answer.get("error", ""):
            print(f"{how}, again: {answer}", flush=True)
        if how == "mapped":
            libc.munmap(ctypes.c_void_p(ring), ctypes.c_size_t(4096))
            continue
        for s in hidden:
            s.close()
    os.close(take(path)[1])


def share(fd):
    """Its memory, with a socket in namespaces of our own. False: cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x50000000):  # CLONE_NEWUSER, CLONE_NEWNET
        return False
    s = socket.socket(AF_XDP, socket.SOCK_RAW)
    for ring in 2, 3, 5, 6:  # RX, TX, UMEM_FILL, UMEM_COMPLETION
        s.setsockopt(283, ring, 64)
    import fcntl
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
        fcntl.ioctl(u, 0x8914, struct.pack("16sh22x", b"lo", 1))  # IFF_UP
    a = struct.pack("=HHIII", AF_XDP, 1, 1, 0, fd)  # XDP_SHARED_UMEM
    return not libc.bind(s.fileno(), a, len(a)) and s.detach()


def lie_share(path):
    """Its memory is pinned by a socket that no keeper has passed."""
    liar, fd = take(path)
    if liar.request(BIND)[0]:
        print("not bound", flush=True)
    done, tell = os.pipe()
    child = os.fork()
    if child == 0:
        liar.s.close()
        if share(fd):
            os.close(fd)
            os.write(tell, b"x")
            time.sleep(60)
        os._exit(0)
    os.close(fd)
    os.close(tell)
    if not os.read(done, 1):
        return print("not shared", flush=True)
    if liar.request(SUSPEND)[0]:
        print("not suspended", flush=True)
    err, why, got = liar.request(OPEN, (SIZE, SIZE),
                                 (memfd(SIZE), memfd(SIZE)))
    if err >= 0 or got or "still pinned" not in why:
        print(f"fresh memory: {err} {why} {got}", flush=True)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(take(path)[1])


def lie_hurry(path):
    """Requests that are obeyed, as many as there may be."""
    liar, fd = take(path)
    liar.request(BIND)
    os.close(fd)
    end, n = time.monotonic() + 1, 0
    while time.monotonic() < end and not liar.request(SUSPEND)[0]:
        n += 1
    if not 0 < n < 110:
        print(n, "requests in a second", flush=True)


def lingering():
    """A connection whose end takes an hour, while a child lives."""
    listener = socket.create_server(("127.0.0.1", 0))
    s = socket.create_connection(listener.getsockname())
    peer = listener.accept()[0]
    s.setblocking(False)
    try:
        while True:
            s.send(bytes(1 << 16))
    except BlockingIOError:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 3600))
    done, tell = os.pipe()
    if os.fork() == 0:
        os.closerange(0, 3)
        s.close()
        os.write(tell, b"x")
        time.sleep(40)
        os._exit(0)
    os.read(done, 1)  # whose last one it is
    peer.close()
    return s


def lie_linger(path):
    """In place of memory one that is the keeper's to close."""
    s = lingering()
    liar = Liar(path).granted()
    data = message(OPEN, (SIZE, SIZE))
    socket.send_fds(liar.s, [data[:-1]], [s.fileno(), memfd(SIZE)])
    s.close()
    time.sleep(0.1)
    liar.s.sendall(data[-1:])
    if b"sealed" not in liar.s.recv(4096):
        print("not understood", flush=True)


def lie_burden(path):
    """One that is the daemon's: Linux refuses to pass it, since 6.16."""
    s, liar = lingering(), Liar(path)
    try:
        socket.send_fds(liar.s, [b"{"], [s.fileno()])
        print("passed", flush=True)
    except PermissionError:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0))
    s.close()
    liar.s.sendall(b"}\n")
    if not liar.s.recv(4096):
        print("no answer", flush=True)


def lie_give(path):
    """Gives the socket to somebody else, who is not to be killed for that; then
    the queue is busy as long as he has it."""
    liar, fd = take(path)
    if liar.request(BIND)[0]:
        return print("not bound", flush=True)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(os.path.join(os.path.dirname(path), "service"))
        socket.send_fds(s, [b"x"], [fd])
        s.recv(1)


def tap_of(path, threads=1):
    return Liar(path).granted(threads=threads, nic="tap:m0", port="",
                              ip="10.87.0.2/24", ports_only="false")


def wants_pages(path, *nics):
    """4 for each, by connections of their own. What is said."""
    other = {"nic": "tap:m0", "port": "", "ip": "10.87.0.2/24",
             "ports_only": "false"}
    asking = [Liar(path) for _ in nics]
    for liar, nic in zip(asking, nics):
        answer = liar.ask(pages="huge", **({} if nic == "ix1" else other))
        print("granted" if "ok" in answer else
              f"{answer.get('again', False)} {answer['error']}", flush=True)
    return asking


def lie_pages(path):
    """Has them, and never takes any."""
    held = wants_pages(path, "ix1")
    while held:
        signal.pause()


def lie_more(path):
    wants_pages(path, "m0")


def lie_twice(path):
    wants_pages(path, "m0", "ix1")


def lie_heirs(path):
    """One successor after the other, while all are there."""
    held = []
    for _ in range(20):
        liar = Liar(path)
        answer = liar.ask(nic="tap:t7", port="", ip=PAIR + "/24",
                          ports_only="false", nic_shared="true")
        if "ok" in answer:
            held.append((liar, *liar.request(OPEN)))
        elif "and its successor's" not in answer["error"]:
            print(answer, flush=True)
    if [x[1] for x in held] != [0, 0]:
        print("granted:", held, flush=True)


def twin(path):
    """One more of rule twin, opened: with its queue, and entries of its
    table."""
    liar = Liar(path).granted(nic="xdp:ix0", port="10", nic_shared="true")
    liar.s.sendmsg([message(OPEN, (SIZE, SIZE))],
                   [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array(
                       "i", (memfd(SIZE), memfd(SIZE))))])
    reply, fds, _, _ = socket.recv_fds(liar.s, 4096, 64)
    if struct.unpack("i", reply[:4])[0] or len(fds) != 1:
        raise SystemExit(f"twin: {reply[:260]} {fds}")
    return liar, fds[0], struct.unpack("I", reply[296:300])[0]


def lie_flows(path):
    """Tables that are none; then one of which everything changes all the time,
    and is gone."""
    def length(entries):
        return 4096 + 8 * entries

    for what, make in (
            ("none", lambda n: ()),
            ("two", lambda n: (memfd(length(n)), memfd(length(n)))),
            ("a pipe", lambda n: os.pipe()[:1]),
            ("a file", lambda n: (os.open("/proc/self/exe", os.O_RDONLY),)),
            ("not sealed", lambda n: (memfd(length(n), 0),)),
            ("too short", lambda n: (memfd(length(n) - 4096),)),
            ("too long", lambda n: (memfd(length(n) + 4096),))):
        liar, fd, n = twin(path)
        err, why, _ = liar.request(FLOWS, fds=make(n))
        if err >= 0 or "table of flows" not in why:
            print(f"{what}: {err} {why}", flush=True)
        os.close(fd)
        liar.s.close()
    liar, fd, n = twin(path)
    if liar.request(BIND)[0]:
        print("not bound", flush=True)
    table = memfd(length(n))
    if liar.request(FLOWS, fds=(table,))[0]:
        print("not taken", flush=True)
    for i in range(100):
        os.pwrite(table, os.urandom(length(n)), 0)
        err, why, _ = liar.request(PASS)
        if err:
            print(f"passed {i}: {err} {why}", flush=True)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fallocate(table, 3, ctypes.c_long(0), ctypes.c_long(length(n)))
    if liar.request(PASS)[0]:
        print("not passed", flush=True)
    err, why, _ = liar.request(FLOWS, fds=(table,))
    if err >= 0:
        print(f"a second one: {err} {why}", flush=True)
    os.close(fd)


def lie_beside(path):
    """Keeps a side door, and what it can do with it."""
    import fcntl
    old, fd, _ = twin(path)
    old.request(BIND)
    for what in BIND, SUSPEND, OPEN:
        liar, side, _ = twin(path)
        err, why, _ = liar.request(what)
        if err >= 0:
            print(f"{what}: {err} {why}", flush=True)
        os.close(side)
        liar.s.close()
    liar, side, _ = twin(path)
    frame = bytes(10) + b"\xff" * 6 + bytes(6) + b"\x88\xb5"
    for n in 60, 1500, 1600, 60000:
        os.write(side, frame.ljust(n, b"x"))
    fcntl.ioctl(side, 0x400454cb, 1)  # TUNSETPERSIST
    liar.s.close()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.write(side, frame.ljust(60, b"x"))
        except OSError:
            return os.close(fd)
        time.sleep(0.1)
    print("its device is there still", flush=True)


def stays(fd):
    """The device, which is held, too."""
    import fcntl
    fcntl.ioctl(fd, 0x400454cb, 1)  # TUNSETPERSIST
    print("stays", flush=True)
    sys.stdin.read()


def lie_stay_alone(path):
    liar = tap_of(path)
    stays(liar.request(OPEN)[2][0])


def lie_stay_beside(path):
    first, fd, _ = twin(path)
    first.request(BIND)
    second, side, _ = twin(path)
    stays(side)
    del fd, second


def lie_load(path):
    """About where it runs, and what it has to do there."""
    def has():
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            s.sendall(b'{"do": "status"}\n')
            answer = json.loads(s.makefile().readline())
        return [len(cores(p["cores"])) for p in answer["dataplanes"]
                if p["name"] == "own-1"]

    def becomes(n, told, busy):
        end = time.monotonic() + 5
        while time.monotonic() < end:
            if liar.load(n, busy) == told:
                return
        print(f"on {n}, {busy} busy: never told {told}", flush=True)

    def expect(what, got, wanted):
        if got != wanted:
            print(f"{what}: {got}, not {wanted}", flush=True)

    expect("too early", tap_of(path, 2).load(1, 0), -errno.EINVAL)
    for n in 0, 3, 1 << 31:
        liar = tap_of(path, 2)
        liar.request(OPEN)
        expect(f"{n} cores", liar.load(n, 0), -errno.EINVAL)
    liar = tap_of(path, 2)
    liar.request(OPEN)
    expect("busier than can be", {liar.load(2, 65535) for _ in range(99)}, {2})
    becomes(2, 1, 0)
    expect("told to leave one", has(), [2])
    becomes(1, 1, 0)
    expect("left it", has(), [1])
    expect("says that it has both", {liar.load(2, 0) for _ in range(20)}, {1})
    expect("... it has not", has(), [1])
    becomes(1, 2, 1000)
    expect("told to have both", has(), [1])
    becomes(2, 2, 1000)
    expect("has both", has(), [2])
    time.sleep(11)
    expect("is silent", has(), [2])


def lie_persist(path):
    """A TAP device that would stay, and one who has it."""
    liar = tap_of(path)
    err, why, fds = liar.request(OPEN)
    if err:
        return print(why, flush=True)
    import fcntl
    fcntl.ioctl(fds[0], 0x400454cb, 1)  # TUNSETPERSIST
    if os.fork() == 0:
        liar.s.close()
        print("kept by", os.getpid(), flush=True)
        time.sleep(60)


def lie_die(path):
    """At any point."""
    for k in range(4):
        if os.fork() == 0:
            liar = Liar(path).granted()
            if k:
                liar.request(OPEN, (SIZE, SIZE), (memfd(SIZE), memfd(SIZE)))
            if k > 1:
                liar.request(BIND)
            if k > 2:
                liar.request(SUSPEND)
            os.kill(os.getpid(), signal.SIGKILL)
        os.wait()


def lies(t, name, seconds=60):
    """What it prints, its status."""
    r = subprocess.run(
        [*t.net.on("s"), *as_user(MALLORY), sys.executable, "-B", __file__,
         "--lie", name, t.cpd.sock], capture_output=True, text=True,
        timeout=seconds)
    return r.stdout + r.stderr, r.returncode


def refuses_descriptors():
    """Since Linux 6.16"""
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.setsockopt(socket.SOL_SOCKET, PASSRIGHTS, 0)
        except OSError:
            return False
    return True


def hostile(t):
    def free():
        return "mal-1" not in t.names() and "xdp" not in t.link("ix1")

    def undisturbed(what):
        check(f"{what}: others are served, and the daemon answers",
              t.client(SERVER, 7) and t.cpd.answers())
        check(f"{what}: what was granted is free again", wait_for(free))

    for name in ("ask", "memory", "die", "hurry", "linger", "hide",
                 "words"):
        said, status = lies(t, name)
        # who has a socket when it is over is ended
        ends = -signal.SIGKILL if name == "words" else 0
        check(f"{name}: refused", not said and status == ends,
              f"{status} {said[-400:]}")
        undisturbed(name)
    said, status = lies(t, "share")
    check("share: refused, or there are no namespaces for users", status == 0
          and said in ("", "not shared\n"), f"{status} {said[-400:]}")
    undisturbed("share")
    if refuses_descriptors():
        said, status = lies(t, "burden")
        check("burden: refused", not said and status == 0, f"{status} {said}")
        undisturbed("burden")
    said, status = lies(t, "elsewhere")
    check("who binds it himself can do so only to what was granted, and is "
          "ended", said == "bound\n" and
          status == -signal.SIGKILL, f"{said} {status}")
    undisturbed("elsewhere")
    p = Process(t.lab, [*t.net.on("s"), *as_user(MALLORY), sys.executable,
                        "-B", __file__, "--lie", "keep", t.cpd.sock])
    check("a socket is kept", wait_for(lambda: "kept by" in p.said(), 20),
          p.said())
    if "kept by" not in p.said():
        return
    holder = int(p.said().split()[-1])
    check("who keeps it is ended", wait_for(
        lambda: not os.path.exists(f"/proc/{holder}"), 20))
    undisturbed("keep")
    said, status = lies(t, "hoard")
    check("who keeps it while another is asked for is ended",
          said == "0 0 -9\n0  1 0 \n", f"{said} {status}")
    undisturbed("hoard")
    give(t)
    p = Process(t.lab, [*t.net.on("s"), *as_user(MALLORY), sys.executable,
                        "-B", __file__, "--lie", "persist", t.cpd.sock])
    check("a device that would stay is removed all the same", wait_for(
        lambda: "kept by" in p.said(), 20) and wait_for(
            lambda: not t.link("m0")), p.said())
    undisturbed("persist")
    p = t.start(MALLORY, "--nic", "xdp:ix1", "--ports_only", "--port", "80",
                "--ip", OTHER + "/24")
    check("and the interface can be had", p.poll() is None)
    p.end()


def give(t):
    """We are the service, and root's: as long as we have it, it is granted."""
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(os.path.join(t.cpd.dir, "service"))
        os.chmod(os.path.join(t.cpd.dir, "service"), 0o666)
        service.listen()
        service.settimeout(30)
        p = Process(t.lab, [*t.net.on("s"), *as_user(MALLORY), sys.executable,
                            "-B", __file__, "--lie", "give", t.cpd.sock])
        with service.accept()[0] as s:
            s.settimeout(30)
            fds = socket.recv_fds(s, 1, 1)[1]
        check("a socket is given away: who gave it ends", wait_for(
            lambda: p.poll() is not None), p.said())
    time.sleep(1)
    check("... and who has it is left alone", len(fds) == 1 and
          "mal-1" in t.names() and "xdp" not in t.link("ix1"))
    os.close(fds[0])


def more_links(net):
    net.ip("s", "link", "add", "ix1", "type", "veth", "peer", "name", "ix1",
           "netns", net.names["c"])
    two = ("numrxqueues", "2", "numtxqueues", "2")
    net.ip("s", "link", "add", "ix2", *two, "type", "veth", "peer", "name",
           "ix2", *two, "netns", net.names["c"])
    for k, link, address in (("s", "ix1", OTHER), ("c", "ix1", "10.85.0.2"),
                             ("s", "ix2", TWO), ("c", "ix2", "10.88.0.2")):
        net.ip(k, "addr", "add", address + "/24", "dev", link)
        net.ip(k, "link", "set", link, "up")
    net.ip("s", "link", "set", "lo", "up")
    net.ip("c", "addr", "add", "fd88::1/64", "dev", "ix2", "nodad")


def main():
    if sys.argv[1] == "--lie":
        return globals()["lie_" + sys.argv[2]](sys.argv[3])
    p = argparse.ArgumentParser()
    for name in ("ixcpd", "ix", "echo", "ixload"):
        p.add_argument(name)
    args = p.parse_args()
    lab = Lab(limit=260)
    try:
        net = Veth(lab, SERVER, "10.84.0.2")
        more_links(net)
    except Cannot as why:
        skip(why)
    if subprocess.run([*as_user(ALICE), args.ix, "version"],
                      capture_output=True).returncode:
        skip("other users may not execute what is in the build tree")
    cpd = Cpd(lab, args.ixcpd, args.ix, {})
    cpd.before = net.on("s")
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        skip("needs two cores")
    cpd.cores = ",".join(map(str, usable))
    cpd.write({}, rules=rules(), cores=cpd.cores)
    cpd.start()
    t = Test(args, lab, net, cpd)
    tap(t)
    addresses(t)
    successors(t)
    for kind in "alone", "beside":
        stay(t, kind, begin_again=False)
        stay(t, kind, begin_again=True)
    not_to_be_had(t)
    huge_pages(t)
    crowded(t)
    without_right(t)
    unasked(t)
    queues(t)
    follows(t)
    said, status = lies(t, "load")
    check("load: lies get it no more than it was told to have", not said and
          status == 0, f"{status} {said[-600:]}")
    check("load: what was granted is free again", wait_for(
        lambda: "own-1" not in t.names() and not t.link("m0")))
    p = xdp(t)
    not_granted(t)
    hostile(t)
    check("all the while it has run", p.poll() is None and t.client(SERVER, 7))
    p.end()
    check("in the end the interface is Linux's", wait_for(
        lambda: "xdp" not in t.link("ix0")))
    check("there is no keeper left", wait_for(lambda: not subprocess.run(
        ["pgrep", "-f", f"ix keep {cpd.dir}"],
        capture_output=True).stdout))
    cpd.end()
    finish()


main()
