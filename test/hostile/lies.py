#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The hostile application against the dataplane and its peers.

    hostile on IX 10.81.0.10 ====== TAP ====== 10.81.0.2 Linux: peer.py, watch.py

    lies.py IX HOSTILE same|nobody|ordinary [IX OPTIONS]

same: it runs as the dataplane's own user, in a user namespace without root, with
system calls of new namespaces asked for;
nobody: as root gives it away; ordinary: both are an ordinary user's without any
capability, on a TAP device that root has made for that user."""

import glob
import os
import sys
import time
from types import SimpleNamespace

from server import (AS_NOBODY, DOMAIN, HERE, IX_ADDRESS, NOBODY, SLOW,
                    Watch, enter, open_tree)
from lab import (Ix, Lab, Process, check, finish, sh, skip, user_option,
                 wait_for)

NEVER = "/nonexistent"  # a file to stop at


class OrdinarysLab(Lab):
    """What it makes is that user's."""

    def directory(self, *args, **options):
        made = super().directory(*args, **options)
        os.chown(made, NOBODY, NOBODY)
        return made


def be_ordinary(args):
    """Every ix is, from now on."""
    open_tree(args)
    as_nobody = args.lab.path("ix")
    with open(as_nobody, "w") as f:
        f.write(f'#!/bin/sh\nexec {" ".join(AS_NOBODY)} {args.ix} "$@"\n')
    os.chmod(as_nobody, 0o755)
    args.ix = as_nobody


def made_tap(*flags):
    sh("ip", "link", "del", "ix0", error=None)
    sh("ip", "tuntap", "add", "ix0", "mode", "tap", "user", str(NOBODY),
       "vnet_hdr", *flags)
    sh("ip", "addr", "add", "10.81.0.2/24", "dev", "ix0")
    sh("ip", "link", "set", "ix0", "up")
    return "tap:ix0"


def begin(args, *options, lie=(), **popen):
    """ix with the hostile program."""
    nic = "tap:ix0,10.81.0.2/24"
    if args.ordinary:
        nic = made_tap(*["multi_queue"] * ("0,1" in options))
    return Ix(args.lab, args.ix, nic, IX_ADDRESS,
              [args.hostile, *lie], "--domain", DOMAIN,
              *([] if args.ordinary else user_option(args.hostile)),
              *options, *args.options, **popen)


def script(args, seconds, name, *argv):
    return Process(args.lab, ["timeout", "-k", "1", str(seconds * SLOW),
                              os.path.join(HERE, name), *map(str, argv)])


def ends_well(what, process, seconds):
    """By itself."""
    status = process.wait(seconds * SLOW)
    check(what, status == 0, f"(status {status}) {process.said().strip()}")


def says(server, text, seconds):
    return wait_for(lambda: text in server.said() or
                    server.poll() is not None, seconds * SLOW)


def holes(args):
    """What the list of calls refuses by default, and the conditions, which
    cannot be changed, always."""
    path = args.lab.path("holes")
    with open(path, "w") as f:
        f.write("+clone3\n+unshare\n+setns\n")
    return ["--seccomp", path] if args.holes else []


def all_lies(args):
    """With a terminal as stderr, which it stops."""
    terminal = args.lab.path("terminal")
    server = begin(args, *holes(args), "--cores", "0", "--timers", "4096",
                   "--tcp.max_conns", "2048", "--mbufs", "4096",
                   before=[os.path.join(HERE, "on_tty.py"), terminal])
    try:
        bystanders(args, server)
        check("no lie is believed", "hostile: 0 believed" in server.said())
    finally:
        with open(terminal, errors="replace") as f:
            print(f.read() + server.said())


def bystanders(args, server):
    stop = args.lab.path("stop")
    # The program waits for its peers with the first lie.
    watch = Watch(args.lab, server)
    peer = script(args, 90, "peer.py", IX_ADDRESS, 60 * SLOW, stop)
    says(server, " believed", 60)
    time.sleep(1)
    open(stop, "w").close()
    ends_well("no bystander is harmed", peer, 90)
    watch.ends("lies")
    check("the time limit is enforced", server.stat().get("app_overruns"))
    buffers(server)
    confined(server)
    no_counters(args, server)
    status = server.end()
    check("SIGTERM ends it", status == 0, f"(status {status})")


