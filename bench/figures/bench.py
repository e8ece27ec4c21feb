# SPDX-License-Identifier: MIT
"""The two sides, their servers and clients:

      core 0              core 1
     +----------+        +----------+
     | netns s  |  veth  | netns c  |
     | server   o========o client   |
     +----------+        +----------+
      10.77.0.1           10.77.0.2
"""

import functools
import glob
import json
import os
import re
import subprocess
import time

from lab import Failed, Lab, Veth, last_line, run_command, user_option
from lab.ix import READY

from figures.turns import summary

IP = {"s": "10.77.0.1", "c": "10.77.0.2"}
PORT = 7
# What of a server's words belongs to a figure: what is in force.
SAYS = re.compile(f"^(?:{READY}|linux_echo: busy-polling).*$", re.M)
LIMIT = 60  # seconds, for one run of a client


# Servers on Linux's stack.
LINUX = {"linux": "linux_echo", "linux-busy": "linux_echo",
         "linux-helped": "linux_echo", "linux-uring": "uring_echo"}


class NotYet(Exception):
    """A scenario for something that this build does not have."""


class Bench(Lab):
    def __init__(self, build, cores, reps, seconds, nice=0):
        super().__init__(build)
        self.cores, self.reps, self.seconds = cores, reps, seconds
        self.before = ["nice", "-n", str(nice)] if nice else []
        self.said = set()  # by servers, of what was in force

    @functools.cached_property
    def veth(self):
        """Made when first asked for."""
        veth = Veth(self, IP["s"], IP["c"])
        for k in "sc":
            for setting in ("tcp_tw_reuse=1", "tcp_max_syn_backlog=65535",
                            "ip_local_port_range=1024 65535"):
                veth.sysctl(k, "net.ipv4." + setting)
        return veth

    def steer_receive(self, on):
        """Linux's TCP of the server runs on the server's core, as with a NIC
        whose interrupts go there. Else veth has it run where the packet was
        sent: on the client's core."""
        mask = f"{1 << self.cores['s']:x}" if on else "0"
        subprocess.run([*self.veth.on("s"), "sh", "-c", f"echo {mask} > "
                        "/sys/class/net/ix0/queues/rx-0/rps_cpus"])

    def side(self, k, net):
        """What goes before a command there."""
        return (self.veth.on(k) if net else []) + \
            [*self.before, "taskset", "-c", str(self.cores[k])]

    def ix_run(self, k, program, nic=None, domain="inline", extra=()):
        return run_command(self.program("ix"), nic or "xdp:ix0", IP[k],
                           program, "--cores", str(self.cores[k]), "--domain",
                           domain, *user_option(program[0]), *extra)

    def ixload(self, backend, *options, nic=None, domain="inline", extra=()):
        argv = [self.program("ixload"), "--json", "--duration",
                str(self.seconds), "--warmup", "0.5", *options,
                f"{IP['s']}:{PORT}"]
        if backend == "linux":
            return argv
        return self.ix_run("c", argv, nic, domain, extra)

    def raw_client(self, mode):
        return [self.program("xdp_raw"), "--nic", "xdp:ix0", "--ip", IP["c"],
                "--peer", IP["s"], "--seconds",
                str(max(1, round(self.seconds))), "--outstanding", "64",
                "--json", mode]

    def client(self, argv, net=True):
        """Runs to its end; the JSON object that it printed."""
        try:
            r = subprocess.run(self.side("c", net) + argv, text=True,
                               capture_output=True, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            raise Failed(f"no end in {LIMIT} s: {' '.join(argv)}")
        start = r.stdout.find("{")
        if r.returncode or start < 0:
            raise Failed(f"{argv[0]}: status {r.returncode}: "
                         f"{last_line(r.stderr)}")
        return json.loads(r.stdout[start:])

    def with_server(self, kind, client, **more):
        with Server(self, kind, **more):
            return self.client(client, net="nic" not in more)

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

    def has_process(self):
        return bool(glob.glob(os.path.join(self.build, "dom",
                                           "libix-process*")))


class Server:
    """One of the servers under test, for the time of a with block."""

    def __init__(self, bench, kind, nic=None, domain="inline", extra=(),
                 one_core=False):
        self.bench, self.net = bench, nic is None
        self.ready = None
        if kind == "ix":
            self.argv = bench.ix_run(
                "s", [bench.program("echo"), "--port", str(PORT)], nic, domain,
                extra)
            self.ready = READY
        elif kind == "raw":
            self.argv = [bench.program("xdp_raw"), "--nic", "xdp:ix0", "--ip",
                         IP["s"], "echo"]
            self.ready = "^xdp_raw:"
        else:
            self.argv = [bench.program(LINUX[kind]), "--port", str(PORT)]
            if kind == "linux-busy":
                self.argv += ["--busy-poll", "50"]
        self.steer = one_core and kind in LINUX and kind != "linux-helped"

    def __enter__(self):
        if self.steer:
            self.bench.steer_receive(True)
        self.process = self.bench.start(
            self.bench.side("s", self.net) + self.argv, self.ready)
        time.sleep(0.3)  # until it listens
        return self

    def __exit__(self, *exc):
        self.process.end()
        self.bench.said.update(SAYS.findall(self.process.said()))
        self.bench.processes.remove(self.process)
        if self.steer:
            self.bench.steer_receive(False)
