# SPDX-License-Identifier: MIT
"""Work in the background: a control group of the machine's own, and programs in
it that use what cores it has.

Where control groups are of the first version the cores are one hierarchy's and
stopping is the second version's; the directory that stands for both has links to
the files of each."""

import atexit
import mmap
import os
import signal
import struct
import sys

from lab.process import Cannot, Process, wait_for

COUNT = struct.Struct("Q")
# Counts what it has done where others see it, until it is killed.
BURN = """
import mmap, struct, sys
with open(sys.argv[1], "r+b") as f:
    m = mmap.mmap(f.fileno(), 0)
at, n = 8 * int(sys.argv[2]), 0
while True:
    for _ in range(2000):
        pass
    n += 1
    struct.pack_into("Q", m, at, n)
"""


def mounted(kind, option=""):
    """Where, or None: @kind cgroup or cgroup2."""
    with open("/proc/self/mounts") as f:
        for line in f:
            _, where, fs, options = line.split()[:4]
            if fs == kind and option in ["", *options.split(",")]:
                return where
    return None


def read(*path):
    with open(os.path.join(*path)) as f:
        return f.read().strip()


def write(text, *path):
    with open(os.path.join(*path), "w") as f:
        f.write(str(text))


class Group:
    """Empty, with all cores, and gone at the end with who is in it. Cannot, where
    there is none to be had."""

    def __init__(self, lab):
        name = os.path.basename(lab.directory())
        two, one = mounted("cgroup2"), mounted("cgroup", "cpuset")
        self.groups = [os.path.join(at, name) for at in (two, one) if at]
        if not self.groups:
            raise Cannot("there are no control groups")
        atexit.register(self.end)
        try:
            for group in self.groups:
                os.mkdir(group)
            if one:
                self.inherit(self.groups[-1])
        except OSError as e:
            raise Cannot(f"no control group of its own: {e}")
        self.dir = self.groups[0]
        if one:
            self.dir = lab.directory()
            for group in self.groups:
                for file in os.listdir(group):
                    link = os.path.join(self.dir, file)
                    if not os.path.lexists(link):
                        os.symlink(os.path.join(group, file), link)
        for file in "cpuset.cpus", "cgroup.freeze":
            if not os.path.exists(os.path.join(self.dir, file)):
                raise Cannot(f"a new control group has no {file}")

    @staticmethod
    def inherit(group):
        """Of the first version: a new one has neither cores nor memory."""
        for file in "cpuset.mems", "cpuset.cpus":
            write(read(os.path.dirname(group), file), group, file)

    def cores(self):
        """What has been given to it, as text; "" while it is stopped."""
        stopped = read(self.dir, "cgroup.freeze") == "1"
        return "" if stopped else read(self.dir, "cpuset.cpus")

    def give_all(self):
        """The machine's."""
        for file, text in (("cpuset.cpus", ",".join(map(str, sorted(
                os.sched_getaffinity(0))))), ("cgroup.freeze", "0")):
            write(text, self.dir, file)

    def take(self, pid):
        for group in self.groups:
            write(pid, group, "cgroup.procs")

    def members(self):
        return [int(p) for group in self.groups
                for p in read(group, "cgroup.procs").split()]

    def end(self):
        atexit.unregister(self.end)
        self.groups = [g for g in self.groups if os.path.isdir(g)]
        for group in self.groups:
            if os.path.exists(os.path.join(group, "cgroup.freeze")):
                write(0, group, "cgroup.freeze")
        for pid in self.members():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait_for(lambda: not self.members())
        for group in self.groups:
            os.rmdir(group)
        self.groups = []


class Burner:
    """In a group, @n processes that do nothing but count."""

    def __init__(self, lab, group, n):
        path = os.path.join(lab.directory(), "count")
        with open(path, "w+b") as f:
            f.truncate(COUNT.size * n)
            self.counts = mmap.mmap(f.fileno(), 0)
        self.n, self.processes = n, []
        for i in range(n):
            p = Process(lab, [sys.executable, "-c", BURN, path, str(i)])
            group.take(p.pid)
            self.processes.append(p)

    def end(self):
        for p in self.processes:
            p.kill()
            p.wait()

    def done(self):
        return sum(COUNT.unpack_from(self.counts, COUNT.size * i)[0]
                   for i in range(self.n))
