#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The control socket, and who is not to be trusted with it: clients of another
user who send half lines, too much, too often, and never read; the application
itself. Meanwhile a bystander's connection is served, and root is answered.

    hostile.py IX ECHO SPY

    echo on IX 10.81.0.10 ====== TAP ix0 ====== 10.81.0.2   Linux, peer here

As root in a network namespace of its own."""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "hostile"))

from server import Server, connect, enter, open_tree  # noqa: E402
from lab import Lab, check, finish, skip, wait_for  # noqa: E402

NOBODY = 65534
SLOW = 5  # seconds that lines.h has patience
PYTHON = "/usr/bin/python3"  # not below a directory that is closed to others


def ctl_path(server):
    return f"{server.stat_dir}/{server.pid}.sock"


def ask(path, request, timeout=10):
    """A request, an object or a line: the answer; None if there is none."""
    line = request if isinstance(request, bytes) else \
        json.dumps(request).encode() + b"\n"
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    try:
        s.connect(path)
        s.sendall(line)
        with s.makefile() as f:
            return json.loads(f.readline() or "null")
    except (OSError, ValueError):
        return None
    finally:
        s.close()


def as_nobody(fn, *args):
    """fn(*args) in a child that is nobody: its pid."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.alarm(60)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        status = 0 if fn(*args) in (None, True) else 1
    finally:
        os._exit(status)


