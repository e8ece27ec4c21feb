#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Answers over a bad path, and how long they take.

    answers.py serve HOST PORT ALGORITHM    Linux's server: "send N\\n" brings
                                            N bytes and a FIN, as xfer's
    answers.py ask HOST PORT SIZE COUNT     so many, one after the other, each
                                            on a connection of its own: JSON
    answers.py share SECONDS PORT HOST...   an endless one of each host, all at
                                            once: the bytes that came from each
                                            after a third of the time, JSON
"""
import json
import selectors
import socket
import sys
import time

LIMIT = 60  # seconds, for one answer
ENDLESS = 1 << 40
# Of the client: room for all that is under way, so that it acknowledges as it
# receives. If the window cannot open before it has read, Linux waits for that, and
# acknowledges once for all that came meanwhile.
RECEIVE_BUFFER = 32 << 20
SO_RCVBUFFORCE = 33  # beyond net.core.rmem_max


def send(s, n):
    piece = memoryview(bytes(1 << 18))
    while n:
        n -= s.send(piece[:min(n, len(piece))])


def serve(host, port, algorithm):
    listener = socket.create_server((host, int(port)), backlog=64)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION,
                        algorithm.encode())
    print("ready", flush=True)
    while True:
        s, _ = listener.accept()
        with s, s.makefile() as questions:
            s.settimeout(LIMIT)
            try:
                send(s, int(questions.readline().split()[1]))
                s.shutdown(socket.SHUT_WR)
                questions.read()
            except (OSError, IndexError):
                pass  # the client has gone


def connect(host, port):
    s = socket.socket()
    s.settimeout(LIMIT)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    s.connect((host, port))
    return s


def ask_one(host, port, size):
    """Seconds: in all, and from the first bytes on, for which the client's own
    segments, and their timeouts, are over."""
    began = first = time.monotonic()
    with connect(host, port) as s:
        s.sendall(b"send %d\n" % size)
        got = 0
        while got < size:
            n = len(s.recv(1 << 18))
            if not n:
                sys.exit(f"an answer of {got} bytes, not {size}")
            first = first if got else time.monotonic()
            got += n
    now = time.monotonic()
    return now - began, now - first


def ask(host, port, size, count):
    size = int(size)
    both = [ask_one(host, int(port), size) for i in range(int(count))]
    took = sorted(whole for whole, _ in both)
    json.dump({"answers": len(took), "size": size,
               "bytes_per_sec": size * len(both) / sum(x for _, x in both),
               "p50_ms": 1000 * took[len(took) // 2],
               "p99_ms": 1000 * took[len(took) * 99 // 100]}, sys.stdout)


def share(seconds, port, *hosts):
    flows = selectors.DefaultSelector()
    got = dict.fromkeys(hosts, 0)
    for host in hosts:
        s = connect(host, int(port))
        s.sendall(b"send %d\n" % ENDLESS)
        flows.register(s, selectors.EVENT_READ, host)
    began = time.monotonic()
    count_from, end = began + float(seconds) / 3, began + float(seconds)
    while (now := time.monotonic()) < end:
        for key, _ in flows.select(end - now):
            n = len(key.fileobj.recv(1 << 18))
            if not n:
                sys.exit(f"{key.data} has ended")
            got[key.data] += n if now >= count_from else 0
    json.dump({"bytes": got}, sys.stdout)


{"serve": serve, "ask": ask, "share": share}[sys.argv[1]](*sys.argv[2:])
