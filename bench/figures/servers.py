# SPDX-License-Identifier: MIT
"""The contenders: servers on IX, on Linux, on a bare NIC."""

import os
import re
import shutil
import time

from lab import Failed, last_line

IP = {"s": "10.77.0.1", "c": "10.77.0.2"}
PORT = 7
# On Linux's stack, written here; helped: its TCP receives on the client's core.
LINUX = {"linux": "linux_echo", "linux-busy": "linux_echo",
         "linux-helped": "linux_echo", "linux-uring": "uring_echo"}
MEMORY = "128"  # MB for the values, of kv, too
MEMCACHED = ["memcached", "-t", "1", "-p", str(PORT), "-U", "0", "-c", "20000",
             "-m", MEMORY, "-u", "root"]
# On Linux's stack, stock.
STOCK = {"memcached": MEMCACHED, "memcached-helped": MEMCACHED,
         "redis": ["redis-server", "--port", str(PORT), "--save", "",
                   "--appendonly", "no", "--protected-mode", "no"]}
# On a bare NIC: without a stack, and a microkernel's processes.
ON_NIC = {"raw": "xdp_raw", "microkernel": "mk_echo"}
ON_LINUX = *LINUX, *STOCK, "linux-pingpong", "nginx"
NGINX = f"""
user root;
worker_processes 1;
worker_rlimit_nofile 65536;
daemon off;
master_process off;
pid nginx.pid;
error_log stderr error;
events {{ use epoll; worker_connections 16384; multi_accept on; }}
http {{
	access_log off;
	default_type text/plain;
	keepalive_requests 1000000000;
	server {{
		listen {PORT} backlog=16384;
		location / {{ return 200 "Hello from IX\\n"; }}
	}}
}}
"""
# On IX behind a wall: by contender, which and which domain.
WALLED = {"process": ("ix", "process"), "vm": ("ix", "vm"),
          "kv-process": ("kv", "process")}
# Multiplications before each answer, about 50 us: of a core that does no more
# than 20,000 of these the client on the core beside needs little.
WORK = 50000
BEST = "thread"  # of what there is to receive by: --only tuning
START = 30  # seconds; less than one, where nobody else wants the core
# What of a server's words belongs to a figure: what is in force.
READY = r"ix: domain \w+ \("  # not: ix: domain vm: why not
SAYS = re.compile(f"^(?:{READY}|linux_echo: busy-polling).*$", re.M)


def programs(bench):
    """On IX: by contender, the program."""
    echo = [bench.program("echo"), "--port", str(PORT)]
    return {"ix": echo, "thinks": [*echo, "--work", str(WORK)],
            "kv": [bench.program("kv"), "-p", str(PORT), "-m", MEMORY],
            "http": [os.path.join(bench.build, "bench", "http")],
            "pingpong": [bench.program("pingpong"), "--server", "--port",
                         str(PORT)]}


def nginx(bench):
    """One process, no log, connections that stay, an answer from memory."""
    found = shutil.which("nginx") or "/usr/sbin/nginx"
    directory = bench.directory()
    path = os.path.join(directory, "nginx.conf")
    with open(path, "w") as f:
        f.write(NGINX)
    return [found, "-e", "stderr", "-p", directory, "-c", path]


def command(bench, kind, nic, domain, extra):
    """How it is started, and what it says when it is ready, if anything."""
    if kind in LINUX:
        busy = ["--busy-poll", "50"] if kind == "linux-busy" else []
        return [bench.program(LINUX[kind]), "--port", str(PORT), *busy,
                *extra], None
    if kind == "linux-pingpong":
        return [*programs(bench)["pingpong"], "--linux"], None
    if kind in STOCK:
        return STOCK[kind], None
    if kind == "nginx":
        return nginx(bench), None
    if kind in ON_NIC:
        return [bench.program(ON_NIC[kind]), "--nic", bench.nic("s"), "--ip",
                IP["s"], "echo"], f"^{ON_NIC[kind]}:"
    return bench.ix_run("s", programs(bench)[kind], nic, domain, extra), READY


def family(*pids):
    """Processes and all that have come from them."""
    found = list(pids)
    for one in found:
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{task}/children") as f:
                    found += map(int, f.read().split())
        except OSError:
            pass  # it has ended
    return found


def threads_seconds(pid):
    """That each thread of a process has run, by the scheduler's clock."""
    found = {}
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                found[task] = int(f.read().split()[0]) / 1e9
    except OSError:
        pass
    return found


def cpu_seconds_of(pid):
    return sum(threads_seconds(pid).values())


def cpu_seconds(*pids):
    """... of processes and their families."""
    return sum(map(cpu_seconds_of, family(*pids)))


def user_and_kernel(*pids):
    """Processor time of processes and their families, in ticks, by the names of
    their programs: by the program and its libraries, and by Linux's kernel on its
    behalf."""
    used = {}
    for one in family(*pids):
        try:
            with open(f"/proc/{one}/stat") as f:
                name, _, rest = f.read().partition("(")[2].rpartition(")")
        except OSError:
            continue
        user, kernel = used.get(name, (0, 0))
        fields = rest.split()
        used[name] = user + int(fields[11]), kernel + int(fields[12])
    return used


class Server:
    """One of the servers under test, for the time of a with block.
    @one_core: of Linux's, receiving runs there, too, by "interrupt", a "thread" of
    the kernel's or "poll"; True: as is best for it."""

    def __init__(self, bench, kind, nic=None, domain="inline", extra=(),
                 one_core=False):
        self.bench, self.net, self.threads = bench, nic is None, ()
        kind, domain = WALLED.get(kind, (kind, domain))
        self.argv, self.ready = command(bench, kind, nic, domain, extra)
        self.tcp = kind != "raw"
        self.receive = self.how_to_receive(kind, one_core)

    def how_to_receive(self, kind, one_core):
        """What of the bench switches that on and off; None: nothing to do."""
        if not one_core or not self.bench.namespaces or \
                kind not in ON_LINUX or kind.endswith("-helped"):
            return None
        if one_core is True:
            one_core = "poll" if kind == "linux-busy" else BEST
        return {"interrupt": self.bench.steer_receive,
                "thread": self.bench.thread_receive,
                "poll": self.bench.poll_receive}[one_core]

    def __enter__(self):
        if self.receive:
            self.threads = self.receive(True) or ()
        self.process = self.bench.start(
            self.bench.side("s", self.net) + self.argv, self.ready, START)
        if self.net and self.tcp:
            self.wait_for_it()
        else:
            time.sleep(0.3)  # nobody but its own client can ask
        return self

    def wait_for_it(self):
        try:
            self.bench.until_it_listens()
        except Failed:
            raise Failed(f"{self.argv[0]} does not listen: "
                         f"{last_line(self.process.said())}")

    def user_and_kernel(self):
        self.bench.need_namespaces()
        return user_and_kernel(self.process.pid, *self.threads)

    def cpu_seconds(self):
        self.bench.need_namespaces()
        return cpu_seconds(self.process.pid, *self.threads)

    def __exit__(self, *exc):
        self.process.end()
        self.bench.said.update(SAYS.findall(self.process.said()))
        self.bench.processes.remove(self.process)
        if self.receive:
            self.receive(False)
