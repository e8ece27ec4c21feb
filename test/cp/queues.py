#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two dataplanes of ixcpd on one interface, a queue and a port each:

    netns s                                  netns c
    Linux 10.83.0.1   ix0 ==== veth ==== ix0  10.83.0.2  clients, here
      kv   11211  queue 0
      echo 7      queue 1

A program at the sending end (steer.bpf.c) chooses the queue by the port, as a
NIC does that has been told to.

    queues.py IXCPD IX ECHO KV STEER.o"""

import argparse
import os
import signal
import subprocess
import sys

from cpd import Cpd
from lab import (Cannot, Lab, Veth, check, finish, sh, skip,
                 user_option, wait_for)

ADDRESS = "10.83.0.1"
CLIENT = ("import socket, sys; s = socket.create_connection((sys.argv[1], "
          "int(sys.argv[2])), 3); s.settimeout(3); "
          "s.sendall(sys.argv[3].encode()); "
          "sys.stdout.write(s.recv(1000).decode())")


def settings(args):
    user = user_option(args.kv)
    common = {"nic": "xdp:ix0", "ports_only": True, "nic_shared": True,
              "ip": ADDRESS + "/24", "domain": "process", "arena": "64M",
              "mbufs": 4096, **({"user": user[1]} if user else {})}
    return {
        "kv": {"program": [args.kv, "-m", "64"], "port": "11211",
               "tcp": {"port_min": 20000, "port_max": 20009}, **common},
        "echo": {"program": args.echo, "port": "7", "nic_queue": 1,
                 "tcp": {"port_min": 20010, "port_max": 20019}, **common}}


def veth(lab, args):
    net = Veth(lab, ADDRESS, "10.83.0.2")
    net.ip("s", "link", "del", "ix0")
    net.ip("s", "link", "add", "ix0", "numrxqueues", "2", "numtxqueues", "2",
           "type", "veth", "peer", "name", "ix0", "numrxqueues", "2",
           "numtxqueues", "2", "netns", net.names["c"])
    for k, address in (("s", ADDRESS), ("c", "10.83.0.2")):
        net.ip(k, "addr", "add", address + "/24", "dev", "ix0")
        net.ip(k, "link", "set", "ix0", "up")
    for command in ("qdisc add dev ix0 clsact",
                    f"filter add dev ix0 egress bpf da obj {args.steer} sec tc"):
        sh(*net.on("c"), "tc", *command.split(), error=Cannot)
    return net


def test(args, cpd, net):
    def client(port, words):
        return subprocess.run(
            [*net.on("c"), sys.executable, "-c", CLIENT, ADDRESS, str(port),
             words], text=True, capture_output=True, timeout=20).stdout

    def kv():
        return client(11211, "version\r\n").startswith("VERSION")

    def echo():
        return client(7, "hello") == "hello"

    check("both are up", cpd.all_up("kv", "echo", seconds=20),
          cpd.process.said()[-400:])
    check("the first port is answered", wait_for(kv))
    check("so is the other", wait_for(echo))
    check("Linux keeps the rest", sh(
        *net.on("c"), "ping", "-c", "3", "-i", "0.1", ADDRESS).count(
            "bytes from") == 3)
    for name, other, answers in (("kv", "echo", echo), ("echo", "kv", kv)):
        starts = cpd.planes()[name]["starts"]
        os.kill(cpd.planes()[name]["pid"], signal.SIGKILL)
        check(f"{name} is killed: {other} goes on", all(
            answers() for _ in range(3)))
        check(f"and {name} comes back", wait_for(
            lambda: cpd.planes()[name]["starts"] > starts, 10) and
            cpd.all_up(name, seconds=20) and
            wait_for({"kv": kv, "echo": echo}[name]))
    cpd.ask(do="down", name="kv")
    cpd.ask(do="down", name="echo")
    check("both end", wait_for(lambda: {p["state"] for p in
                                        cpd.planes().values()} == {"down"}))
    check("the interface is given back", wait_for(
        lambda: "xdp" not in sh("ip", "-n", net.names["s"], "link", "show",
                                "ix0")))


def main():
    p = argparse.ArgumentParser()
    for name in ("ixcpd", "ix", "echo", "kv", "steer"):
        p.add_argument(name)
    args = p.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        skip("needs two cores")
    lab = Lab(limit=100)
    try:
        net = veth(lab, args)
    except Cannot as why:
        skip(why)
    cpd = Cpd(lab, args.ixcpd, args.ix, {})
    cpd.before = net.on("s")
    cpd.write(settings(args), cores=f"{cores[0]},{cores[1]}")
    cpd.start()
    test(args, cpd, net)
    cpd.end()
    finish()


main()
