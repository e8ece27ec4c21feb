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
exists.

What is told at the end, too: the most that is left of a silence without the
machine's delays. Two time limits are meant; on a quiet machine it is less."""

import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "tool"))
from control import Control, delays  # noqa: E402
from lab import Ping, connect, counters, unacked  # noqa: E402

ADDRESS, CORES, SECONDS, STOP, IX, STATDIR, QUESTIONS = sys.argv[1:]
EVERY = 0.05
APP_TIMEOUT = 0.01
GRACE = float(os.environ.get("IX_GRACE", "0.15"))
SCHED = 3
STEP = 0.001


def drops():
    """Packets that found no buffer, or the thread late."""
    return sum(t["drop_no_buffer"] + t["drop_late"]
               for t in counters(IX, STATDIR))


def waited():
    """... by the dataplane and us, for a core."""
    return delays([n[:-2] for n in os.listdir(STATDIR)
                   if re.fullmatch(r"\d+\.0", n)])


class Silence:
    """Of one kind of question."""

    def __init__(self, name, controls):
        self.name, self.controls = name, controls
        self.asked = None   # when the first question without an answer was
        self.waited = 0     # until then
        self.drops = None   # soon after that
        self.answers = 0
        self.worst = 0, 0, 0
        self.own = 0, born  # seconds of the dataplane's own, and when
        self.failed = 0

    def ask(self, now):
        if self.asked is None:
            self.asked, self.waited = now, waited()

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
        sched = waited() - self.waited
        control = max(c.worst(self.asked - EVERY, now) for c in self.controls)
        limit = 2 * APP_TIMEOUT + GRACE + sched + SCHED * control
        if lasted > self.worst[0]:
            self.worst = lasted, limit, self.asked
        self.own = max(self.own, (lasted - sched - control, self.asked))
        if lasted <= limit:
            return
        lost = self.drops is not None and drops() > self.drops
        self.failed += not lost
        print(f"{'no buffers' if lost else 'FAILED'}: no answer to {self.name}"
              f" for {lasted * 1000:.0f} ms at {self.asked - born:.2f} s, "
              f"allowed {limit * 1000:.0f} ms (threads waited "
              f"{sched * 1000:.0f} ms, control {control * 1000:.0f} ms)",
              flush=True)


class Pings:
    def __init__(self, controls):
        self.ping = Ping(ADDRESS)
        self.silence = Silence("pings", controls)

    def ask(self, now):
        self.ping.ask()
        self.silence.ask(now)

    def look(self, now):
        for _ in range(self.ping.answers()):
            self.silence.answer(now)


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
              f"allowed {s.worst[1] * 1000:.0f} ms; of the dataplane's own at "
              f"most {s.own[0] * 1000:.0f} ms, at {s.own[1] - born:.2f} s")
        ok &= not s.failed and s.answers > 0
    sys.exit(not ok)


born = time.monotonic()
main()