def buffers(server):
    """SYNs to nobody wait for ARP; all else but what waits for reception has been
    given back."""
    def held():
        stat = server.stat()
        return stat.get("mbufs_total", 1e9) - stat.get("mbufs_free", 0) - \
            stat.get("mbufs_posted", 0)

    given_back = wait_for(lambda: held() < 10)
    check("no buffer is missing", given_back, f"({held()} held, "
          f"{server.stat().get('calls_failed')} calls failed)")


def confined(server):
    """The dataplane's own elastic threads: none can make a call that others
    block; and the control thread, which reads what any user sends."""
    threads = []
    for path in glob.glob(f"/proc/{server.pid}/task/*/status"):
        with open(path) as f:
            text = f.read()
        if "\nSeccomp:\t2\n" in text:
            threads.append(text.split(None, 2)[1])
    check("the elastic and the control thread are confined, no other",
          len(threads) == 2 and "ix-control" in threads,
          f"({threads})")


def no_counters(args, server):
    """What any process of the same user can do."""
    os.truncate(os.path.join(server.stat_dir, f"{server.pid}.0"), 0)
    time.sleep(0.3)
    ends_well("without its counter file it goes on", script(
        args, 20, "peer.py", IX_ADDRESS, 3 * SLOW, NEVER), 30)


def becomes_another(args):
    """Attached, it becomes another program, and stderr is a pipe that nobody
    reads."""
    os.mkfifo(args.lab.path("pipe"))
    pipe = os.open(args.lab.path("pipe"), os.O_RDWR)
    server = begin(args, "--cores", "0", "--quiet", lie=["exec"], stderr=pipe)
    watch = Watch(args.lab, server)
    peer = script(args, 20, "peer.py", IX_ADDRESS, 15, NEVER)
    says(server, "becomes another", 10)
    time.sleep(1.5)  # until the dataplane wants to report it
    check("exec: it is looked after", server.stat().get("app_overruns"))
    watch.ends("exec")
    ends_well("exec: it ends", server, 60)
    peer.end()
    os.close(pipe)


def leaves(args):
    """Threads that nobody is attached to: a queue's worth of peers is
    theirs."""
    if os.cpu_count() < 2:
        return
    server = begin(args, "--cores", "0,1", "--quiet", lie=["leave"])
    watch = Watch(args.lab, server, cores="0,1")
    peer = script(args, 20, "peer.py", IX_ADDRESS, 15, NEVER)
    says(server, "has left", 10)
    # All at once: an emulated machine takes seconds to begin each.
    others = [f"10.81.0.{i}" for i in range(101, 109 if SLOW > 1 else 117)]
    for address in others:
        sh("ip", "addr", "add", address + "/24", "dev", "ix0")
    pings = [Process(args.lab, ["ping", "-c", "1", "-I", a, "-w",
                                str(int(10 * SLOW)), IX_ADDRESS]) for a in others]
    silent = [a for a, p in zip(others, pings) if p.wait(20 * SLOW)]
    check("left: whoever asks is answered", not silent, str(silent))
    watch.ends("left")
    status = server.end()
    check("left: SIGTERM ends it", status == 0, f"(status {status})")
    peer.end()


def main():
    ix, hostile, who, *options = sys.argv[1:]
    if who != "same" and os.geteuid():
        skip("needs root")
    enter("-Urn" if who == "same" else "-n")
    args = SimpleNamespace(ix=ix, hostile=hostile, options=options,
                           ordinary=who == "ordinary", holes=who == "same")
    args.lab = OrdinarysLab() if args.ordinary else Lab()
    if args.ordinary:
        be_ordinary(args)
    all_lies(args)
    becomes_another(args)
    leaves(args)
    finish()


main()
