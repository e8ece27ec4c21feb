#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Is the dataplane there, all the time? Every EVERY seconds a ping to it, which
it answers alone, and a byte to a bystander's echo connection, which it
acknowledges alone.

    watch.py ADDRESS CORES SECONDS STOPFILE IX STATDIR QUESTIONS

QUESTIONS: of `pings,bytes`. It says "watching" when it has begun.

Silence is what passes between a question that is not answered and the next
answer. It may last for two time limits of the application, for GRACE (a packet
is lost, and the next one asks again), and for as long as the scheduler delays
things meanwhile: the dataplane's threads and this process, as the kernel counts
what they waited for a core; and three times what it delays, on the dataplane's
cores, a process that only wants to look at the clock (packets are the kernel's
work, too). Packets that are lost since the application holds all buffers have
been looked at: such silence is told, and no failure here. Ends when STOPFILE
exists."""

import mmap
import glob
import os
import re
import signal
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "tool"))
from lab import connect, counters, unacked  # noqa: E402

ADDRESS, CORES, SECONDS, STOP, IX, STATDIR, QUESTIONS = sys.argv[1:]
EVERY = 0.05
APP_TIMEOUT = 0.01
GRACE = float(os.environ.get("IX_GRACE", "0.15"))
SCHED = 3
STEP = 0.001       # of the control process, and of this one
SLOTS = 1 << 18    # its record: a latest lateness per STEP


class Control:
    """Sleeps for STEP on the core, again and again, and notes how much too
    late it wakes up."""

    def __init__(self, core):
        self.page = mmap.mmap(-1, (SLOTS + 1) * 8)
        self.late = memoryview(self.page).cast("d")
        self.began = time.monotonic()
        self.pid = os.fork()
        if not self.pid:
            os.sched_setaffinity(0, {core})
            self.run()

    def slot(self, t):
        return int((t - self.began) / STEP) % SLOTS

    def run(self):
        parent = os.getppid()
        while os.getppid() == parent:
            due = self.late[SLOTS] = time.monotonic() + STEP
            time.sleep(STEP)
            now = time.monotonic()
            # Up to the moment it was the lateness of all that time.
            for i in range(self.slot(due), self.slot(now) + 1):
                self.late[i] = max(now - due, self.late[i])
        os._exit(0)

    def worst(self, since, until):
        """... in that time. It may be late now: until @until at least."""
        first, last = self.slot(since), self.slot(until)
        return max(0, until - self.late[SLOTS], *self.late[first:last + 1])

    def end(self):
        """It ends by itself, too, when we have: its end is not waited for
        longer than it takes where the core is free."""
        os.kill(self.pid, signal.SIGKILL)
        until = time.monotonic() + 2
        while not os.waitpid(self.pid, os.WNOHANG)[0]:
            if time.monotonic() > until:
                print("the control process is slow to end", flush=True)
                return
            time.sleep(0.01)


def drops():
    """Packets that found no buffer, or the thread late."""
    return sum(t["drop_no_buffer"] + t["drop_late"]
               for t in counters(IX, STATDIR))


def delays():
    """Seconds that this process and the dataplane's threads were kept from
    running."""
    pids = [n[:-2] for n in os.listdir(STATDIR) if re.fullmatch(r"\d+\.0", n)]
    total = 0
    for path in glob.glob("/proc/self/schedstat") + \
            [t for p in pids for t in glob.glob(f"/proc/{p}/task/*/schedstat")]:
        try:
            with open(path) as f:
                total += int(f.read().split()[1])
        except OSError:  # it has ended
            pass
    return total / 1e9


class Silence:
    """Of one kind of question."""

    def __init__(self, name, controls):
        self.name, self.controls = name, controls
        self.asked = None   # when the first question without an answer was
        self.delays = 0     # until then
        self.drops = None   # soon after that
        self.answers = 0
        self.worst = 0, 0, 0
        self.failed = 0

    def ask(self, now):
        if self.asked is None:
            self.asked, self.delays = now, delays()

    def answer(self, now):
        self.answers += 1
        if self.asked is not None:
            self.judge(now)
        self.asked = self.drops = None

    def wait(self, now):
        """Long enough to become suspicious?"""
        if self.drops is None and self.asked is not None and \
                now - self.asked > GRACE / 2:
            self.drops = drops()

    def judge(self, now):
        lasted = now - self.asked
        waited = delays() - self.delays
        control = max(c.worst(self.asked - EVERY, now) for c in self.controls)
        limit = 2 * APP_TIMEOUT + GRACE + waited + SCHED * control
        if lasted > self.worst[0]:
            self.worst = lasted, limit, self.asked
        if lasted <= limit:
            return
        lost = self.drops is not None and drops() > self.drops
        self.failed += not lost
        print(f"{'no buffers' if lost else 'FAILED'}: no answer to {self.name}"
              f" for {lasted * 1000:.0f} ms at {self.asked - born:.2f} s, "
              f"allowed {limit * 1000:.0f} ms (threads waited "
              f"{waited * 1000:.0f} ms, control {control * 1000:.0f} ms)",
              flush=True)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


class Pings:
    def __init__(self, controls):
        self.s = socket.socket(socket.AF_INET, socket.SOCK_RAW,
                               socket.IPPROTO_ICMP)
        self.s.setblocking(False)
        self.silence = Silence("pings", controls)
        self.seq, self.id = 0, os.getpid() & 0xffff

    def ask(self, now):
        self.seq = self.seq + 1 & 0xffff
        head = struct.pack("!BBHHH", 8, 0, 0, self.id, self.seq)
        head = struct.pack("!BBHHH", 8, 0, checksum(head), self.id, self.seq)
        try:
            self.s.sendto(head, (ADDRESS, 0))
        except OSError:
            pass
        self.silence.ask(now)

    def look(self, now):
        try:
            while True:
                p = self.s.recv(256)
                kind, _, _, ident, _ = struct.unpack_from("!BBHHH", p,
                                                          (p[0] & 15) * 4)
                if kind == 0 and ident == self.id:
                    self.silence.answer(now)
        except BlockingIOError:
            pass


class Bytes:
    """Sent one at a time, and answered by being acknowledged: the application
    may be busy."""

    def __init__(self, controls):
        self.silence = Silence("bytes", controls)
        self.s = connect(ADDRESS, 7, 1, patience=float(SECONDS))
        self.s.setblocking(False)

    def ask(self, now):
        if self.silence.asked is None:
            self.s.send(b"x")
            self.silence.ask(now)

    def look(self, now):
        if self.silence.asked is not None and not unacked(self.s):
            self.silence.answer(now)
        try:
            if not self.s.recv(4096):
                raise OSError("the bystander's connection is closed")
        except BlockingIOError:
            pass


def watch(questions):
    end, due = born + float(SECONDS), born
    while time.monotonic() < end and not os.path.exists(STOP):
        time.sleep(STEP)
        now = time.monotonic()
        for q in questions:
            q.look(now)
            q.silence.wait(now)
        if now >= due:
            due = now + EVERY
            for q in questions:
                q.ask(now)


def main():
    kinds = {"pings": Pings, "bytes": Bytes}
    controls = [Control(int(c)) for c in CORES.split(",")]
    try:
        questions = [kinds[q](controls) for q in QUESTIONS.split(",")]
        print("watching", flush=True)
        watch(questions)
        now = time.monotonic()
        for q in questions:
            if q.silence.asked is not None:
                q.silence.judge(now)
    finally:
        for c in controls:
            c.end()
    ok = True
    for q in questions:
        s = q.silence
        print(f"{s.name}: {s.answers} answers, longest silence "
              f"{s.worst[0] * 1000:.0f} ms at {s.worst[2] - born:.2f} s, "
              f"allowed {s.worst[1] * 1000:.0f} ms")
        ok &= not s.failed and s.answers > 0
    sys.exit(not ok)


born = time.monotonic()
main()
