# SPDX-License-Identifier: MIT
"""Over a path that loses, against Linux's sender with the same algorithm:

      core 0           core 1            core 1
      netns s          netns m           netns c
      server  ==veth== bridge ==veth==  Linux: the client

The bridge is test/path/bridge.c; the client is the same for both. All of the
server's work is on its core, of Linux's, too: see receiving(). What shares a
bottleneck comes from two namespaces:

      netns s  IX     ==veth==+
                              br0 ==veth== bridge ==veth==  netns c: the client
      netns l  Linux  ==veth==+                  (all in netns m)
"""

import contextlib
import os

from figures.bench import IP, NotYet
from figures.turns import ratio, row
from lab import Failed, napi_threads, sh

PORT = 5001
RENO = {"ix": "newreno", "linux": "reno"}
CUBIC = {"ix": "cubic", "linux": "cubic"}
SENDERS = {"ix": "IX", "linux": "Linux", "linux-helped": "Linux, as veth is"}
SEND_BUFFER = 4 << 20  # to what Linux lets its own grow
LINUX_IP = "10.77.0.3"  # in netns l
TREE = os.path.join(os.path.dirname(__file__), "..", "..")
ANSWERS = os.path.join(TREE, "test", "path", "answers.py")


class Path:
    """The three namespaces; the bridge is started for each measurement."""

    towards_s = "es"  # the bridge's interface

    def __init__(self, bench):
        bench.need_namespaces()
        self.bench = bench
        if os.geteuid():
            raise NotYet("needs root")
        self.names = {}
        for k in "msc":
            self.netns(k)
        self.join("s", IP["s"])
        self.join("c", IP["c"])

    def netns(self, k):
        self.names[k] = name = f"ix-path-{os.getpid()}-{id(self):x}-{k}"
        self.bench.netns.append(name)
        sh("ip", "netns", "add", name)

    def join(self, k, ip):
        """@k's ix0 and m's e@k."""
        self.ip("m", "link", "add", "e" + k, "type", "veth", "peer", "name",
                "ix0", "netns", self.names[k])
        self.ip("m", "link", "set", "e" + k, "up")
        self.ip(k, "addr", "add", ip + "/24", "dev", "ix0")
        self.ip(k, "link", "set", "ix0", "up")
        self.frames_only(k, "ix0")
        self.frames_only("m", "e" + k)

    def frames_only(self, k, interface):
        sh(*self.on(k), "ethtool", "-K", interface, "tx", "off", "tso", "off",
           "gso", "off", "gro", "off")

    def ip(self, k, *args):
        sh("ip", "-n", self.names[k], *args)

    def core(self, k):
        """The server's is its own: the path shares the client's."""
        return self.bench.cores["c" if k in "mc" else "s"]

    def on(self, k):
        """Before whatever else the machine does: a millisecond's wait for a
        core is a round trip here."""
        return ["chrt", "-f", "1", "taskset", "-c", str(self.core(k)),
                "ip", "netns", "exec", self.names[k]]

    @contextlib.contextmanager
    def receiving(self, wanted):
        """Linux's sender has its ACKs on its own core, as Bench.thread_receive
        has it: else TCP answers them on the bridge's, within the call that
        hands them over. The kernel's thread goes before the server, as a NIC's
        softirq would. What leaves is still frames: only pure ACKs come, which
        GRO does not join."""
        if not wanted:
            yield
            return
        before = napi_threads()
        self.gro("on")
        self.threaded(1)
        for pid in napi_threads() - before:
            os.sched_setaffinity(pid, {self.core("s")})
            os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(2))
        try:
            yield
        finally:
            self.threaded(0)
            self.gro("off")

    def gro(self, value):
        sh(*self.on("s"), "ethtool", "-K", "ix0", "gro", value)

    def threaded(self, value):
        sh(*self.on("s"), "sh", "-c",
           f"echo {value} > /sys/class/net/ix0/threaded")

    def can(self, algorithm):
        """Has Linux this one?"""
        return algorithm in sh(*self.on("s"), "sysctl", "-n", "net.ipv4."
                               "tcp_available_congestion_control").split()

    def carry(self, options, back=None):
        """@back: of the way to the server, if it is another."""
        return self.bench.start(
            self.on("m") + [self.program("path", "bridge"), self.towards_s,
                            "ec", options, back or options], "^ready")

    def program(self, *path):
        found = os.path.join(self.bench.build, "test", *path)
        if not os.path.isfile(found):
            raise Failed(f"{path[-1]} is not built")
        return found

    def ix(self, algorithm):
        argv = self.bench.ix_run(
            "s", [self.program("e2e", "xfer"), "--port", str(PORT),
                  "--send-limit", str(SEND_BUFFER)],
            extra=["--tso", "false", "--tcp.cc", algorithm, "--tcp.snd_buf",
                   str(SEND_BUFFER)])
        return self.bench.start(self.on("s") + argv, "ix: domain")

    def linux(self, algorithm, k="s", ip=IP["s"]):
        return self.bench.start(
            self.on(k) + [ANSWERS, "serve", ip, str(PORT), algorithm],
            "^ready")

    def client(self, *args):
        return self.bench.client(self.on("c") + [ANSWERS, *map(str, args)],
                                 net=False)

    def ask(self, kind, size, count, options, back=None, algorithm=RENO):
        """What the client measures. @kind: ix, linux, or linux-helped, whose
        TCP receives on the client's core."""
        serve = self.ix if kind == "ix" else self.linux
        with self.receiving(kind == "linux"):
            server = serve(algorithm[kind.partition("-")[0]])
            bridge = self.carry(options, back)
            try:
                return self.client("ask", IP["s"], PORT, size, count)
            finally:
                bridge.end()
                server.end()


