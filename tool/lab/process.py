# SPDX-License-Identifier: MIT
"""Processes, files and namespaces, and their end: it comes on whatever way the
program ends, and once begun is not interrupted."""

import atexit
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
SHM = "/dev/shm"


class Failed(Exception):
    """What should have worked has not; the text says why."""


class Cannot(Failed):
    """It cannot be had on this machine, or not by this user."""


class Ended(Failed):
    """A process has ended before it was ready."""


class Interrupted(KeyboardInterrupt):
    """By a signal; the text says which way. No ordinary exception: what goes
    on after a failure does not go on after this."""


def last_line(text):
    lines = [x.strip() for x in text.splitlines() if x.strip()]
    return lines[-1] if lines else "no reason given"


def sh(*argv, error=Failed):
    """What it prints. @error: what a status other than 0 raises, if that."""
    r = subprocess.run(argv, text=True, capture_output=True)
    if r.returncode and error:
        raise error(f"{' '.join(argv[:6])} ...: {last_line(r.stderr)}")
    return r.stdout


def wait_for(condition, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.01)
    return False


class Process(subprocess.Popen):
    """In the background, in a session of its own; stdout and stderr go to a
    file, unless said otherwise."""

    def __init__(self, lab, argv, **options):
        lab.started += 1
        self.log = lab.path(f"log{lab.started}")
        with open(self.log, "w") as log:
            super().__init__(argv, **{"stdin": subprocess.DEVNULL,
                                      "stdout": log, "stderr": log,
                                      "start_new_session": True, **options})
        lab.processes.append(self)

    def said(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def wait_ready(self, ready, seconds):
        """@ready: a pattern in what it says, or a condition."""
        until = time.monotonic() + seconds
        while not (ready() if callable(ready)
                   else re.search(ready, self.said())):
            if self.poll() is not None:
                raise Ended(f"{self.args[0]} ended, status {self.returncode}:"
                            f" {last_line(self.said())}")
            if time.monotonic() > until:
                raise Failed(f"{self.args[0]} is not ready after {seconds:g} "
                             f"s: {last_line(self.said())}")
            time.sleep(0.02)

    def end(self, sig=signal.SIGTERM, seconds=10):
        """Its status."""
        if self.poll() is None:
            self.send_signal(sig)
        try:
            return self.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self.wait()
            return f"no end in {seconds:g} s"


class Lab:
    def __init__(self, build=None, limit=None):
        """@limit: seconds, for everything."""
        self.build = build and os.path.abspath(build)
        self.limit, self.started = limit, 0
        self.processes, self.netns, self.dirs = [], [], []
        self.dir = self.directory()
        self.handlers = {s: signal.signal(s, self.interrupted)
                         for s in SIGNALS}
        signal.alarm(limit or 0)
        atexit.register(self.close)

    def interrupted(self, number, frame):
        """Once: what is left to do is to clean up."""
        for s in SIGNALS:
            signal.signal(s, signal.SIG_IGN)
        raise Interrupted({
            signal.SIGINT: "interrupted",
            signal.SIGALRM: f"not finished after {self.limit} s"
        }.get(number, "told to stop"))

    def directory(self, mode=0o755, within=None):
        made = tempfile.mkdtemp(prefix="ix-lab-", dir=within)
        os.chmod(made, mode)
        self.dirs.append(made)
        return made

    def path(self, name):
        return os.path.join(self.dir, name)

    def wire(self):
        """A new in-memory wire, as `--nic` wants it."""
        shm = SHM if os.access(SHM, os.W_OK) else None
        return "wire:" + os.path.join(self.directory(within=shm), "wire")

    def program(self, name):
        for sub in ("cp", "app", "bench"):
            path = os.path.join(self.build, sub, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
        raise Failed(f"{name} is not built, or not readable for us")

    def start(self, argv, ready=None, seconds=10, **options):
        p = Process(self, argv, **options)
        if ready:
            p.wait_ready(ready, seconds)
        return p

    def stop_all(self):
        """The youngest first."""
        while self.processes:
            self.processes.pop().end(seconds=5)

    def close(self):
        old = {s: signal.signal(s, signal.SIG_IGN) for s in SIGNALS}
        signal.alarm(0)
        self.stop_all()
        for name in self.netns:
            sh("ip", "netns", "del", name, error=None)
        for made in self.dirs:
            shutil.rmtree(made, ignore_errors=True)
        self.netns, self.dirs = [], []
        for s, handler in old.items():
            signal.signal(s, handler)
        atexit.unregister(self.close)
