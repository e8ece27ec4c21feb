# SPDX-License-Identifier: MIT
"""What a server does for its requests, counted by bpftrace while a client runs.

Tracepoints only: they are there in every kernel, whatever probes it allows. A
thing is the server's when one of its threads does it (BY), or when it happens
to a packet or a socket of its network namespace (IN): other work of the
machine is not counted."""

import json
import os
import re
import shutil
import signal
import subprocess

from figures.servers import family
from lab import Failed, last_line

AF_UNIX, AF_INET = 1, 2
SYS_FUTEX = 202
XSKMAP = 17  # BPF_MAP_TYPE_XSKMAP
TRACEFS = "/sys/kernel/tracing"
PROBE = "tracepoint:raw_syscalls:sys_enter { exit(); }"
LIMIT = 40  # seconds to attach

PROBES = """
tracepoint:raw_syscalls:sys_enter /@who[tid]/ {
    @n["syscalls"] = count(); @by["syscalls", @who[tid]] = count();
    if (args->id == FUTEX) { @n["futex"] = count(); } }
tracepoint:exceptions:page_fault_user /@who[tid]/ { @n["faults"] = count(); }
tracepoint:sched:sched_switch /@who[tid]/ {
    @n["switches"] = count(); @by["switches", @who[tid]] = count();
    if (args->prev_state != 0) { @n["sleeps"] = count(); } }
tracepoint:sched:sched_wakeup /@who[args->pid]/ { @n["wakeups"] = count(); }
tracepoint:sock:sock_send_length /@who[tid] && args->ret > 0/ {
    @sent[args->family] = count(); @bytes_in[args->family] = sum(args->ret); }
tracepoint:sock:sock_recv_length /@who[tid] && args->ret > 0/ {
    @bytes_out[args->family] = sum(args->ret); }
tracepoint:sock:sk_data_ready
/((struct sock *)args->skaddr)->__sk_common.skc_net.net->ns.inum == SERVER/ {
    @ready[args->family] = count(); }
tracepoint:net:netif_rx
/((struct sk_buff *)args->skbaddr)->dev->nd_net.net->ns.inum == SERVER/ {
    @n["backlog"] = count(); }
tracepoint:xdp:xdp_redirect /args->map_id == RING/ { @n["ring"] = count(); }
uprobe:LIBIX:ixev_answer /@who[tid]/ { @n_bytes["ixev"] = sum(arg2); }
interval:ms:200 { printf("attached\\n"); }
"""


def threads(server):
    """Of a server's family: thread -> which of its processes, from 1 on; and
    the processes' names."""
    of, names = {}, []
    for pid in family(server.process.pid):
        try:
            with open(f"/proc/{pid}/comm") as f:
                name = f.read().strip()
            tasks = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue  # it has ended
        names.append(name)
        of.update(dict.fromkeys(map(int, tasks), len(names)))
    return of, names


def ring_of(pids):
    """The map of AF_XDP sockets that a server's XDP program has; 0: none."""
    for pid in pids:
        for fd in os.listdir(f"/proc/{pid}/fdinfo"):
            try:
                with open(f"/proc/{pid}/fdinfo/{fd}") as f:
                    text = f.read()
            except OSError:
                continue
            kind = re.search(r"^map_type:\s*(\d+)$", text, re.M)
            if kind and int(kind.group(1)) == XSKMAP:
                return int(re.search(r"^map_id:\s*(\d+)$", text, re.M)
                           .group(1))
    return 0


def namespace(name):
    return os.stat(f"/var/run/netns/{name}").st_ino


def script(bench, server, of):
    text = PROBES
    for word, value in {
            "FUTEX": SYS_FUTEX, "RING": ring_of(family(server.process.pid)),
            "SERVER": namespace(bench.veth.names["s"]),
            "LIBIX": os.path.join(bench.build, "lib", "libix.so")}.items():
        text = re.sub(rf"\b{word}\b", str(value), text)
    return "BEGIN { " + " ".join(
        f"@who[{tid}] = {k};" for tid, k in of.items()) + " }\n" + text + \
        "END { clear(@who); }\n"


def maps(text):
    """Of bpftrace -f json: name -> {key: number}."""
    found = {}
    for line in text.splitlines():
        if line.startswith("{"):
            record = json.loads(line)
            if record["type"] == "map":
                found.update(record["data"])
    return found


def bpftrace(*argv):
    """The command; where nobody has mounted what it reads, it is mounted for
    it alone."""
    argv = ["bpftrace", *argv]
    if os.path.exists(f"{TRACEFS}/events"):
        return argv
    return ["unshare", "-m", "sh", "-c",
            f'mount -t tracefs none {TRACEFS} && exec "$@"', "sh", *argv]


def why_not():
    """Why nothing can be traced here; None: it can."""
    if not shutil.which("bpftrace"):
        return "bpftrace is missing: apt-get install bpftrace"
    try:
        r = subprocess.run(bpftrace("-e", PROBE), capture_output=True,
                           text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return f"bpftrace does not attach in {LIMIT} s"
    return f"bpftrace: {last_line(r.stderr)}" if r.returncode else None


class Trace:
    """Of a server, for the time of a with block; afterwards @maps, @names."""

    def __init__(self, bench, server):
        self.bench = bench
        of, self.names = threads(server)
        path = bench.path("trace.bt")
        with open(path, "w") as f:
            f.write(script(bench, server, of))
        self.argv = bpftrace("-f", "json", path)

    def __enter__(self):
        self.process = self.bench.start(self.argv)
        self.process.wait_ready("attached", LIMIT)
        return self

    def __exit__(self, *exc):
        status = self.process.end(signal.SIGINT)
        self.bench.processes.remove(self.process)
        said = self.process.said()
        if status:
            raise Failed(f"bpftrace: {last_line(said)}")
        self.maps = maps(said)
