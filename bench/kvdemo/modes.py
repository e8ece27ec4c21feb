# SPDX-License-Identifier: MIT
"""The networks that the demo can be shown on:

  xdp   core 0                                 core 1
        netns s: kv on IX   10.82.0.10 = veth = netns c: 10.82.0.2  Linux
                 memcached  10.82.0.1                    10.82.0.20 ixload on IX

  tap   without root, in a user namespace:
        kv on IX 10.82.0.10 = TAP  =+= ixload on Linux sockets, 10.82.0.2
        netns s: memcached  = veth =+                           10.82.1.2

  wire  without any rights:
        kv on IX 10.82.0.10 = shared memory = 10.82.0.20 ixload on IX
        memcached 127.0.0.1 = loopback ===== ixload on Linux sockets

Each makes its links, and says what goes before the commands: of ix, of
memcached and of the clients. enter() comes before all else: it may begin the
program again. IX also has an IPv6 address, fd00:82:: with the same last part;
so has Linux where it is the client of kv."""

from lab import Cannot, Veth, enter, inside, sh

KV, SERVER, LINUX, CLIENT = "10.82.0.10", "10.82.0.1", "10.82.0.2", "10.82.0.20"
KV6, LINUX6, CLIENT6 = (f"fd00:82::{i}" for i in (10, 2, 20))
SERVER_TAP, LINUX_TAP = "10.82.1.1", "10.82.1.2"


class Xdp:
    about = "AF_XDP on a veth pair between two network namespaces"
    nic, memcached = "xdp:ix0", SERVER
    loads_by_ix = "kv", "kv6", "memcached"  # what is put under load from IX
    stock_client = True              # can reach kv

    @staticmethod
    def enter():
        pass

    def __init__(self, lab):
        veth = Veth(lab, SERVER, LINUX)
        self.on_ix = self.on_memcached = veth.on("s")
        self.on_client = veth.on("c")


class Tap:
    about = "a TAP device in a user namespace (no AF_XDP: slower)"
    nic, memcached = f"tap:ix0,{LINUX}/24", SERVER_TAP
    loads_by_ix = ()
    stock_client = True
    enter = staticmethod(enter)

    def __init__(self, lab):
        holder = lab.start(["unshare", "-n", "sh", "-c",
                            "echo ready; exec sleep 1000"], "ready")
        self.on_ix = self.on_client = []
        self.on_memcached = ["nsenter", "-n", "-t", str(holder.pid)]
        for command in (
                ["ip", "link", "add", "mc0", "type", "veth", "peer", "name",
                 "mc0", "netns", str(holder.pid)],
                ["ip", "addr", "add", LINUX_TAP + "/24", "dev", "mc0"],
                ["ip", "link", "set", "mc0", "up"],
                [*self.on_memcached, "ip", "addr", "add", SERVER_TAP + "/24",
                 "dev", "mc0"],
                [*self.on_memcached, "ip", "link", "set", "mc0", "up"]):
            sh(*command, error=Cannot)


class Wire:
    about = "shared memory instead of a network; loopback for memcached"
    memcached = "127.0.0.1"
    loads_by_ix = "kv", "kv6"
    stock_client = False
    on_ix, on_memcached, on_client = [], [], []

    @staticmethod
    def enter():
        if inside():
            enter()

    def __init__(self, lab):
        self.nic = lab.wire()


MODES = {"xdp": Xdp, "tap": Tap, "wire": Wire}
