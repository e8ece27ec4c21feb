#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ix top on a terminal of 100 columns and 30 lines, as a user sees it: without a
dataplane, with one that is at work, with its keys, and at other sizes; and as a
program does.

    top.py IX ECHO

    echo on IX 10.81.0.10 ====== TAP ix0 ====== 10.81.0.2   Linux, peer here"""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tool"))
import lab  # noqa: E402
from lab import check, connect, finish  # noqa: E402

COLUMNS, LINES = 100, 30
ADDRESS, PORT = "10.81.0.10", 7
CONTROL = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\x1b[()].|\x1b[=>78MHc]")


class Screen:
    """What a VT100 shows."""

    def __init__(self, columns, lines):
        self.columns, self.lines = columns, lines
        self.x = self.y = 0
        self.rest = ""
        self.cells = [[" "] * columns for _ in range(lines)]

    def text(self):
        return "\n".join("".join(row).rstrip() for row in self.cells)

    def erase(self, y, x, end):
        for i in range(x, end):
            self.cells[y][i] = " "

    def command(self, args, what):
        n = [int(a or 0) for a in args.lstrip("?").split(";")]
        first = n[0] or 1
        if what in "Hf":
            self.y = min(first, self.lines) - 1
            self.x = min((n[1] if len(n) > 1 else 1) or 1, self.columns) - 1
        elif what in "ABCD":
            dy, dx = {"A": (-1, 0), "B": (1, 0), "C": (0, 1),
                      "D": (0, -1)}[what]
            self.y = max(0, min(self.y + dy * first, self.lines - 1))
            self.x = max(0, min(self.x + dx * first, self.columns - 1))
        elif what == "J":
            below = range(self.y + 1, self.lines) if n[0] == 0 else \
                range(self.lines)
            for y in below:
                self.erase(y, 0, self.columns)
            if n[0] == 0:
                self.erase(self.y, self.x, self.columns)
        elif what == "K":
            self.erase(self.y, 0 if n[0] else self.x,
                       self.x + 1 if n[0] == 1 else self.columns)
        elif what not in "mlhr":
            raise ValueError(f"CSI {args} {what}")

    def feed(self, data):
        data = self.rest + data
        i = 0
        while i < len(data):
            c = data[i]
            if c == "\x1b":
                m = CONTROL.match(data, i)
                if not m:
                    break  # the rest is still to come
                if m.group(2):
                    self.command(m.group(1), m.group(2))
                i = m.end()
                continue
            if c == "\r":
                self.x = 0
            elif c == "\n":
                self.y = min(self.y + 1, self.lines - 1)
            elif c == "\b":
                self.x = max(self.x - 1, 0)
            elif c >= " ":
                self.cells[self.y][min(self.x, self.columns - 1)] = c
                self.x += 1
            i += 1
        self.rest = data[i:]


class Top:
    def __init__(self, args, *options, columns=COLUMNS, lines=LINES):
        self.screen = Screen(columns, lines)
        self.master, slave = pty.openpty()
        self.resize(columns, lines)
        self.process = subprocess.Popen(
            [args.ix, "top", *options], stdin=slave, stdout=slave,
            stderr=slave, env=dict(os.environ, TERM="vt100"),
            preexec_fn=lambda: (os.setsid(),
                                fcntl.ioctl(0, termios.TIOCSCTTY, 0)))
        os.close(slave)

    def resize(self, columns, lines):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:  # it has ended
                return False
            self.screen.feed(data.decode(errors="replace"))
        return True

    def shows(self, *words, seconds=10):
        """All of these patterns, at one time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            text = self.screen.text()
            if all(re.search(w, text) for w in words):
                return True
            if not self.read(0.1):
                break
        print(self.screen.text())
        return False

    def press(self, keys):
        os.write(self.master, keys.encode())

    def end(self):
        """Its status after q."""
        self.press("q")
        until = time.monotonic() + 10
        while self.process.poll() is None and time.monotonic() < until:
            self.read(0.05)
        self.process.kill()
        os.close(self.master)
        return self.process.wait()


def nobody(args):
    top = Top(args, "--dir", args.lab.directory())
    check("without a dataplane: it says so", top.shows(
        r"ix top: 0 dataplanes, every 1.0 s", "no dataplane is running"))
    top.press("h")
    check("h: what the columns are", top.shows("LOAD +time not idle"))
    check("q ends it", top.end() == 0)


def work(s, seconds=0.6):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        s.sendall(b"x")
        s.recv(1)


def shows_at_work(top, s, *words):
    for _ in range(20):
        work(s)
        while select.select([top.master], [], [], 0)[0]:
            top.read(0)
        text = top.screen.text()
        if all(re.search(w, text) for w in words):
            return True
    print(top.screen.text())
    return False