def status_of(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Bystander(threading.Thread):
    """One connection, a byte to and fro every few ms: how long the longest took.
    """

    def __init__(self):
        super().__init__(daemon=True)
        self.worst, self.n, self.failed, self.ends = 0, 0, None, False
        self.s = connect(10)
        self.start()

    def run(self):
        try:
            while not self.ends:
                began = time.monotonic()
                self.s.sendall(b"x")
                if self.s.recv(1) != b"x":
                    raise OSError("closed")
                self.worst = max(self.worst, time.monotonic() - began)
                self.n += 1
                time.sleep(0.003)
        except OSError as e:
            self.failed = e

    def end(self):
        self.ends = True
        self.join()
        return not self.failed


# ---- what they do, as nobody, for some seconds


def sockets(path, n):
    made = []
    for _ in range(n):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        try:
            s.connect(path)
            made.append(s)
        except OSError:
            s.close()
    return made


def send(s, data):
    try:
        s.sendall(data)
    except OSError:
        pass


def half_lines(path):
    held = sockets(path, 8)
    for s in held:
        send(s, b'{"do": "flo')
    time.sleep(SLOW + 3)
    return not any(s.recv(1) for s in held)  # all are closed


def too_much(path):
    for s in sockets(path, 4):
        send(s, b"x" * 1000000)
        s.close()


def never_read(path):
    held = sockets(path, 8)
    for s in held:
        s.setblocking(False)
    until = time.monotonic() + 4
    while time.monotonic() < until:
        for s in held:
            send(s, b'{"do": "get"}\n' * 200)
        time.sleep(0.01)


def thousand(path):
    for _ in range(10):
        held = sockets(path, 100)
        for s in held:
            s.close()
    sockets(path, 1000)
    time.sleep(1)


def flood(path):
    until = time.monotonic() + 4
    while time.monotonic() < until:
        ask(path, {"do": "flows"})


def changes(path):
    """What may not be asked is refused, what may is told."""
    refused = [ask(path, r) for r in (
        {"do": "set", "settings": {"batch": "1"}}, {"do": "capture"},
        {"do": "move", "from": 0, "to": 0}, {"do": "cores", "n": 1},
        {"do": "park", "thread": 0}, {"do": "drain", "drains": True},
        {"do": "drain"})]
    told = [ask(path, {"do": what}) for what in (
        "about", "verbs", "log", "flows", "get", "groups")]
    return (all(r and "only root" in r.get("error", "") for r in refused) and
            all(t and t.get("ok") for t in told) and
            told[0]["may_change"] is False and
            len(refused) - 1 == sum(told[1]["verbs"].values()))


def hostile(args):
    server = Server(args)
    path = ctl_path(server)
    os.chmod(server.stat_dir, 0o755)
    os.chmod(args.lab.dir, 0o755)
    bystander = Bystander()
    check("another user may look, and change nothing",
          status_of(as_nobody(changes, path)) == 0)
    for what in half_lines, too_much, never_read, thousand, flood:
        n, pid = bystander.n, as_nobody(what, path)
        answers = 0
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            about = ask(path, {"do": "about"}, 30)
            answers += bool(about and about.get("ok"))
            time.sleep(0.02)
        check(f"{what.__name__}: root is answered, the bystander served",
              answers and wait_for(lambda: bystander.n > n) and
              not bystander.failed,
              f"({answers} answers, {bystander.n - n} bytes, the slowest "
              f"{bystander.worst * 1e3:.1f} ms)")
    r = ask(path, {"do": "set", "settings": {"batch": "32"}})
    check("root changes a setting", r == {"ok": True}, r)
    r = subprocess.run([args.ix, "flows", "--dir", server.stat_dir, "--json"],
                       capture_output=True, text=True)
    check("ix flows sees the bystander",
          str(bystander.s.getsockname()[1]) in r.stdout, r.stderr)
    check("the bystander was served all the time", bystander.end(),
          bystander.failed)
    check("the dataplane ends in order", server.end() == 0)
    check("... and its socket is gone", not os.path.exists(path))


def killed(args):
    """Another one cleans up after a dataplane that could not."""
    server = Server(args)
    path = ctl_path(server)
    server.kill()
    server.wait()
    check("killed: the socket is left", os.path.exists(path))
    subprocess.run([args.ix, "ps", "--dir", server.stat_dir],
                   capture_output=True)
    check("... until somebody looks", not os.path.exists(path))
    server.end()


APP = r"""
import glob, json, os, socket, sys
found = []
for d in sys.argv[1:]:
    found += glob.glob(d + "/*.sock")
print("FOUND", len(found))
for path in found:
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(path)
        s.sendall(b'{"do": "set", "settings": {"batch": "1"}}\n')
        print("ANSWER", s.recv(1000).decode())
    except OSError as e:
        print("CANNOT", e)
"""
NO_NAMESPACES = ("echo 0 >/proc/sys/user/max_user_namespaces; "
                 "echo 0 >/proc/sys/user/max_pid_namespaces; ")


def application(args):
    """It is its user's, as is the dataplane: it must not find the socket, and
    has no say where it does."""
    drop = ["setpriv", "--clear-groups", "--inh-caps=-all",
            "--bounding-set=-all"]
    as_user = [*drop, "--reuid", str(NOBODY), "--regid", str(NOBODY)]
    # Limits on namespaces are for those below.
    alone = ["unshare", "-Ur", "sh", "-c", NO_NAMESPACES +
             "exec setpriv --bounding-set=-all --inh-caps=-all \"$@\"", "sh"]
    tmp = args.lab.directory(0o777)
    home = os.path.join(tmp, "run")
    os.mkdir(home)
    os.chown(home, NOBODY, NOBODY)
    env = dict(os.environ, XDG_RUNTIME_DIR=home)
    where = os.path.join(tmp, "stat")
    for what, before, options, dirs, words in (
            ("by default, the application finds no socket", as_user, [],
             [home + "/ix", "/run/ix", f"/dev/shm/ix-{NOBODY}"], "FOUND 0"),
            ("elsewhere, what it finds is none", as_user,
             ["--stat_dir", where], [where], "CANNOT"),
            ("without namespaces, it has no say", alone,
             ["--stat_dir", where + "2", "--user", "root"], [where + "2"],
             "only root")):
        r = subprocess.run(
            [*before, args.ix, "run", "--quiet", "--domain", "process",
             "--nic", f"wire:{tmp}/wire{len(what)}", "--ip", "10.0.0.1/24",
             "--arena", "16M", *options, "--", PYTHON, "-c", APP, *dirs],
            capture_output=True, text=True, env=env, timeout=60)
        check(what, r.returncode == 0 and words in r.stdout,
              (r.stdout + r.stderr)[-400:])


def closed_session(args):
    """XDG_RUNTIME_DIR of another user, as su leaves it: no reason to go without
    namespaces."""
    tmp = args.lab.directory(0o777)
    r = subprocess.run(
        ["setpriv", "--clear-groups", "--reuid", str(NOBODY), "--regid",
         str(NOBODY), args.ix, "run", "--domain", "process", "--nic",
         f"wire:{tmp}/wire", "--ip", "10.0.0.1/24", "--arena", "16M", "--",
         "true"], capture_output=True, text=True, timeout=60,
        env=dict(os.environ, XDG_RUNTIME_DIR=args.lab.directory(0o700)))
    check("another user's session: the application has namespaces",
          r.returncode == 0 and "own processes, IPC and /proc" in r.stderr,
          r.stderr[-300:])


def main():
    p = argparse.ArgumentParser()
    for name in ("ix", "echo", "spy"):
        p.add_argument(name)
    args = p.parse_args()
    if os.geteuid():
        skip("needs root")
    enter("-n")
    args.lab = Lab(limit=200)
    open_tree(args)
    application(args)
    closed_session(args)
    hostile(args)
    killed(args)
    args.lab.close()
    finish()


main()
