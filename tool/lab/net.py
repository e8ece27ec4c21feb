# SPDX-License-Identifier: MIT
"""Networks of our own."""

import os
import subprocess
import sys

from lab.process import Cannot, last_line, sh

INSIDE = "IX_LAB_INSIDE"


class Veth:
    """Two network namespaces, of server and client, ix0 in both:

        netns ...-s  10.x.y.1  ix0 ==== veth ==== ix0  10.x.y.2  netns ...-c

    Where XDP receives, the cable holds 256 packets, and a burst of more is lost
    on the way in, such as the delayed ACKs of thousands of connections. With a
    queue before it, as real NICs have one, the sender waits (Linux 6.16).

    @queues: of both ends. @tag: of a second such pair's names.
    """

    QUEUE = "root", "pfifo", "limit", "20000"

    def __init__(self, lab, server, client, queues=1, tag=""):
        if os.geteuid():
            raise Cannot("needs root: network namespaces and AF_XDP "
                         "(CAP_NET_ADMIN, CAP_NET_RAW, CAP_BPF)")
        self.names = {k: f"ix-lab-{os.getpid()}{tag}-{k}" for k in "sc"}
        many = "numrxqueues", str(queues), "numtxqueues", str(queues)
        for k in "sc":
            lab.netns.append(self.names[k])
            sh("ip", "netns", "add", self.names[k], error=Cannot)
        self.ip("s", "link", "add", "ix0", *many, "type", "veth", "peer",
                "name", "ix0", *many, "netns", self.names["c"])
        for k, address in (("s", server), ("c", client)):
            self.ip(k, "link", "set", "lo", "up")
            self.ip(k, "addr", "add", address + "/24", "dev", "ix0")
            self.ip(k, "link", "set", "ix0", "up")
            sh("tc", "-n", self.names[k], "qdisc", "add", "dev", "ix0",
               *self.QUEUE, error=Cannot)

    def ip(self, k, *args):
        sh("ip", "-n", self.names[k], *args, error=Cannot)

    def on(self, k):
        """What goes before a command there."""
        return ["ip", "netns", "exec", self.names[k]]

    def lost(self, k):
        """Packets sent there that have not fitted into the cable."""
        return int(sh(*self.on(k), "cat",
                      "/sys/class/net/ix0/statistics/tx_dropped"))

    def set(self, k, what, value):
        """Of that end's interface."""
        sh(*self.on(k), "sh", "-c",
           f"echo {value} > /sys/class/net/ix0/{what}", error=Cannot)

    def join_segments(self, k, on):
        """Generic receive offload, by which veth's end has a queue of its own;
        the other end's packets come by it if that cannot send several segments
        in one."""
        for end, what, value in (k, "gro", on), ("cs"[k == "c"], "tso", not on):
            sh(*self.on(end), "ethtool", "-K", "ix0", what,
               "on" if value else "off", error=Cannot)

    def sysctl(self, k, setting):
        """If there is such a thing."""
        sh(*self.on(k), "sysctl", "-qw", setting, error=None)


def napi_threads():
    """Those of the kernel that poll interfaces of that name, in any namespace."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm") as f:
                if f.read().startswith("napi/ix0-"):
                    found.add(int(pid))
        except OSError:
            pass  # it has ended
    return found


def inside():
    """Are we in the namespaces of enter()?"""
    return INSIDE in os.environ


def enter(flags="-Urn"):
    """Begins the program again in namespaces of its own: of the network, and
    of users unless told, in which we are root; all in them ends with them."""
    if inside():
        sh("ip", "link", "set", "lo", "up")
        return
    if not os.access("/dev/net/tun", os.W_OK):
        raise Cannot("/dev/net/tun cannot be opened")
    r = subprocess.run(["unshare", flags, "true"], capture_output=True,
                       text=True)
    if r.returncode:
        raise Cannot(f"unshare {flags}: {last_line(r.stderr)}")
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", flags, sys.executable, *sys.argv])
