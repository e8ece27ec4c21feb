#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Answers over a bad path, and how long they take.

    answers.py serve HOST PORT ALGORITHM    Linux's server: "send N\\n" brings
                                            N bytes and a FIN, as xfer's
    answers.py ask HOST PORT SIZE COUNT     so many, one after the other, each
                                            on a connection of its own: JSON
"""
import json
import socket
import sys
import time

LIMIT = 60  # seconds, for one answer


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
                s.sendall(bytes(int(questions.readline().split()[1])))
                s.shutdown(socket.SHUT_WR)
                questions.read()
            except (OSError, IndexError):
                pass  # the client has gone


def ask_one(host, port, size):
    """Seconds."""
    began = time.monotonic()
    with socket.create_connection((host, port), LIMIT) as s:
        s.sendall(b"send %d\n" % size)
        got = 0
        while got < size:
            n = len(s.recv(1 << 18))
            if not n:
                sys.exit(f"an answer of {got} bytes, not {size}")
            got += n
    return time.monotonic() - began


def ask(host, port, size, count):
    size = int(size)
    took = sorted(ask_one(host, int(port), size) for i in range(int(count)))
    json.dump({"answers": len(took), "size": size,
               "bytes_per_sec": size * len(took) / sum(took),
               "p50_ms": 1000 * took[len(took) // 2],
               "p99_ms": 1000 * took[len(took) * 99 // 100]}, sys.stdout)


{"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:])
