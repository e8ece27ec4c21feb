#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who an application is, what it sees, and what is left of it: own user,
processes and memory for each life, and an end that is one.

    tenants.py IX ECHO SPY

    program on IX 10.81.0.10 ====== TAP ix0 ====== 10.81.0.2   Linux, peers here
    program on IX 10.81.1.10 ====== TAP ix1 ====== 10.81.1.2

As root in a network namespace of its own; spy.c is the hostile program."""

import argparse
import array
import contextlib
import ctypes
import mmap
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from server import (AS_NOBODY, DOMAIN, NOBODY, SLOW, Server, Watch, connect,
                    enter, open_tree, soon)
from lab import Lab, check, finish, receive, skip

ENDS_LIFE = ("memory", "shm")  # between two nobody may be there
SHARED = ("up", "down", "frames", "arena")


def status(pid, field):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.split(":", 1) for line in f)[field].split()


def uid(pid):
    return int(status(pid, "Uid")[0])


def runs(pid, exe):
    """Is that its program? In domain vm all run their loader, which is told."""
    of = os.readlink(f"/proc/{pid}/exe")
    if os.path.basename(of) == "ix-vmload":
        with open(f"/proc/{pid}/cmdline") as f:
            return exe in f.read().split("\0")
    return of == os.path.realpath(exe)


def running(exe, user=None):
    """Processes of this program, whoever's child they are, of @user if
    given."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if runs(name, exe) and user in (None, uid(name)):
                found.append(int(name))
        except OSError:  # it has just ended
            pass
    return found


def two_tenants(args):
    """Neither can see, signal or read the other."""
    one = Server(args)
    pids = [one.pid, one.app()]
    two = Server(args, number=1, ready=None,
                 program=[args.spy, "look", *map(str, pids)])
    code = two.wait(20 * SLOW)
    check("a tenant cannot reach another one", code == 0, two.said()[-300:]
          if code else "")
    two.end()
    two = Server(args, number=1)
    apps = [one.app(), two.app()]
    check("each has a user of its own",
          uid(apps[0]) != uid(apps[1]) and min(map(uid, apps)) > NOBODY,
          f"({uid(apps[0])}, {uid(apps[1])})")
    for ns in ("pid", "ipc", "mnt"):
        of = {os.readlink(f"/proc/{p}/ns/{ns}") for p in (os.getpid(), *apps)}
        check(f"each has a {ns} namespace of its own", len(of) == 3)
    check("both answer", one.answers() and two.answers())
    two.end()
    answers = soon(one.answers)
    check("one ends alone", answers and one.end() == 0)


def echoes(s, rng, n):
    for _ in range(n):
        sent = rng.randbytes(rng.choice((1, 700, 30000)))
        s.sendall(sent)
        if receive(s, len(sent)) != sent:
            return False
    return True


def next_user(server, user):
    """Whose life it is, if it is not @user's any more."""
    try:
        return uid(server.app()) not in (0, user)
    except OSError:  # between two lives
        return False


def orphans(args):
    """What a life has made ends with it; the next one's bytes are its own."""
    tmp = args.lab.directory(0o777)
    server = Server(args, "--restart", program=[
        args.spy, "orphans", os.path.join(tmp, "once"), args.echo])
    first = server.app()
    check("a life with orphans", soon(lambda: len(running(args.spy)) == 8),
          f"({len(running(args.spy))})")
    user = uid(first)
    with open(os.path.join(tmp, "once"), "w") as f:
        f.write("now")
    os.kill(first, signal.SIGKILL)
    check("... ends with all of them",
          soon(lambda: next_user(server, user)) and
          not running(args.spy, user))
    soon(server.answers)
    check("the next life has another user", uid(server.app()) > NOBODY)
    check("... and its bytes are its own",
          echoes(connect(5), random.Random(1), 200))
    check("SIGTERM ends it", server.end() == 0)
    server = Server(args, program=[
        args.spy, "orphans", os.path.join(tmp, "twice"), args.echo])
    check("orphans again", soon(lambda: len(running(args.spy)) == 8))
    server.kill()
    server.wait()
    check("the dataplane is killed: no orphan stays",
          soon(lambda: not running(args.spy) and not running(args.echo)))
    server.end()


