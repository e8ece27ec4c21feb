#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ix drain: a dataplane is replaced by its successor, and nobody notices: not
one connection is refused, cut or lost.

    drain.py BUILD [DOMAIN [tap|xdp]]

    two dataplanes, one after the other  10.81.0.10, fd81::10
         |
    ix0: a TAP device; or a veth pair, to a namespace where Linux has these
    addresses, and the dataplanes a port of them
         |
    Linux  10.81.0.2, fd81::2, in a network namespace of our own"""

import json
import os
import shutil
import socket
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tool"))
from lab import (Cannot, Failed, Ix, Lab, check, connect,  # noqa: E402
                 counters, enter, finish, receive, sh, skip, user_option,
                 wait_for)

SERVER4, SERVER6, PORT = "10.81.0.10", "fd81::10", 7
OLD = 20  # connections that are under way
NEW = 60
PIECE = bytes(range(256)) * 32
SMALL = ["--mbufs", "8192", "--arena", "64M"]  # AF_XDP has it all pinned
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
          "--inh-caps=-all", "--bounding-set=-all"]
# A process of this number, which sleeps: struct clone_args of clone3().
SAME_NUMBER = """
import ctypes, signal, sys, time
pid = ctypes.c_int(int(sys.argv[1]))
args = (ctypes.c_uint64 * 11)()
args[4], args[8], args[9] = signal.SIGCHLD, ctypes.addressof(pid), 1
libc = ctypes.CDLL(None, use_errno=True)
signal.alarm(100)
while libc.syscall(435, args, len(args) * 8) < 0:
    print(ctypes.get_errno(), flush=True)
    time.sleep(0.1)  # its children are still in its session
signal.pause()
"""
ERRORS = ("tcp_rst_out", "drop_tcp_no_conn", "tcp_cookies_sent",
          "calls_failed")


class Bed:
    """Where they run: NIC, and what goes before a command, and with it."""

    def __init__(self, lab, domain):
        self.lab, self.domain = lab, domain
        self.nic, self.before, self.options = "tap:ix0", [], []

    def ix(self, program, *options):
        return Ix(self.lab, self.lab.program("ix"), self.nic,
                  f"{SERVER4}/24,{SERVER6}/64", program, "--domain",
                  self.domain, "--port", str(PORT), "--idle", "block",
                  *self.options, *options, before=self.before)


def begin(bed, *options):
    program = bed.lab.program("echo")
    return bed.ix([program], *user_option(program), *options)


def start(bed, *options):
    return ready(begin(bed, *options))


def ready(s):
    s.serves(60)  # the machine may be busy
    s.sock = f"{s.stat_dir}/{s.pid}.sock"
    s.wait_ready(lambda: os.path.exists(s.sock), 10)
    return s


def total(server, name):
    return sum(t[name] for t in counters(server.ix, server.stat_dir))


def answers(s, data=b"?"):
    s.sendall(data)
    return receive(s, len(data)) == data


class Talk(threading.Thread):
    """A connection that is under way, until it is told to end: all comes back
    that it sends."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.socket = connect(address, PORT, timeout=30, patience=10)
        self.on, self.bytes, self.error = True, 0, None
        answers(self.socket)
        self.start()

    def run(self):
        try:
            while self.on:
                if not answers(self.socket, PIECE):
                    raise Failed("other bytes came back")
                self.bytes += len(PIECE)
                time.sleep(0.01)
            self.socket.shutdown(socket.SHUT_WR)
            if self.socket.recv(1):
                raise Failed("more came back")
            self.socket.close()
        except (OSError, Failed) as e:
            self.error = e