class Shared(Path):
    """IX and Linux behind one bottleneck."""

    towards_s = "u1"

    def __init__(self, bench):
        super().__init__(bench)
        self.netns("l")
        self.join("l", LINUX_IP)
        self.ip("m", "link", "add", "br0", "type", "bridge")
        self.ip("m", "link", "add", "u0", "type", "veth", "peer", "name", "u1")
        for interface in "es", "el", "u0":
            self.ip("m", "link", "set", interface, "master", "br0")
        for interface in "br0", "u0", "u1":
            self.ip("m", "link", "set", interface, "up")
        for interface in "u0", "u1":
            self.frames_only("m", interface)

    def share(self, options, seconds):
        """Bytes from IX and from Linux."""
        servers = [self.ix(CUBIC["ix"]),
                   self.linux(CUBIC["linux"], "l", LINUX_IP)]
        bridge = self.carry(options)
        try:
            return self.client("share", seconds, PORT, IP["s"],
                               LINUX_IP)["bytes"]
        finally:
            for process in [bridge, *servers]:
                process.end()


def make(bench):
    if not hasattr(bench, "bad_path"):
        bench.bad_path = Path(bench)
    return bench.bad_path


def goodput(path, delay, percent, algorithm, kinds):
    """By contender. As much as takes some four seconds: before the first loss slow
    start fills the path's queue, and that, or a timeout, would be most of a shorter
    transfer. At 0.1 % it takes some five losses until the window is no longer what
    the first one, early or late, has left."""
    size = int(8e6 / percent ** 0.5) * (1 if delay == "5ms" else 16)
    runs = 0

    def run(kind):
        nonlocal runs
        seed = runs // len(kinds)  # the same for all of a turn
        runs += 1
        return path.ask(kind, size, 1,
                        f",loss={percent}%,delay={delay},seed={seed}",
                        algorithm=algorithm)["bytes_per_sec"]

    return path.bench.compare(run, *kinds)


def contests(path):
    """What a row says of the algorithm, and its names at both ends."""
    yield "", RENO
    if path.can(CUBIC["linux"]):
        yield ", CUBIC", CUBIC


def loss(bench):
    """bulk over a path that loses: goodput of IX's sender and of Linux's"""
    path = make(bench)
    rows, values, figures = [], {}, []
    for name, delay in ("10 ms", "5ms"), ("LAN", "100us"):
        lines = {}
        for by, algorithm in contests(path):
            # Where a wait for a core is a part of a round trip.
            helped = ["linux-helped"] * (name == "LAN" and not by)
            for percent in 0.1, 1, 3:
                v = goodput(path, delay, percent, algorithm,
                            ["ix", "linux", *helped])
                what = f"goodput at {percent} % loss, round trips of {name}{by}"
                rows.append(ratio(v, f"{what}: IX / Linux", "ix", "linux", 1.0,
                                  ">="))
                rows += [ratio(v, f"{what}: IX / Linux, its TCP receive on the "
                               "client's core", "ix", k) for k in helped]
                for k, x in v.items():
                    values[f"{name}{by}, {percent} %, {k}"] = x
                    lines.setdefault(SENDERS[k] + by, []).append(
                        [10 * percent, x["median"]])
        figures.append({"kind": "lines", "y": "B/s", "log": "xy",
                        "x": f"lost of 1,000, round trips of {name}",
                        "lines": lines})
    return {"unit": "B/s", "values": values, "rows": rows, "figures": figures,
            "notes": [] if path.can(CUBIC["linux"]) else
            ["CUBIC has not taken part: this Linux does not have it."]}


def answers(bench):
    """20 KB answers of which 1 % is lost, 10 ms round trips: the slowest"""
    path = make(bench)
    runs = 0

    def run(kind):
        nonlocal runs
        seed = runs // 2
        runs += 1
        # What the client sends arrives: its own timeouts, the same for both,
        # would be those of the slowest in a hundred.
        return path.ask(kind, 20000, 300, f",loss=1%,delay=5ms,seed={seed}",
                        ",delay=5ms")["p99_ms"]

    v = bench.compare(run, "ix", "linux")
    return {"unit": "ms, p99", "values": v, "rows": [
        ratio(v, "20 KB answers at 1 % loss, p99: Linux / IX", "linux", "ix",
              1.2, ">=")]}


def jain(x):
    return sum(x) ** 2 / (len(x) * sum(v * v for v in x))


def fairness(bench):
    """CUBIC of IX and of Linux behind one bottleneck: how they share it"""
    path = Shared(bench)
    seconds = max(6, 12 * bench.seconds)
    runs = 0

    def run():
        nonlocal runs
        runs += 1
        # 20 Mbit/s, 10 ms, and a queue of twice what that holds.
        got = path.share(",rate=20m,queue=50000,delay=5ms,"
                         f"seed={runs}", seconds)
        print(f"    IX {got[IP['s']]:,}, Linux {got[LINUX_IP]:,}")
        return jain(got.values())

    v = bench.interleave({"jain": run})
    return {"unit": "of 1", "values": v, "rows": [
        row(v, "IX and Linux CUBIC behind one bottleneck: Jain's index",
            lambda m: m["jain"], 0.95, ">=")]}
