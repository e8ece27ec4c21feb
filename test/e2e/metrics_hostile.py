#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Connections to `ix metrics` that mean no good.  metrics_hostile.py URL WHAT"""
import os
import random
import socket
import sys
import time
import urllib.parse
import urllib.request

AT = urllib.parse.urlsplit(sys.argv[1])
PATIENCE = 25  # seconds; the server's is 10


def connect():
    return socket.create_connection((AT.hostname, AT.port), PATIENCE)


def ended(s):
    """The server has ended it, within PATIENCE; what it said before."""
    got = b""
    try:
        while True:
            more = s.recv(65536)
            if not more:
                return got
            got += more
    except ConnectionError:
        return got


def garbage():
    r = random.Random(1)
    for n in (1, 4, 100, 3000, 100000):
        with connect() as s:
            try:
                s.sendall(r.randbytes(n) + b"\r\n\r\n")
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has seen enough
            assert b"200 OK" not in ended(s)


def half():
    """A byte a second keeps nobody's connection open."""
    begin = time.monotonic()
    with connect() as s:
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-")
        try:
            while time.monotonic() - begin < PATIENCE:
                s.sendall(b"x")
                time.sleep(0.3)
        except OSError:
            pass
    assert 5 < time.monotonic() - begin < PATIENCE, time.monotonic() - begin


def long():
    with connect() as s:
        try:
            s.sendall(b"GET /" + b"x" * 1000000 + b" HTTP/1.1\r\n\r\n")
        except OSError:
            pass
        assert b"200 OK" not in ended(s)


def deaf():
    """Asks, and does not read."""
    begin = time.monotonic()
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    s.connect((AT.hostname, AT.port))
    s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    port = s.getsockname()[1]
    while served(port) and time.monotonic() - begin < PATIENCE:
        time.sleep(0.5)
    assert time.monotonic() - begin < PATIENCE
    s.close()


def served(port):
    """Has the server still the connection from @port?"""
    with open("/proc/net/tcp", encoding="ascii") as f:
        return any(line.split()[2].endswith(f":{port:04X}") and
                   line.split()[3] == "01" for line in f)


def upload():
    with connect() as s:
        s.sendall(b"POST /metrics HTTP/1.1\r\nHost: x\r\n"
                  b"Content-Length: 99999999999\r\n\r\n")
        try:
            for _ in range(1000):
                s.sendall(b"x" * 65536)
        except OSError:
            pass


def flood():
    waiting = [connect() for _ in range(100)]
    begin = time.monotonic()
    with urllib.request.urlopen(sys.argv[1] + "metrics", timeout=PATIENCE) as r:
        assert r.read()
    print(f"served after {time.monotonic() - begin:.1f} s")
    for s in waiting:
        s.close()


os.environ.pop("http_proxy", None)
{f.__name__: f for f in (garbage, half, long, deaf, upload, flood)}[sys.argv[2]]()
