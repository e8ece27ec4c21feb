#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Linux's clients to the echo servers here: clients.py COMMAND HOST PORT
[NUMBER...]. Messages are multiples of 1000 bytes, which echoserver wants."""
import random
import select
import socket
import struct
import sys
import threading

LIMIT = 30  # seconds, for any wait


def connect(host, port):
    s = socket.socket()
    s.settimeout(LIMIT)
    s.connect((host, port))
    return s


def recv_all(s, n):
    data = b""
    while len(data) < n:
        got = s.recv(n - len(data))
        assert got, f"end of stream after {len(data)} of {n} bytes"
        data += got
    return data


def echoed(s, data):
    """Sends while it receives: the answer may not fit what is in between."""
    sender = threading.Thread(target=s.sendall, args=(data,))
    sender.start()
    assert recv_all(s, len(data)) == data, "wrong bytes"
    sender.join()


def ended(s):
    s.shutdown(socket.SHUT_WR)
    assert s.recv(1) == b"", "bytes that were not sent"
    s.close()


def sizes(host, port):
    s = connect(host, port)
    for n in [1, 2, 3, 7, 31, 64, 200, 1000]:
        echoed(s, random.randbytes(1000 * n))
    ended(s)


def many(host, port, n, size):
    socks = [connect(host, port) for i in range(n)]
    sent = [random.randbytes(size) for s in socks]
    for s, data in zip(socks, sent):
        s.sendall(data[:20000])
    for s, data in zip(socks, sent):
        assert recv_all(s, 20000) == data[:20000], "wrong bytes"
        echoed(s, data[20000:])
    for s in socks:
        ended(s)


def vanish(host, port, n):
    """Resets, some with the answer under way."""
    for i in range(n):
        s = connect(host, port)
        s.sendall(random.randbytes(50000))
        if i % 2:
            s.recv(1000)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0))
        s.close()
    sizes(host, port)


def churn(host, port, n):
    for i in range(n):
        s = connect(host, port)
        echoed(s, random.randbytes(1000))
        if i % 2:
            ended(s)
        else:
            s.close()


def half_close(host, port, n):
    s = connect(host, port)
    data = random.randbytes(n)

    def send():
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    assert recv_all(s, n) == data, "wrong bytes"
    assert s.recv(1) == b"", "bytes that were not sent"
    sender.join()


def answers(waiting, sent):
    """Takes answers until all have theirs, or nothing comes any more. One to
    an earlier question may come again, when that was asked twice."""
    while waiting:
        ready = select.select(list(waiting), [], [], 2)[0]
        if not ready:
            return
        for s in ready:
            got = s.recv(65536)
            assert got in sent[s], f"{len(got)} wrong bytes"
            if got == sent[s][-1]:
                waiting.discard(s)


def datagrams(host, port, nsocks, rounds):
    sent = {}
    for i in range(nsocks):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.connect((host, port))
        sent[s] = []
    for i in range(rounds):
        waiting = set(sent)
        for s in waiting:
            sent[s].append(random.randbytes(random.randrange(8, 1472)))
        for attempt in range(3):  # datagrams may be lost
            for s in waiting:
                s.send(sent[s][-1])
            answers(waiting, sent)
        assert not waiting, f"{len(waiting)} without an answer"


def ignored(host, port, n):
    """The server answers no knock: the oldest are rejected for new ones."""
    socks = [connect(host, port) for i in range(n)]
    try:
        got = socks[0].recv(1)
    except ConnectionResetError:
        return
    raise AssertionError(f"the first is not reset but got {got}")


def main():
    name, host, port, *rest = sys.argv[1:]
    try:
        globals()[name](host, int(port), *map(int, rest))
    except (AssertionError, OSError) as e:
        sys.exit(f"{name}: {e or type(e).__name__}")


main()
