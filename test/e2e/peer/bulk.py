# SPDX-License-Identifier: MIT
"""Much data."""

import socket
import threading
import time

from stream import (LIMIT, ask, expect_end, family, rate, recv_line, recv_pattern,
                    send_pattern)


def recv(host, port, n):
    """IX sends."""
    began = time.time()
    s = ask(host, port, "send", n)
    recv_pattern(s, n)
    expect_end(s)
    rate("IX to Linux", n, began)


def send(host, port, n):
    """IX receives."""
    began = time.time()
    s = ask(host, port, "recv", n)
    send_pattern(s, n)
    assert recv_line(s) == ["ok", str(n)]
    expect_end(s)
    rate("Linux to IX", n, began)


def both(host, port, n):
    began = time.time()
    s = ask(host, port, "both", n)
    sender = threading.Thread(target=send_pattern, args=(s, n))
    sender.start()
    recv_pattern(s, n)
    sender.join()
    assert recv_line(s) == ["ok", str(n)]
    expect_end(s)
    rate("both ways", 2 * n, began)


def serve(host, port, count):
    """xfer's other side: its commands send, recv and both, count times."""
    l = socket.create_server((host, port), family=family(host),
                             dualstack_ipv6=host == "::")
    l.settimeout(LIMIT)
    print("ready", flush=True)
    for i in range(count):
        s, _ = l.accept()
        s.settimeout(LIMIT)
        name, n = recv_line(s)
        n = int(n)
        sender = threading.Thread(target=send_pattern, args=(s, n))
        if name != "recv":
            sender.start()
        if name != "send":
            recv_pattern(s, n)
            if name == "both":
                sender.join()
            s.sendall(b"ok %d\n" % n)
        if name != "recv":
            sender.join()
        s.shutdown(socket.SHUT_WR)
        expect_end(s)
        s.close()
