#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Life and death in domain process: the application is killed, stopped and
told to go, and its dataplane dies, each under load.

    life.py IX ECHO [--kills N]

    echo on IX 10.81.0.10 ====== TAP ====== 10.81.0.2 Linux, peers here

All in a user and network namespace of its own; no root needed."""

import argparse
import os
import random
import signal
import threading
import time

from server import DOMAIN, SLOW, Server, Watch, connect, enter
from lab import (Lab, check, finish, receive, reset_on_close, unacked,
                 wait_for)

SIZES = (1, 64, 1500, 9000, 60000)  # of messages
LEAVES = 1 / 64      # share of messages after which a peer leaves
# Seconds that an application lives, from to, in turns. It serves after some
# ms. After a life shorter than the pause before it, 10 ms at first, ix doubles
# the pause; the long life makes up for that.
LIVES = ((0, 0.02), (0.06, 0.09))
KILL_LIMIT = 0.8 * SLOW  # seconds for each kill, else something is wrong


class Load(threading.Thread):
    """Echoes until told to stop; connections may end, bytes may not be wrong
    nor missing before the end."""

    def __init__(self, seed):
        super().__init__(daemon=True)
        self.rng = random.Random(seed)
        self.stop, self.wrong = False, 0
        self.messages, self.bytes = 0, 0
        self.cut, self.refused = 0, 0  # connections: in use, not yet

    def run(self):
        while not self.stop:
            try:
                s = connect(0.5 * SLOW)
            except OSError:
                self.refused += 1
                time.sleep(0.002)
                continue
            try:
                while not self.stop and self.rng.random() > LEAVES:
                    self.one(s)
                if self.rng.random() < 0.5:  # a reset
                    reset_on_close(s)
            except OSError:
                self.cut += 1
            s.close()

    def one(self, s):
        """What comes before a cut must be right, too."""
        sent = self.rng.randbytes(self.rng.choice(SIZES))
        s.sendall(sent)
        n = 0
        while n < len(sent):
            piece = s.recv(len(sent) - n)
            if not piece:
                raise OSError("closed")
            self.wrong += piece != sent[n:n + len(piece)]
            n += len(piece)
            self.bytes += len(piece)
        self.messages += 1


def kill_often(server, kills):
    """At any moment of a life. How many were killed."""
    rng, n, last = random.Random(1), 0, None
    until = time.monotonic() + kills * KILL_LIMIT
    while n < kills and time.monotonic() < until:
        pid = server.app()
        if server.poll() is not None:
            break
        if not pid or pid == last:  # between two lives
            time.sleep(0.001)
            continue
        time.sleep(SLOW * rng.uniform(*LIVES[n % len(LIVES)]))
        os.kill(pid, signal.SIGKILL)
        last = pid
        n += 1
    return n


def kill_many(args):
    server = Server(args, "--restart", "--mbufs", "2048")
    time.sleep(1.2)
    before = server.stat()["mbufs_free"]
    loads = [Load(i) for i in range(4)]
    for t in loads:
        t.start()
    os.kill(server.app(), signal.SIGKILL)  # what is allocated once
    wait_for(server.answers, 10 * SLOW)
    sizes = [memory(server.pid)]
    began = time.monotonic()
    kills = kill_often(server, args.kills)
    took = time.monotonic() - began
    alive = wait_for(server.answers, 30 * SLOW)
    for t in loads:
        t.stop = True
    for t in loads:
        t.join()
    time.sleep(2)
    stat = server.stat()
    sizes.append(memory(server.pid))
    check(f"{kills} kills: the dataplane goes on",
          alive and kills == args.kills, f"({took / kills * 1000:.0f} ms each)")
    check("no wrong byte", not sum(t.wrong for t in loads),
          f"in {sum(t.bytes for t in loads) >> 20} MB, "
          f"{sum(t.messages for t in loads)} messages")
    cut = sum(t.cut for t in loads)
    # A kill may come before anybody has come back.
    check("they were under load", cut >= kills // 2, f"{cut} connections cut, "
          f"{sum(t.refused for t in loads)} refused")
    check("no buffer lost", stat["mbufs_free"] >= before - 2,
          f"{before} before, {stat['mbufs_free']} after")
    check("no connection left", stat["tcp_conns"] == stat["tcp_time_wait"])
    lost = [after - before for before, after in zip(*sizes)]
    check("no memory or descriptor lost",
          lost[0] < 512 and lost[1] < 1024 and lost[2] == 0,
          "more KB of its own, KB mapped, descriptors: {}, {}, {}"
          .format(*lost))
    check("SIGTERM ends it", server.end() == 0)


def memory(pid):
    """Resident KB of its own in small pages, KB mapped, descriptors. Pools lie
    in large pages, each made when it is first touched, be it by the first loss
    after hundreds of lives; no more of them than are mapped from the start."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        rollup = dict(line.split(":", 1) for line in f if "kB" in line)
    with open(f"/proc/{pid}/status") as f:
        kb = dict(line.split(":", 1) for line in f)
    return int(rollup["Anonymous"].split()[0]) - \
        int(rollup["AnonHugePages"].split()[0]), \
        int(kb["VmSize"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")) \
        if os.geteuid() == 0 and os.access(f"/proc/{pid}/fd", os.R_OK) else 0


def stop_and_go(args):
    server = Server(args)
    s = connect()
    s.sendall(b"x" * 1000)
    receive(s, 1000)
    watch = Watch(args.lab, server)
    os.kill(server.app(), signal.SIGSTOP)
    data = os.urandom(60000)
    s.sendall(data)
    acked = wait_for(lambda: unacked(s) == 0, SLOW)
    time.sleep(1.5)
    check("stopped: data are acknowledged", acked)
    if DOMAIN != "vm":  # where ring 3 goes on, until it asks something of Linux
        check("stopped: it is reported", "has kept its core" in server.said())
    os.kill(server.app(), signal.SIGCONT)
    s.settimeout(5 * SLOW)
    check("continued: every byte is answered",
          receive(s, len(data)) == data)
    watch.ends("stopped and continued")
    overruns = server.stat()["app_overruns"]
    if DOMAIN != "vm":
        check("one overrun is counted", 1 <= overruns <= 3, f"({overruns})")
    server.send_signal(signal.SIGTERM)
    check("SIGTERM: peers get a FIN, not a reset", s.recv(1) == b"")
    s.close()
    check("SIGTERM: status 0", server.end() == 0)


def dies(args):
    server = Server(args)
    s = connect(5 * SLOW)
    s.sendall(b"x")
    s.recv(1)
    os.kill(server.app(), signal.SIGSEGV)
    try:
        reset = s.recv(1) is None
    except ConnectionResetError:
        reset = True
    check("a crash: peers get a reset", reset)
    check("a crash: status 128 + 11", server.wait(10 * SLOW) == 128 + 11)
    server.end()


def dataplane_dies(args):
    server = Server(args)
    app = server.app()
    server.kill()
    server.wait()

    def gone():
        try:
            with open(f"/proc/{app}/stat") as f:
                return f.read().rsplit(")")[1].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True

    check("the dataplane dies: the application ends", wait_for(gone, 3 * SLOW))
    check("... and says why", "has died" in server.said())
    server.end()


def stubborn(args):
    """An application that ignores SIGTERM is given two seconds."""
    server = Server(args)
    os.kill(server.app(), signal.SIGSTOP)
    began = time.monotonic()
    status = server.end()
    check("SIGTERM while stopped: ends all the same",
          status == 128 + 9 and time.monotonic() - began < 5 * SLOW, f"({status})")


class Knocks(threading.Thread):
    """One connection after the other; who has no answer asks again."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stop, self.served, self.refused = False, 0, 0

    def run(self):
        while not self.stop:
            try:
                with connect(30 * SLOW) as s:
                    s.sendall(b"?")
                    self.served += s.recv(1) == b"?"
            except ConnectionRefusedError:
                self.refused += 1
                time.sleep(0.01)
            except OSError:  # it was served when the program ended
                pass


def nobody_refused(args):
    """Another life begins behind the same ports."""
    server = Server(args, "--restart")
    knocks = [Knocks() for _ in range(4)]
    for k in knocks:
        k.start()
    for _ in range(5):
        time.sleep(1.5)
        before = server.app()
        served = sum(k.served for k in knocks)
        os.kill(before, signal.SIGKILL)
        check("the next life serves", wait_for(
            lambda: server.app() not in (0, before) and server.answers() and
            sum(k.served for k in knocks) > served + 10, 20 * SLOW))
    for k in knocks:
        k.stop = True
    for k in knocks:
        k.join(40 * SLOW)
    check(f"{sum(k.served for k in knocks)} connections, over six lives: none "
          "refused", not sum(k.refused for k in knocks),
          sum(k.refused for k in knocks))
    check("some asked again", server.stat()["drop_tcp_drain"] > 0)
    server.end()


def knock():
    try:
        connect(1).close()
        return "taken"
    except OSError as e:
        return type(e).__name__


def nobody_there(args):
    """A program that never attaches, and the pauses between lives that end
    at once: the address is alive."""
    server = Server(args, program=["sleep", "100"], ready="pings")
    watch = Watch(args.lab, server, questions="pings")
    time.sleep(1)
    watch.ends("never attached")
    outcome = knock()
    check("never attached: who knocks is refused",
          outcome == "ConnectionRefusedError", f"({outcome})")
    server.end()
    server = Server(args, "--restart", program=["false"], ready="pings")
    check("between lives: pings are answered", server.pings(10))
    time.sleep(4)  # pauses are of a second by now, which are no lives
    outcome = knock()
    check("between lives that end at once: who knocks is refused",
          outcome == "ConnectionRefusedError", f"({outcome})")
    server.end()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("ix")
    p.add_argument("echo")
    p.add_argument("--kills", type=int, default=1000)
    args = p.parse_args()
    enter()
    args.lab = Lab()
    stop_and_go(args)
    dies(args)
    dataplane_dies(args)
    stubborn(args)
    nobody_there(args)
    nobody_refused(args)
    kill_many(args)
    finish()


main()
