# SPDX-License-Identifier: MIT
"""The two sides, and clients:

      core 0              core 1
     +----------+        +----------+
     | netns s  |  veth  | netns c  |
     | server   o========o client   |
     +----------+        +----------+
      10.77.0.1           10.77.0.2
"""

import contextlib
import functools
import glob
import json
import os
import shutil
import subprocess

from lab import (Failed, Lab, Veth, last_line, napi_threads, run_command, sh,
                 user_option)

from figures.servers import IP, PORT, Server
from figures.story import NAMES
from figures.turns import summary

LIMIT = 60  # seconds, for one run of a client


class NotYet(Exception):
    """A scenario for something that this build does not have."""


class Bench(Lab):
    def __init__(self, build, cores, reps, seconds, realtime=False):
        super().__init__(build)
        self.cores, self.reps, self.seconds = cores, reps, seconds
        self.before = ["chrt", "-r", "1"] if realtime else []
        self.sla = "p99"  # which quantile has to be below the limit
        if realtime:  # and who looks at clocks does so in time
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(2))
        self.namespaces = True
        self.said = set()  # by servers, of what was in force
        self.missing = {}  # contenders that this machine does not have: why

    def use(self, real):
        """Other machines' NICs: real.Real."""
        self.namespaces, self.veth = False, real
        for k in "sc":
            IP[k] = real.address(k)

    def need_namespaces(self):
        if not self.namespaces:
            raise NotYet("needs to see and to set more than a real NIC and "
                         "another machine allow")

    @staticmethod
    def need_installed(name):
        if not shutil.which(name):
            raise NotYet(f"{name} is not installed")

    def nic(self, k):
        return "xdp:" + ("ix0" if self.namespaces else
                         self.veth.interfaces[k])

    @functools.cached_property
    def veth(self):
        """Made when first asked for."""
        veth = Veth(self, IP["s"], IP["c"])
        for k in "sc":
            for setting in ("tcp_tw_reuse=1", "tcp_max_syn_backlog=65535",
                            "ip_local_port_range=1024 65535"):
                veth.sysctl(k, "net.ipv4." + setting)
        return veth

    def steer_receive(self, on, k="s"):
        """Linux's TCP of a side runs on that side's core, as with a NIC whose
        interrupts go there. Else veth has it run where the packet was sent: on
        the other side's core."""
        self.veth.set(k, "queues/rx-0/rps_cpus",
                      f"{1 << self.cores[k]:x}" if on else 0)

    def thread_receive(self, on, k="s"):
        """The same, and faster: veth that joins segments (GRO) has a queue that is
        polled, here by a thread of the kernel's on that core. Without, each
        packet interrupts it. Returns such threads."""
        before = napi_threads()
        if on:
            self.veth.join_segments(k, True)
        self.veth.set(k, "threaded", int(on))
        if not on:
            self.veth.join_segments(k, False)
        mine = napi_threads() - before
        for pid in mine:
            os.sched_setaffinity(pid, {self.cores[k]})
            if self.before:  # else the server, who has, starves it
                os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))
        return mine

    def poll_receive(self, on, k="s"):
        """... by the program itself, before it sleeps; interrupts are put off for
        that."""
        self.veth.join_segments(k, on)
        self.veth.set(k, "napi_defer_hard_irqs", 2 * on)
        self.veth.set(k, "gro_flush_timeout", 200000 * on)

    def until_it_listens(self):
        """The server under test, to the client's side."""
        probe = f"until (exec 3<>/dev/tcp/{IP['s']}/{PORT}) 2>/dev/null; " \
            "do sleep 0.05; done"
        sh(*self.side("c", True), "timeout", "20", "bash", "-c", probe)

    @contextlib.contextmanager
    def polling(self, wanted):
        """Programs at both ends can poll their queue; interrupts are not put off,
        as with one message under way each would wait for the timer."""
        ends = "sc" if wanted and self.namespaces else ""
        for k in ends:
            self.veth.join_segments(k, True)
        try:
            yield
        finally:
            for k in ends:
                self.veth.join_segments(k, False)

    def side(self, k, net):
        """What goes before a command there."""
        return (self.veth.on(k) if net else []) + \
            [*self.before, "taskset", "-c", str(self.cores[k])]

    def ix_run(self, k, program, nic=None, domain="inline", extra=()):
        return run_command(self.program("ix"), nic or self.nic(k), IP[k],
                           program, "--cores", str(self.cores[k]), "--domain",
                           domain, *user_option(program[0]), *extra)

    def ixload(self, backend, *options, nic=None, domain="inline", extra=()):
        argv = [self.program("ixload"), "--json", "--duration",
                str(self.seconds), "--warmup", "0.5", *options,
                f"{IP['s']}:{PORT}"]
        if backend == "linux":
            return argv
        return self.ix_run("c", argv, nic, domain, extra)

    def ixload_first(self, *options, nic, extra=()):
        """On IX, the whole command: before all others on its core, whom it leaves
        the core when it has nothing to do, as a client on a machine of its own
        would. It looks every 0.3 ms: each look begins with a wake-up, 25 us in
        this kind of virtual machine."""
        return ["chrt", "-r", "1", *self.side("c", False), *self.ixload(
            "ix", "--nap", "0.0003", *options, nic=nic,
            extra=["--idle", "block", *extra])]

    def raw_client(self, mode):
        return [self.program("xdp_raw"), "--nic", self.nic("c"), "--ip", IP["c"],
                "--peer", IP["s"], "--seconds",
                str(max(1, round(self.seconds))), "--outstanding", "64",
                "--json", mode]

    def output(self, argv, net=True):
        """Of a client that runs to its end."""
        try:
            r = subprocess.run(self.side("c", net) + argv, text=True,
                               capture_output=True, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            raise Failed(f"no end in {LIMIT} s: {' '.join(argv)}")
        if r.returncode:
            raise Failed(f"{os.path.basename(argv[0])}: status {r.returncode}: "
                         f"{last_line(r.stderr)}")
        return r.stdout

    def client(self, argv, net=True, begins="{"):
        """What it printed, JSON, decoded."""
        text = self.output(argv, net)
        if begins not in text:
            raise Failed(f"{argv[0]} has printed no JSON: {last_line(text)}")
        return json.loads(text[text.index(begins):])

    def with_server(self, kind, client, begins="{", **more):
        with Server(self, kind, **more):
            return self.client(client, "nic" not in more, begins)

    def interleave(self, cases):
        """cases: name -> function giving a number. Medians and all values."""
        values = {name: [] for name in cases}
        for _ in range(self.reps):
            for name, measure in cases.items():
                values[name].append(measure())
                if not values[name][-1]:
                    raise Failed(f"{name}: nothing got through")
                print(f"    {name}: {values[name][-1]:,.1f}", flush=True)
        return {name: summary(v) for name, v in values.items()}

    def compare(self, run, *kinds):
        """run(kind) gives a number; each in its turn."""
        return self.interleave({k: functools.partial(run, k) for k in kinds})

    def linux_servers(self):
        """Those that are built: io_uring's needs liburing."""
        try:
            self.program("uring_echo")
        except Failed as e:
            print(f"    without Linux io_uring: {e}")
            return "linux", "linux-busy"
        return "linux", "linux-busy", "linux-uring"

    @functools.cached_property
    def walls(self):
        """Domains with a wall that work here: vm needs a KVM that runs rings 0
        and 3."""
        found = ["process"] if self.has_process() else []
        try:
            with Server(self, "vm"):
                return [*found, "vm"]
        except Failed as e:
            why = str(e).rpartition("ix: ")[2]
            return self.without("vm", "it needs a KVM that runs a guest's rings "
                                f"0 and 3, and this machine's does not ({why})"
                                ) or found

    def without(self, contender, why):
        print(f"    without {NAMES[contender]}: {why}")
        self.missing[contender] = why

    def notes(self):
        """Who has not taken part, for the reader."""
        return [f"{NAMES[k]} has not taken part: {why}."
                for k, why in self.missing.items()]

    def has_process(self):
        """The wall leaves the application no priority above others: where the
        dataplane has one, the application starves on a busy machine."""
        if self.before:
            return bool(self.without("process", "behind the wall the application "
                                     "has no priority above others' work, which "
                                     "--realtime gives"))
        return bool(glob.glob(os.path.join(self.build, "dom",
                                           "libix-process*")))