class Knocks(threading.Thread):
    """New connections all the time, one after the other."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address = address
        self.on, self.n, self.error = True, 0, None
        self.start()

    def run(self):
        try:
            while self.on:
                with connect(self.address, PORT, timeout=30) as s:
                    if not answers(s):
                        raise Failed("other bytes came back")
                self.n += 1
        except (OSError, Failed) as e:
            self.error = e

    def end(self):
        self.on = False
        self.join(40)
        check(f"{self.n} connections meanwhile, none failed",
              self.n > 0 and not self.error and not self.is_alive(),
              self.error or "")


def drain(lab, server, *options):
    return lab.start([server.ix, "drain", "--dir", server.stat_dir, *options])


def all_end(talks):
    for t in talks:
        t.on = False
    for t in talks:
        t.join(40)
    failed = [t.error for t in talks if t.error]
    check("connections under way came to their end, whole",
          not failed and all(t.bytes for t in talks), failed[:3])


def errors(server):
    return {name: total(server, name) for name in ERRORS}


def clean(server, who, before):
    """@before: at its start a thread may listen later than another."""
    more = {k: n - before.get(k, 0) for k, n in errors(server).items()}
    check(f"{who}: nobody was sent away", not any(more.values()), more)


def ends(command, server):
    status = command.wait(40)
    check("ix drain: it has ended", status == 0, command.said())
    check("... and so has the dataplane", wait_for(
        lambda: server.poll() is not None, 10), server.said()[-300:])


def successor(bed):
    """One of two that come at a time; the other one hears why it cannot be."""
    both = [begin(bed) for _ in range(2)]
    wait_for(lambda: any(s.poll() is not None for s in both), 60)
    left = [s for s in both if s.poll() is None]
    gone = [s for s in both if s.poll() is not None]
    check("of two successors at a time one is refused", len(left) == 1 and
          gone[0].returncode > 0 and "and its successor" in gone[0].said(),
          [s.said()[-200:] for s in both])
    return ready(left[0])


def strangers(bed, old):
    """Another user may not be its successor, and not have it drained."""
    there = bed.lab.directory()
    ix = os.path.join(there, "cp", "ix")
    os.chmod(there, 0o755)
    for path in ("cp/ix", "dom/libix-process.so"):
        os.makedirs(os.path.dirname(os.path.join(there, path)))
        shutil.copy(os.path.join(bed.lab.build, path),
                    os.path.join(there, path))
    s = Ix(bed.lab, ix, bed.nic, f"{SERVER4}/24", ["true"], "--domain", "process", "--port", str(PORT), *bed.options,
           before=[*bed.before, *NOBODY])
    check("who may not have the NIC is no successor",
          s.wait(20) > 0 and any(w in s.said() for w in (
              "not permitted", "in use by another program")), s.said()[-200:])
    asked = bed.lab.start([*NOBODY, ix, "drain", "--dir", old.stat_dir])
    check("... and drains nobody", asked.wait(20) == 1 and
          old.poll() is None, asked.said()[-200:])


def succeeded(bed, old):
    """By another one, which is there before the old one goes."""
    lab = bed.lab
    talks = [Talk(a) for a in (SERVER4, SERVER6) for _ in range(OLD // 2)]
    old_errors = errors(old)
    knocks = [Knocks(a) for a in (SERVER4, SERVER6)]
    time.sleep(0.3)
    new = successor(bed)
    strangers(bed, old)
    time.sleep(1.5)
    check("the successor waits", total(new, "tcp_passive_opens") == 0)
    third = bed.ix(["true"], "--domain", "process")
    check("a third one is refused", third.wait(20) != 0 and
          "and its successor" in third.said(), third.said()[-200:])
    command = drain(lab, old, "--json")
    check("new connections are the successor's", wait_for(
        lambda: total(new, "tcp_passive_opens") > 0))
    before = total(old, "tcp_passive_opens"), total(new, "tcp_passive_opens")
    fresh = [connect(a, PORT, timeout=30)
             for a in (SERVER4, SERVER6) for _ in range(NEW // 2)]
    check("... all of them", all(answers(s) for s in fresh) and
          total(old, "tcp_passive_opens") == before[0] and
          total(new, "tcp_passive_opens") >= before[1] + NEW)
    check("old ones are waited for", command.poll() is None and
          old.poll() is None)
    told = len(talks), [t.bytes for t in talks]
    check("... and go on", wait_for(lambda: all(
        t.bytes > n for t, n in zip(talks, told[1]))))
    clean(old, "old", old_errors)
    all_end(talks)
    ends(command, old)
    told = json.loads(command.said())
    check("... and is told: all connections, and to whom", told["ended"] and
          told["connections"] >= len(talks) and told["left"] == 0 and
          told["successor"] == new.pid and told["ms"] > 100, told)
    check("those of the successor go on", all(answers(s, PIECE)
                                              for s in fresh))
    for k in knocks:
        k.end()
    before = total(new, "forwarded")
    for _ in range(NEW):
        with connect(SERVER4, PORT, timeout=30) as s:
            answers(s)
    # What goes to all threads is: questions for neighbours.
    forwarded = total(new, "forwarded") - before
    check(f"packets come to the right thread: {forwarded} do not",
          forwarded <= 10)
    for s in fresh:
        s.close()
    clean(new, "new", {})
    return new


def silent(bed):
    """By another one, for which the device is not there before."""
    lab = bed.lab
    old = start(bed)
    talk = Talk(SERVER4)
    old_errors = errors(old)
    command = drain(lab, old)
    time.sleep(0.5)
    late = Knocks(SERVER4)
    check("a SYN stays without an answer", wait_for(
        lambda: total(old, "drop_tcp_drain") > 0))
    check("... and nobody is refused", not late.error and not late.n)
    clean(old, "old", old_errors)
    all_end([talk])
    ends(command, old)
    new = start(bed)
    check("who has waited meets the successor", wait_for(
        lambda: late.n > 0, 30), late.error or "")
    late.end()
    return new


def limited(lab, server):
    """Who does not end in time is told, and cut."""
    with connect(SERVER4, PORT) as s:
        answers(s)
        command = drain(lab, server, "--timeout", "300ms", "--keep")
        port = str(s.getsockname()[1])
        check("what is left is told", command.wait(20) == 3 and
              "1 connection is left" in command.said() and
              (f"10.81.0.2:{port}" in command.said() or
               "does not answer" in command.said()), command.said())
        check("--keep: it is there still", answers(s))
        check("--back", drain(lab, server, "--back").wait(20) == 0)
        connect(SERVER4, PORT).close()
        command = drain(lab, server, "--timeout", "300ms")
        check("it ends all the same", command.wait(40) == 3 and
              wait_for(lambda: server.poll() is not None, 10))
        try:
            s.settimeout(10)
            ended = not s.recv(1)
        except ConnectionResetError:
            ended = True
        check("... and with it the connection", ended)


def given_back(bed, server, heir):
    """As it was given: what the successor has meanwhile is not cut."""
    talk = Talk(SERVER4)
    drain(bed.lab, heir, "--keep", "--timeout", "300ms").wait(40)
    before = total(server, "tcp_passive_opens"), talk.bytes
    check("the successor is drained: they are taken back", drain(
        bed.lab, server, "--back").wait(20) == 0 and served() and
        total(server, "tcp_passive_opens") > before[0])
    check("... and what it has goes on", wait_for(
        lambda: talk.bytes > before[1] + 9 * len(PIECE)), talk.error)
    all_end([talk])
    check("... and given to it again",
          drain(bed.lab, heir, "--back").wait(20) == 0 and served())


def killed(bed, server):
    """Either of the two, at any time: there is the other one."""
    heir = start(bed)
    heir.kill()
    heir.wait()
    check("the successor is killed: nothing has changed", served())
    other = bed.lab.start([sys.executable, "-c", SAME_NUMBER, str(heir.pid)])
    check("... and another process has its number", wait_for(
        lambda: os.path.exists(f"/proc/{heir.pid}")), other.said())
    heir = start(bed)
    other.end()
    time.sleep(1.5)  # it says that it listens, once a second
    command = drain(bed.lab, server, "--keep")
    check("new connections are the successor's", wait_for(
        lambda: served() and total(heir, "tcp_passive_opens") > 0))
    command.wait(40)
    given_back(bed, server, heir)
    heir.kill()
    heir.wait()
    check("... who is killed: they can be taken back",
          drain(bed.lab, server, "--back").wait(20) == 0 and served())
    heir = start(bed)
    talk = Talk(SERVER4)
    server.kill()
    server.wait()
    check("who is killed has a successor, too", served())
    check("it ends", heir.end(seconds=20) in (0, -15, 143))
    talk.on = False


def served():
    for address in (SERVER4, SERVER6):
        with connect(address, PORT, timeout=30, patience=20) as s:
            if not answers(s):
                return False
    return True


def addresses(*before, ends=("10.81.0.2/24", "fd81::2/64")):
    for a in ends:
        sh(*before, "ip", "addr", "add", a, "dev", "ix0",
           *(["nodad"] if ":" in a else []))
    sh(*before, "ip", "link", "set", "ix0", "up")


def use_tap(bed, *flags):
    sh("ip", "tuntap", "add", "dev", "ix0", "mode", "tap", *flags)
    addresses()


def use_veth(bed):
    name = f"ix-drain-{os.getpid()}"
    queues = ["numrxqueues", "2", "numtxqueues", "2"]
    bed.lab.netns.append(name)
    bed.before = ["ip", "netns", "exec", name]
    sh("ip", "netns", "add", name, error=Cannot)
    sh("ip", "link", "add", "ix0", *queues, "type", "veth", "peer", "name",
       "ix0", *queues, "netns", name, error=Cannot)
    addresses()
    sh(*bed.before, "ip", "link", "set", "lo", "up")
    addresses(*bed.before, ends=(f"{SERVER4}/24", f"{SERVER6}/64"))
    for command in ("qdisc add dev ix0 clsact",
                    "filter add dev ix0 egress bpf da obj "
                    f"{bed.lab.build}/test/lab/veth_rss.o sec tc"):
        sh("tc", *command.split(), error=Cannot)
    bed.nic, bed.options = "xdp:ix0", ["--ports_only", *SMALL]


def run(bed):
    if bed.nic == "tap:ix0":
        use_tap(bed)
        limited(bed.lab, silent(bed))
        sh("ip", "link", "del", "ix0")
        use_tap(bed, "multi_queue")
    bed.options += ["--nic_shared"]
    if os.cpu_count() > 1:
        bed.options += ["--cores", "0,1"]
    first = start(bed)
    second = succeeded(bed, first)
    third = succeeded(bed, second)
    killed(bed, third)


def main():
    build, domain, nic = (sys.argv[1:] +
                          ["process", "tap"][len(sys.argv) - 2:])
    if os.geteuid():
        skip("needs root: a NIC is shared by an eBPF program")
    try:
        enter("-n")
        lab = Lab(build, limit=170)
        bed = Bed(lab, domain)
        if nic == "xdp":
            use_veth(bed)
    except Cannot as why:
        skip(why)
    run(bed)
    lab.close()
    finish()


main()