NUMBER = r"[0-9.]+[um]?"
ROW = (r"(?m)^ +0 +\d+ +\d+% \[\|*\s*\] +[1-9]\d* +[1-9]\d* +1\.\d +" +
       NUMBER + " +" + NUMBER + r" +0 +1$")


def at_work(args):
    server = lab.Ix(args.lab, args.ix, "tap:ix0,10.81.0.2/24", ADDRESS,
                    [args.echo], *lab.user_option(args.echo), "--domain",
                    "process", "--port", str(PORT), "--name", "t_top",
                    "--cores", "0")
    server.serves(60)
    s = connect(ADDRESS, PORT, 5, patience=30)
    top = Top(args, "--dir", server.stat_dir, "--every", "200")
    check("a dataplane, its thread, its rates", shows_at_work(
        top, s, "ix top: 1 dataplane, every 0.2 s",
        rf"t_top, process {server.pid}, user \w+: domain process", ROW))
    check("histograms of batches and delays", shows_at_work(
        top, s, "iterations/s by packets", "packets/s by delay",
        r"(?m)^ +1 +[1-9]\d* \|{20}", "> "))
    top.press("+")
    check("+: more seldom", top.shows("every 0.4 s"))
    top.press(" ")
    check("space: stops", top.shows("every 0.4 s, paused"))
    before = top.screen.text()
    work(s, 1)
    top.read(0.5)
    check("... and nothing moves", top.screen.text() == before)
    top.press(" ")
    check("space: goes on", top.shows(r"every 0.4 s +h help"))
    top.press("jjkk")
    check("other keys do no harm", top.shows("t_top, process"))
    for_programs(args, server, s)
    server.end()
    check("the dataplane ends", top.shows("no dataplane is running"))
    check("q ends it", top.end() == 0)


def for_programs(args, server, s):
    """A line an interval, the first one when it has passed."""
    p = subprocess.Popen([args.ix, "top", "--json", "-n", "2", "--every", "300",
                          "--dir", server.stat_dir, "t_top"], text=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    while p.poll() is None:
        work(s, 0.1)
    lines = [json.loads(line) for line in p.stdout.read().splitlines()]
    check("--json: as many lines as asked for", p.returncode == 0 and
          len(lines) == 2 and 0.2 < lines[1]["time"] - lines[0]["time"] < 30,
          lines)
    about = lines[0]["dataplanes"][0] if lines else {}
    thread = about["threads"][0] if about else {}
    check("... whose", about.get("name") == "t_top" and
          about["pid"] == server.pid and len(about["threads"]) == 1, about)
    check("... and what it does", thread.get("connections") == 1 and
          0 < thread["load"] <= 1 and thread["rx"] > 1 and thread["tx"] > 1 and
          thread["batch"] >= 1 and thread["drops"] >= 0 and
          thread["delay_us"] >= 0 and sum(thread["batches"]) > 1 and
          sum(thread["delays"]) > 1, thread)


def stands_still(args):
    """Intervals that are over when it goes on are no lines."""
    p = subprocess.Popen([args.ix, "top", "--json", "-n", "4", "--every", "100"],
                         text=True, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE)
    at = [json.loads(p.stdout.readline())["time"]]
    os.kill(p.pid, signal.SIGSTOP)
    time.sleep(1)
    os.kill(p.pid, signal.SIGCONT)
    at += [json.loads(line)["time"] for line in p.stdout]
    check("--json, stopped for a while: one long interval", p.wait() == 0 and
          len(at) == 4 and at[1] - at[0] > 0.8 and at[3] - at[1] > 0.15, at)


def sizes(args):
    """No size makes it fall over."""
    for columns, lines in ((1, 1), (20, 3), (300, 100)):
        top = Top(args, columns=columns, lines=lines)
        for _ in range(10):
            top.read(0.05)
        check(f"{columns} columns, {lines} lines", top.end() == 0)
    status = subprocess.run([args.ix, "top"], capture_output=True, text=True,
                            stdin=subprocess.DEVNULL)
    check("without a terminal: it says so", status.returncode == 1 and
          "needs a terminal" in status.stderr)
    for bad in (["--every", "5"], ["--frob"], ["a", "b"], ["-n", "1"],
                ["--json", "-n", "0"], ["--json", "--count", "-1"]):
        r = subprocess.run([args.ix, "top", *bad], capture_output=True,
                           stdin=subprocess.DEVNULL)
        check(f"{' '.join(bad)}: refused", r.returncode == 2)


def main():
    args = lab.begin("ix", "echo", limit=110)
    nobody(args)
    sizes(args)
    stands_still(args)
    at_work(args)
    args.lab.close()
    finish()


main()
