#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an application has of those who started ix, in whatever state they
were, and how it begins and ends where others interfere.

    start.py IX ECHO SPY

As root; each ix has a wire of its own, nobody is at its other end."""

import argparse
import contextlib
import os
import resource
import signal
import subprocess
import sys
import time

from server import AS_NOBODY, DOMAIN, open_tree
from lab import Lab, check, finish, run_command, skip, wait_for

PYTHON = "/usr/bin/python3"  # everybody's
# A limit on namespaces is for those below; the rights to make them are given
# up after it has been set.
ALONE = ("unshare", "-Ur", "sh", "-c",
         "echo 0 >/proc/sys/user/max_user_namespaces; "
         "echo 0 >/proc/sys/user/max_pid_namespaces; "
         "exec setpriv --inh-caps=-all --bounding-set=-all \"$@\"", "sh")


def command(args, *program, user="root", under=(), wire=None, stat_dir=None):
    if DOMAIN == "vm":  # not at fixed addresses, as Debian's Python
        program = ["/bin/sh", "-c", 'exec "$@"', "sh", *program]
    tmp = args.lab.directory(0o777)
    return [*under, *run_command(
        args.ix, f"wire:{wire or tmp}/wire", "10.0.0.1", program, "--quiet",
        "--domain", DOMAIN, "--stat_dir", stat_dir or os.path.join(tmp, "stat"),
        "--arena", "16M", "--user", user)]


def run(args, *program, **how):
    """What the program prints; None: it has not ended."""
    before = how.pop("before", None)
    d = subprocess.Popen(command(args, *program, **how), text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         preexec_fn=before)
    try:
        return d.communicate(timeout=30)[0]
    except subprocess.TimeoutExpired:
        d.kill()
        d.wait()
        return None


def descriptors(args):
    """0, 1 and 2 closed: what D opens must not take their places."""
    out = os.path.join(args.tmp, "fds")
    d = subprocess.Popen(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh",
         *command(args, PYTHON, "-c", "import os\n"
                  "n = [os.readlink(f'/proc/self/fd/{i}') for i in range(3)]\n"
                  f"open('{out}', 'w').write(' '.join(n))")])
    d.wait(30)
    names = []
    if os.path.exists(out):
        with open(out) as f:
            names = f.read().split()
    check("closed at the start: 0, 1 and 2 are nobody's",
          names == ["/dev/null"] * 3, str(names))


def children(args):
    """SIGCHLD ignored by whoever starts ix: the end is seen all the same."""
    out = run(args, "/bin/sh", "-c", "echo $$", before=lambda: signal.signal(
        signal.SIGCHLD, signal.SIG_IGN))
    check("SIGCHLD ignored: own processes, and an end",
          out is not None and int(out) < 5, str(out))


def priority(args):
    """What D may do to others' time is not A's."""
    def better():
        os.setpriority(os.PRIO_PROCESS, 0, -15)
        with contextlib.suppress(ValueError):  # not everybody's root may
            resource.setrlimit(13, (40, 40))  # RLIMIT_NICE

    look = ("import os, resource\n"
            "print(os.sched_getscheduler(0), min(os.getpriority(0, 0), 0),"
            " resource.getrlimit(13)[1], resource.getrlimit(14)[1])")
    for what, before in (
            ("nice", better),
            ("real time", lambda: os.sched_setscheduler(
                0, os.SCHED_FIFO, os.sched_param(1)))):
        out = run(args, PYTHON, "-c", look, before=before)
        check(f"{what}: it is an ordinary process",
              out is not None and out.split() == ["0"] * 4, str(out).strip())


def bounding(args):
    for what, how in (("root's", {}),
                      ("an ordinary user's",
                       {"user": "auto", "under": AS_NOBODY}),
                      ("one process", {"under": ALONE})):
        out = run(args, "/bin/grep", "CapBnd", "/proc/self/status", **how)
        check(f"{what}: an empty bounding set",
              out is not None and int(out.split()[1], 16) == 0, str(out))


DEAF = """import os, signal, sys, time
for s in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(s, signal.SIG_IGN)
open(sys.argv[1], "w").write(os.readlink("/proc/self"))
time.sleep(60)
"""


def is_there(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def alone(args):
    """Where it is one process without a namespace, it ends with its life."""
    for sig in signal.SIGTERM, signal.SIGKILL:
        said = os.path.join(args.tmp, f"pid-{sig.name}")
        d = subprocess.Popen(command(args, PYTHON, "-c", DEAF, said,
                                     under=ALONE))
        begun = wait_for(lambda: os.path.exists(said) and
                         os.path.getsize(said), 30)
        with open(said) as f:
            pid = int(f.read())
        d.send_signal(sig)
        d.wait(20)
        gone = wait_for(lambda: not is_there(pid), 5)
        check(f"{sig.name} to ix: no process stays", begun and gone)
        if not gone:
            os.kill(pid, signal.SIGKILL)


STOPPER = """import os, signal, time
for s in signal.SIGTERM, signal.SIGHUP:
    signal.signal(s, signal.SIG_IGN)
