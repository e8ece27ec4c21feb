#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ixload --active and --ports against a server that looks: active.py IXLOAD

The server answers when as many requests have come as may be under way and, for a
while, no more did."""
import os
import selectors
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                                "..", "tool"))
from lab import (Cannot, Lab, check, enter, finish, skip,  # noqa: E402
                 wait_for)

CONNS, ACTIVE, PORTS, SIZE = 60, 5, 4, 64
PORT = 7000
MORE = 0.01  # seconds for one too many


class Server(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.who, self.listeners = selectors.DefaultSelector(), []
        self.ports = [0] * PORTS  # connections of each
        self.asked = {}  # by connection, how many requests
        self.waiting, self.most, self.wrong = [], 0, 0
        for i in range(PORTS):
            s = socket.create_server(("127.0.0.1", PORT + i), backlog=CONNS)
            self.listeners.append(s)
            self.who.register(s, selectors.EVENT_READ)

    def run(self):
        while True:
            full = len(self.waiting) >= ACTIVE
            ready = self.who.select(MORE if full else None)
            for key, _ in ready:
                self.event(key.fileobj)
            if full and not ready:
                self.answer()

    def event(self, s):
        if s in self.listeners:
            new = s.accept()[0]
            self.ports[self.listeners.index(s)] += 1
            self.asked[new] = 0
            self.who.register(new, selectors.EVENT_READ)
            return
        data = s.recv(65536)
        if not data:
            self.who.unregister(s)
            return
        self.wrong += len(data) != SIZE
        self.asked[s] += 1
        self.waiting.append((s, data))
        self.most = max(self.most, len(self.waiting))

    def answer(self):
        for s, data in self.waiting:
            s.sendall(data)
        self.waiting = []


def main():
    enter()
    server = Server()
    server.start()
    lab = Lab(limit=60)
    client = lab.start(
        [sys.argv[1], f"127.0.0.1:{PORT}", "--backend", "linux", "-q", "-w",
         "0", "-d", "3", "--conns", str(CONNS), "--active", str(ACTIVE),
         "--ports", str(PORTS), "--size", str(SIZE)])
    wait_for(lambda: server.most)
    check("more CPUs than threads: Linux says which",
          all(os.sched_getaffinity(int(t)) == os.sched_getaffinity(0)
              for t in os.listdir(f"/proc/{client.pid}/task")))
    status = client.wait(50)
    check("ixload: every answer was right", status == 0, client.said())
    check(f"each port has its {CONNS // PORTS} connections",
          server.ports == [CONNS // PORTS] * PORTS, server.ports)
    check(f"{ACTIVE} requests under way, and no more",
          server.most == ACTIVE, server.most)
    n, used = sum(server.asked.values()), sum(map(bool, server.asked.values()))
    check("one on a connection at a time", not server.wrong)
    # Of the others each would have been passed over by all n choices.
    check(f"{n} requests on {used} connections", n < 6 * CONNS or
          used > 0.9 * CONNS)
    check("there were some", n >= 2 * ACTIVE)
    for more in (["--rate", "5"], ["--udp"], ["--threads", "9"]):
        p = lab.start([sys.argv[1], "127.0.0.1:7", "--conns", "9", "--active",
                       "2", *more])
        check(f"refused: {more[0]}", p.wait(20) == 2, p.said())
    finish()


try:
    main()
except Cannot as e:
    skip(e)
