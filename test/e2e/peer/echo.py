# SPDX-License-Identifier: MIT
"""Echo servers. Messages are multiples of 1000 bytes: what some of them are
told to expect."""

import random
import socket
import threading

from stream import connect, lab, reset

receive = lab.receive


def echoed(s, data):
    """Sends while it receives: the answer may not fit what is in between."""
    sender = threading.Thread(target=s.sendall, args=(data,))
    sender.start()
    assert receive(s, len(data)) == data, "wrong bytes"
    sender.join()


def ended(s):
    s.shutdown(socket.SHUT_WR)
    assert s.recv(1) == b"", "bytes that were not sent"
    s.close()


def echo_sizes(host, port):
    s = connect(host, port)
    for n in [1, 2, 3, 7, 31, 64, 200, 1000]:
        echoed(s, random.randbytes(1000 * n))
    ended(s)


def echo_many(host, port, n, size):
    socks = [connect(host, port) for i in range(n)]
    sent = [random.randbytes(size) for s in socks]
    for s, data in zip(socks, sent):
        s.sendall(data[:20000])
    for s, data in zip(socks, sent):
        assert receive(s, 20000) == data[:20000], "wrong bytes"
        echoed(s, data[20000:])
    for s in socks:
        ended(s)


def echo_vanish(host, port, n):
    """Resets, some with the answer under way."""
    for i in range(n):
        s = connect(host, port)
        s.sendall(random.randbytes(50000))
        if i % 2:
            s.recv(1000)
        reset(s)
    echo_sizes(host, port)


def echo_stall(host, port, n):
    """Reads nothing until nothing more is taken; every other time resets, else
    reads all."""
    for i in range(n):
        s = connect(host, port)
        data, sent = random.randbytes(20000000), 0
        s.settimeout(0.5)
        try:
            while sent < len(data):
                sent += s.send(data[sent:sent + 100000])
        except TimeoutError:
            pass
        s.settimeout(60)
        if i % 2:
            reset(s)
            continue
        assert sent < len(data), "no end to what it takes"
        s.shutdown(socket.SHUT_WR)
        assert receive(s, sent) == data[:sent], "wrong bytes"
        assert s.recv(1) == b"", "bytes that were not sent"


def echo_churn(host, port, n):
    for i in range(n):
        s = connect(host, port)
        echoed(s, random.randbytes(1000))
        if i % 2:
            ended(s)
        else:
            s.close()


def echo_half_close(host, port, n):
    s = connect(host, port)
    data = random.randbytes(n)

    def send():
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    assert receive(s, n) == data, "wrong bytes"
    assert s.recv(1) == b"", "bytes that were not sent"
    sender.join()