end = time.time() + 60
while time.time() < end:
    try: os.kill(-1, signal.SIGSTOP)
    except OSError: pass
"""


def stopped(args):
    """Somebody of A's user stops whatever of his he sees, from the start on:
    whoever asks for A's rights, or is about to be A. So in a pid namespace."""
    r = subprocess.run(["unshare", "-fpm", "--mount-proc", sys.executable,
                        os.path.abspath(__file__), "--stop", args.ix,
                        args.echo, args.spy],
                       timeout=200)
    check("... in a pid namespace", r.returncode == 0)


def stop_all(args):
    other = subprocess.Popen([*AS_NOBODY, PYTHON, "-c", STOPPER])
    ended = 0
    # It is looked for for a while.
    path = "/x:" * 40000 + os.environ["PATH"]
    for _ in range(3):
        d = subprocess.Popen(command(args, "id", user="nobody"),
                             env={**os.environ, "PATH": path})
        time.sleep(2)
        d.terminate()
        try:
            d.wait(10)
            ended += 1
        except subprocess.TimeoutExpired:
            d.kill()
            d.wait()
    other.kill()
    other.wait()
    check("stopped before it has begun: SIGTERM ends ix", ended == 3,
          f"({ended} of 3)")


def mounts(args):
    """What the machine does not have any more, A does not hold."""
    r = subprocess.run(["unshare", "-m", "--propagation", "shared",
                        sys.executable, os.path.abspath(__file__), "--mount",
                        args.ix, args.echo, args.spy], timeout=100)
    check("... in a mount namespace", r.returncode == 0)


def mount_and_not(args):
    disk = os.path.join(args.tmp, "disk")
    os.mkdir(disk)
    subprocess.run(["mount", "-t", "tmpfs", "disk", disk], check=True)
    d = subprocess.Popen(
        command(args, PYTHON, "-c",
                "import time\n"
                "def there(): return '/disk ' in open('/proc/self/mounts')"
                ".read()\n"
                "print(there(), flush=True)\n"
                "end = time.time() + 5\n"
                "while there() and time.time() < end: time.sleep(0.01)\n"
                "print(there())"), stdout=subprocess.PIPE, text=True)
    first = d.stdout.readline().strip()
    subprocess.run(["umount", disk], check=True)
    then = d.communicate(timeout=20)[0].strip()
    check("unmounted: unmounted there, too", (first, then) ==
          ("True", "False"), f"({first}, {then})")


def full(args):
    """Others have filled the file system, as /dev/shm, of what D shares by
    files."""
    r = subprocess.run(["unshare", "-m", sys.executable,
                        os.path.abspath(__file__), "--full", args.ix,
                        args.echo, args.spy], timeout=100)
    check("... in a mount namespace", r.returncode == 0)


def begin_full(args):
    disk = os.path.join(args.tmp, "full")
    os.mkdir(disk)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "disk", disk],
                   check=True)
    with contextlib.suppress(OSError), \
            open(os.path.join(disk, "fill"), "wb", buffering=0) as f:
        while f.write(b"!" * 4096):
            pass
    for what, place in (("counter page", {"stat_dir": disk}),
                        ("wire", {"wire": disk})):
        d = subprocess.run(command(args, "/bin/true", **place), text=True,
                           stderr=subprocess.PIPE, timeout=30)
        check(f"no room for its {what}: a clear error", d.returncode == 1 and
              what in d.stderr and "No space left" in d.stderr,
              f"(status {d.returncode}) {d.stderr.strip()}")


def main():
    p = argparse.ArgumentParser()
    for name in ("ix", "echo", "spy"):
        p.add_argument(name)
    for name in ("stop", "mount", "full"):
        p.add_argument("--" + name, action="store_true")
    args = p.parse_args()
    if os.geteuid():
        skip("needs root")
    args.lab = Lab()
    open_tree(args)
    args.tmp = args.lab.directory(0o777)
    if args.stop:
        stop_all(args)
    elif args.mount:
        mount_and_not(args)
    elif args.full:
        begin_full(args)
    else:
        for part in (descriptors, children, priority, bounding, alone, stopped,
                     mounts, full):
            part(args)
    finish()


main()