class Accomplice(threading.Thread):
    """Takes the descriptors of shared memory from each life."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o777)
        self.listener.listen()
        self.lives = []
        self.start()

    def run(self):
        while True:
            s, _ = self.listener.accept()
            fds = array.array("i")
            _, ancillary, _, _ = s.recvmsg(1, socket.CMSG_SPACE(16))
            fds.frombytes(ancillary[0][2][:16])
            self.lives.append(list(fds))


def accomplice(args):
    """Memory that somebody else has kept is not used again."""
    tmp = args.lab.directory(0o777)
    other = Accomplice(os.path.join(tmp, "socket"))
    server = Server(args, "--restart", program=[
        args.spy, "pass", os.path.join(tmp, "socket"), args.echo])
    os.kill(server.app(), signal.SIGKILL)
    check("two lives", soon(lambda: len(other.lives) == 2) and
          soon(server.answers))
    inode = [[os.fstat(fd).st_ino for fd in fds] for fds in other.lives]
    for i, what in enumerate(SHARED):
        check(f"fresh memory: {what}", inode[0][i] != inode[1][i])
    old = mmap.mmap(other.lives[0][3], 0)
    old[:] = b"!" * len(old)
    secret = os.urandom(5000)
    s = connect(5)
    s.sendall(secret)
    check("an old arena changes nothing", receive(s, 5000) == secret)
    frames = mmap.mmap(other.lives[0][2], 0, prot=mmap.PROT_READ)
    check("old buffers show nothing", frames.find(secret[:64]) < 0)
    check("SIGTERM ends it", server.end() == 0)


def no_others_shm():
    """It has filled one of its own."""
    left = "/dev/shm/ix-spy"
    check("shm used up: not the machine's", not os.path.exists(left))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(left)


def exhaustion(args):
    """It may use up its own share; the dataplane goes on."""
    for what, options in (("memory", ("--app_memory", "400M")),
                          ("shm", ("--app_memory", "400M")),
                          ("forks", ("--app_threads", "64")), ("files", ())):
        server = Server(args, "--restart", *options, ready="pings",
                        program=[args.spy, what])
        if "not limited" in server.said():
            check(f"control groups: {what}", False, server.said())
        if what not in ENDS_LIFE:
            watch = Watch(args.lab, server, questions="pings")
        time.sleep(2)
        check(f"{what} used up: pings are answered", server.pings())
        if what in ENDS_LIFE:
            check(f"{what} used up: it is the application's end",
                  soon(lambda: "signal 9" in server.said()))
        else:
            watch.ends(f"{what} used up")
        if what == "shm":
            no_others_shm()
        if what == "forks":
            soon(lambda: len(running(args.spy)) > 30)
            made = len(running(args.spy))
            check("forks: as many as it may", 30 < made <= 64, f"({made})")
        server.end()
        check(f"{what} used up: nothing is left",
              soon(lambda: not running(args.spy)))


class MemoryGroup:
    """A control group with a limit, for who has itself put into @procs, and
    all that it makes.

        v1  GROUP/ix-lab-PID                    v2  /ix-lab-PID
            D in it, its applications below         D in one below, its
                                                    applications in others"""

    def __init__(self, limit):
        with open("/proc/self/cgroup") as f:
            own = dict(line.rstrip().split(":", 2)[1:] for line in f)
        v1 = "memory" in own
        where = "/sys/fs/cgroup" + ("/memory" + own["memory"] if v1 else "")
        self.dirs = [os.path.join(where, f"ix-lab-{os.getpid()}")]
        os.mkdir(self.dirs[0])
        if not v1:
            self.write("cgroup.subtree_control", "+memory +pids")
        self.write("memory.limit_in_bytes" if v1 else "memory.max", limit)
        if not v1:
            self.dirs.append(os.path.join(self.dirs[0], "d"))
            os.mkdir(self.dirs[1])
        self.procs = os.path.join(self.dirs[-1], "cgroup.procs")

    def write(self, name, value):
        with open(os.path.join(self.dirs[0], name), "w") as f:
            f.write(str(value))

    def enter(self):
        with open(self.procs, "w") as f:
            f.write("0")

    def end(self):
        for d in reversed(self.dirs):
            soon(lambda: removed(d))


def removed(group):
    with contextlib.suppress(OSError):
        os.rmdir(group)
    return not os.path.exists(group)


def oom(args):
    """What both have is short, and nearly all of it is nobody's: memfds that
    are not mapped. D is the largest that could be ended."""
    try:
        group = MemoryGroup(700 << 20)
    except OSError as e:
        print(f"no control group with a limit for both: {e}")
        return
    server = Server(args, program=[args.spy, "memory"], ready=None,
                    preexec_fn=group.enter)
    status = server.wait(30 * SLOW)
    group.end()
    check("out of memory: the application is ended, not the dataplane",
          status == 128 + signal.SIGKILL and "signal 9" in server.said(),
          f"(status {status}) {server.said()[-200:]}")


def cpu(args):
    """Of all cores. As little as it would hardly get below on a busy machine
    without a limit."""
    percent, seconds = 3, 4 * min(SLOW, 3)  # of the 30 s that they spin
    server = Server(args, "--app_cpu", str(percent), ready="pings",
                    program=[args.spy, "cpu"])
    soon(lambda: len(running(args.spy)) > 1)  # the others are as short of it
    watch = Watch(args.lab, server, questions="pings")
    began, before = time.monotonic(), used(running(args.spy))
    time.sleep(seconds)
    took = used(running(args.spy)) - before
    share = took / (time.monotonic() - began) * 100
    watch.ends("CPU used up")
    check(f"CPU: not more than {percent} %", 0 < share < 2 * percent,
          f"({share:.1f} %)")
    server.end()


def used(pids):
    """Seconds of CPU."""
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as f:
            ticks += sum(map(int, f.read().rsplit(")")[1].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def refused(args, what, *options, says, program=None, under=()):
    r = subprocess.run(
        [*under, args.ix, "run", "--domain", DOMAIN, "--nic",
         "tap:ix0,10.81.0.2/24", "--ip", "10.81.0.10/24", *options, "--",
         *(program or [args.echo])], capture_output=True, text=True,
        timeout=60 * SLOW)
    check(what, r.returncode != 0 and says in r.stderr, r.stderr.strip()
          if says not in r.stderr else "")


def users(args):
    closed = args.lab.directory(0o700)
    program = os.path.join(closed, "echo")
    shutil.copy(args.echo, program)
    refused(args, "a program that its user cannot reach is refused",
            says="--user", program=[program])
    refused(args, "--user of a missing user", "--user", "no-such-user",
            says="there is none")
    refused(args, "--user that is not in the namespace", "--user", "nobody",
            says="not in this user namespace",
            under=["unshare", "-Urn"])
    refused(args, "root of the machine by another name", says="--user root",
            under=["unshare", "-Urn"])
    server = Server(args, "--user", "nobody")
    check("--user nobody", uid(server.app()) == NOBODY)
    server.end()
    session = "mount -t tmpfs tmpfs /run && mkdir -p /run/user/65534/ix && " \
        "touch /run/user/65534/ix/1.sock && " \
        "chown -R nobody /run/user/65534 && exec \"$@\""
    r = subprocess.run(
        ["unshare", "-m", "sh", "-c", session, "sh", args.ix, "run",
         "--quiet", "--domain", DOMAIN, "--nic", "tap:ix0,10.81.0.2/24",
         "--ip", "10.81.0.10/24", "--user", "nobody", "--", "/bin/sh", "-c",
         "id -u; find /run/user -mindepth 1"],
        capture_output=True, text=True, timeout=60 * SLOW)
    check("the dataplanes of --user's own are hidden",
          r.stdout.split() == [str(NOBODY)], r.stdout + r.stderr)
    server = Server(args, "--user", "root")
    check("root only by name, without capabilities",
          uid(server.app()) == 0 and
          int(status(server.app(), "CapEff")[0], 16) == 0)
    server.end()


def probe_killed(args):
    """Somebody else of that user kills what asks for its rights: whatever he
    can, so in a pid namespace."""
    r = subprocess.run(["unshare", "-fpm", "--mount-proc", sys.executable,
                        os.path.abspath(__file__), "--probe", args.ix,
                        args.echo, args.spy], timeout=200)
    check("... in a pid namespace", r.returncode == 0)


def kill_probe(args):
    killer = subprocess.Popen(
        ["setpriv", "--reuid", str(NOBODY), "--clear-groups", sys.executable,
         "-c", "import os, signal, time\n"
         "signal.signal(15, signal.SIG_IGN)\n"
         "end = time.time() + 60\n"
         "while time.time() < end:\n"
         "  try: os.kill(-1, 9)\n"
         "  except OSError: pass\n"])
    ended = []
    for _ in range(20):
        d = subprocess.Popen(
            [args.ix, "run", "--quiet", "--domain", DOMAIN, "--nic",
             "tap:ix0", "--ip", "10.81.0.10/24", "--user", "nobody", "--",
             "/usr/bin/id", "-u"], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        ended.append(d.communicate(timeout=60 * SLOW)[0].strip())
    killer.kill()
    killer.wait()
    check("the probe killed: nobody runs as root",
          set(ended) <= {"", str(NOBODY)}, f"({ended.count('')} killed)")


def die_at_setfsuid():
    """A filter for who calls us, and its children: the call ends them."""
    filters = b"".join(struct.pack("=HBBI", *f) for f in (
        (0x20, 0, 0, 0),            # load the call's number
        (0x15, 0, 1, 122),          # setfsuid()?
        (0x06, 0, 0, 0x80000000),   # the process is killed
        (0x06, 0, 0, 0x7fff0000)))  # allowed
    code = ctypes.create_string_buffer(filters)
    prog = struct.pack("=HxxxxxxQ", 4, ctypes.addressof(code))
    ctypes.CDLL(None).prctl(22, 2, prog, 0, 0)  # PR_SET_SECCOMP


def probe_dies(args):
    """What asks for the user's rights does not answer."""
    d = subprocess.run(
        [args.ix, "run", "--quiet", "--domain", DOMAIN, "--nic", "tap:ix0",
         "--ip", "10.81.0.10/24", "--user", "nobody", "--", args.echo],
        capture_output=True, text=True, timeout=60 * SLOW,
        preexec_fn=die_at_setfsuid)
    check("a probe that does not answer: nothing is started",
          d.returncode > 0 and not d.stdout and "no telling" in d.stderr,
          d.stdout + d.stderr)


