# SPDX-License-Identifier: MIT
"""Slow ones, and long ones."""

import socket
import time

from stream import (CHUNK, ask, connect, expect_end, pattern, recv_line,
                    recv_pattern, send_pattern)


def slow_reader(host, port, n):
    """Nothing is read for two seconds, then a little at a time."""
    s = ask(host, port, "send", n, SO_RCVBUF=20000)
    time.sleep(2)
    recv_pattern(s, n, lambda pos: time.sleep(0.001))
    expect_end(s)


def slow_ix(host, port, n):
    """IX reads so: our send buffer fills, the window is zero."""
    s = ask(host, port, "slow", n, 5, SO_SNDBUF=20000)
    began = time.time()
    send_pattern(s, n)
    assert recv_line(s) == ["ok", str(n)]
    assert time.time() - began > 0.9, "did not wait for the slow reader"


def slow_writer(host, port, n):
    s = ask(host, port, "recv", n)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for pos in range(0, n, 100):
        s.sendall(pattern(pos, 100))
        time.sleep(0.005)
    assert recv_line(s) == ["ok", str(n)]


def slow_ix_writer(host, port, n):
    s = ask(host, port, "drip", n, 5)
    recv_pattern(s, n)
    expect_end(s)


def idle(host, port, seconds):
    """An open connection without traffic, as long as the other side likes."""
    s = ask(host, port, "hold", 0)
    print("ready", flush=True)
    s.settimeout(seconds)
    expect_end(s)


def sink(host, port):
    """Takes what comes without end; says when it has begun."""
    s = ask(host, port, "send", 1 << 40)
    s.recv(CHUNK)
    print("ready", flush=True)
    while s.recv(CHUNK):
        pass


def trickle(host, port, seconds):
    """A message to and fro every 10 ms on one connection to an echo
    server. Prints the longest wait for an answer, ms."""
    s = connect(host, port)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print("ready", flush=True)
    until, worst, i = time.time() + seconds, 0, 0
    while time.time() < until:
        text = b"message %d" % i
        sent = time.time()
        s.sendall(text)
        got = b""
        while len(got) < len(text):
            got += s.recv(100)
        assert got == text
        worst = max(worst, time.time() - sent)
        time.sleep(0.01)
        i += 1
    print(f"{i} messages, longest {worst * 1000:.0f} ms")
