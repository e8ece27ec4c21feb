# SPDX-License-Identifier: MIT
"""The ends of connections."""

import socket
import time

from stream import (CHUNK, ask, connect, expect_end, pattern, recv_line,
                    recv_pattern, reset, send_pattern)


def half_close(host, port):
    """We send FIN first, then receive everything."""
    s = ask(host, port, "send", 5000000)
    s.shutdown(socket.SHUT_WR)
    recv_pattern(s, 5000000)
    expect_end(s)
    s.close()
    s = ask(host, port, "both", 1000000)  # data and FIN behind it
    send_pattern(s, 1000000)
    s.shutdown(socket.SHUT_WR)
    recv_pattern(s, 1000000)
    assert recv_line(s) == ["ok", "1000000"]
    expect_end(s)


def half_closed(host, port):
    """IX sends FIN first, then receives everything."""
    s = ask(host, port, "shut", 100000)
    recv_pattern(s, 100000)
    expect_end(s)
    time.sleep(0.3)
    send_pattern(s, 5000000)
    s.close()


def abort(host, port, n):
    """We send RST in the middle of both directions, n times."""
    for i in range(n):
        s = ask(host, port, "both", 1000000)
        s.sendall(pattern(0, 10000))
        if i % 2:
            s.recv(10000)
        reset(s)


def expect_reset(s):
    try:
        while s.recv(CHUNK):
            pass
    except ConnectionResetError:
        return
    raise AssertionError("FIN instead of RST")


def aborted(host, port, n):
    """IX does."""
    for i in range(n):
        expect_reset(ask(host, port, "abort", i * 100))


def refused(host, port):
    try:
        connect(host, port)
    except ConnectionRefusedError:
        return
    raise AssertionError("not refused")