def window(args):
    """From its first line on nobody of the same user looks into ix: here it
    waits for its settings."""
    tmp = args.lab.directory(0o777)
    fifo = os.path.join(tmp, "conf")
    os.mkfifo(fifo, 0o666)
    as_user = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY),
               "--clear-groups"]
    d = subprocess.Popen([*as_user, args.ix, "run", "--conf", fifo, "--",
                          args.echo], stderr=subprocess.DEVNULL)

    check("the start: ix waits for its settings",
          soon(lambda: status(d.pid, "Name") == ["ix"] and
                   status(d.pid, "State")[0] == "S"))
    r = subprocess.run([*as_user, sys.executable, "-c",
                        f"open('/proc/{d.pid}/mem', 'rb+')"],
                       capture_output=True, text=True)
    check("the start: memory is closed to the same user",
          "Permission" in r.stderr, "" if r.stderr else "(it is open)")
    d.kill()
    d.wait()


def ordinary(args):
    """Without root: what an ordinary user has."""
    tmp = args.lab.directory(0o777)
    for what, limit, program in (
            ("an ordinary user's", "", ["/bin/sh", "-c", "ls /proc; id -u"]),
            ("without namespaces: one process, that signals only itself",
             "echo 0 >/proc/sys/user/max_user_namespaces; "
             "echo 0 >/proc/sys/user/max_pid_namespaces; "
             "setpriv --bounding-set=-all --inh-caps=-all sleep 20 >/dev/null 2>&1 & ",
             [args.spy, "alone", "$!"])):
        command = " ".join(
            [args.ix, "run", "--quiet", "--domain", DOMAIN, "--nic",
             f"wire:{tmp}/wire{len(what)}", "--ip", "10.0.0.1/24",
             "--stat_dir", os.path.join(tmp, "stat" + limit[:4]), "--arena",
             "16M", *(["--user", "root"] if limit else []), "--"] +
            [f'"{w}"' for w in program])
        # A limit on namespaces is for those below; the rights to make them
        # are given up after it has been set.
        r = subprocess.run(
            ["unshare", "-Ur", "sh", "-c", limit + "exec " + "setpriv "
             "--bounding-set=-all --inh-caps=-all " + command]
            if limit else [*AS_NOBODY, "sh", "-c", command],
            capture_output=True, text=True, timeout=60 * SLOW)
        ok = r.returncode == 0
        if not limit:
            pids = [w for w in r.stdout.split() if w.isdigit()]
            ok &= set(pids) <= {"1", "2", "3", str(NOBODY)} and "1" in pids
        check(what, ok, "" if ok else r.stdout[-300:] + r.stderr[-300:])


def main():
    p = argparse.ArgumentParser()
    for name in ("ix", "echo", "spy"):
        p.add_argument(name)
    p.add_argument("--probe", action="store_true")
    args = p.parse_args()
    if os.geteuid():
        skip("needs root")
    if args.probe:
        kill_probe(args)
        finish()
    enter("-n")
    args.lab = Lab()
    open_tree(args)
    two_tenants(args)
    if DOMAIN != "vm":  # there an exec'd program has no elastic threads
        orphans(args)
        accomplice(args)
    exhaustion(args)
    oom(args)
    cpu(args)
    users(args)
    probe_killed(args)
    probe_dies(args)
    window(args)
    ordinary(args)
    finish()


main()
