#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kv_check.py HOST PORT: what memccapable does not ask of kv: large values,
pipelines, slow readers and senders, half-close, many connections."""
import random
import socket
import struct
import sys
import time

HOST, PORT = sys.argv[1], int(sys.argv[2])


class Conn:
    def __init__(self, rcvbuf=None):
        self.s = socket.socket()
        if rcvbuf:
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.s.settimeout(20)
        self.s.connect((HOST, PORT))
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.f = self.s.makefile("rb", 1 << 16)

    def send(self, data):
        self.s.sendall(data)

    def line(self):
        return self.f.readline().rstrip(b"\r\n")

    def want(self, text):
        got = self.line()
        assert got == text, (got[:80], text)

    def set(self, key, value):
        self.send(b"set %s 0 0 %d\r\n" % (key, len(value)) + value + b"\r\n")
        self.want(b"STORED")

    def get(self, key):
        self.send(b"get %s\r\n" % key)
        return self.value(key, True)

    def value(self, key, end):
        head = self.line()
        if head == b"END":
            return None
        word, name, flags, n = head.split()
        assert (word, name) == (b"VALUE", key), head
        v = self.f.read(int(n))
        assert self.f.read(2) == b"\r\n"
        if end:
            self.want(b"END")
        return v

    def close(self):
        self.f.close()
        self.s.close()


def sizes():
    c = Conn()
    for n in (0, 1, 100, 470, 500, 512, 1400, 1500, 5000, 65536, 300000,
              1000000):
        v = random.randbytes(n)
        c.set(b"size", v)
        assert c.get(b"size") == v, n
    c.close()


def pieces():
    """A request in packets of every size, cut anywhere."""
    c = Conn()
    v = random.randbytes(20000)
    wire = b"set p 0 0 %d\r\n" % len(v) + v + b"\r\nget p\r\n"
    while wire:
        n = random.choice((1, 2, 3, 10, 100, 1460, 4000))
        c.send(wire[:n])
        wire = wire[n:]
        time.sleep(0.0005)
    c.want(b"STORED")
    assert c.value(b"p", True) == v
    c.close()


def pipeline():
    c = Conn()
    n = 2000
    v = b"v" * 40
    c.send(b"".join(b"set k%d 0 0 40\r\n%s\r\n" % (i, v) for i in range(n)))
    for i in range(n):
        c.want(b"STORED")
    c.send(b"".join(b"get k%d\r\n" % i for i in range(n)))
    for i in range(n):
        assert c.value(b"k%d" % i, True) == v
    c.send(b"get " + b" ".join(b"k%d" % i for i in range(n)) + b"\r\n")
    for i in range(n):
        assert c.value(b"k%d" % i, False) == v
    c.want(b"END")
    c.close()


def slow_reader():
    """Asks for far more than anyone buffers before it reads a byte; the item
    is replaced meanwhile. Others are served all the time."""
    a, b = Conn(rcvbuf=4096), Conn()
    old = random.randbytes(300000)
    b.set(b"slow", old)
    n = 40
    a.send(b"get slow\r\n" * n + b"version\r\n")
    time.sleep(0.5)
    for i in range(100):
        b.set(b"other", b"x" * 1000)
    b.set(b"slow2", old)
    for i in range(n):
        assert a.value(b"slow", True) == old, i
        if i % 10 == 0:
            time.sleep(0.05)
    assert a.line().startswith(b"VERSION")
    a.close()
    b.close()


def leave_early():
    """Goes away with megabytes still to be sent: memory comes back."""
    for i in range(20):
        c = Conn(rcvbuf=4096)
        if i == 0:
            c.set(b"big", b"y" * 900000)
        c.send(b"get big\r\n" * 20)
        if i % 2:
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            c.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        c.close()
    c = Conn()
    for i in range(200):
        c.set(b"fill%d" % i, b"z" * 900000)
    c.close()


def meta_pipeline():
    """Quiet commands, and one at the end that is not."""
    c = Conn()
    n = 1000
    v = b"v" * 700
    c.send(b"".join(b"ms p%d 700 q\r\n%s\r\n" % (i, v) for i in range(n))
           + b"mn\r\n")
    c.want(b"MN")
    c.send(b"".join(b"mg p%d q k v\r\n" % (2 * i) for i in range(n))
           + b"mn\r\n")
    for i in range(n // 2):
        c.want(b"VA 700 kp%d" % (2 * i))
        assert c.f.read(702) == v + b"\r\n"
    c.want(b"MN")
    c.close()


def binary(op, extras=b"", key=b"", value=b""):
    return struct.pack(">BBHBBHI4sQ", 0x80, op, len(key), len(extras), 0, 0,
                       len(extras + key + value), b"opaq", 0
                       ) + extras + key + value


def binary_pipeline():
    c = Conn()
    n = 1000
    v = b"v" * 700
    setq, getkq, noop = 0x11, 0x0d, 0x0a
    c.send(b"".join(binary(setq, bytes(8), b"b%d" % i, v) for i in range(n))
           + binary(noop))
    assert c.f.read(24)[1] == noop
    c.send(b"".join(binary(getkq, b"", b"b%d" % (2 * i)) for i in range(n))
           + binary(noop))
    for i in range(n // 2):
        key = b"b%d" % (2 * i)
        head = c.f.read(24)
        assert head[1] == getkq, head
        assert c.f.read(4 + len(key) + 700) == bytes(4) + key + v
    assert c.f.read(24)[1] == noop
    c.close()


def slow_senders():
    """Each begins a large value and stops: others still find memory, and the
    slow ones hear at the end how it went."""
    slow = [Conn() for i in range(100)]
    for i, c in enumerate(slow):
        c.send(b"mn\r\nset slow%d 0 0 900000\r\nx" % i)
        c.want(b"MN")  # this one has begun before the next
    c = Conn()
    for i in range(60):
        c.set(b"fast%d" % i, b"z" * 900000)
    assert c.get(b"fast59") == b"z" * 900000
    heard = {b"STORED": 0, b"SERVER_ERROR out of memory storing object": 0}
    for s in slow[:3] + slow[-3:]:
        s.send(b"y" * 899999 + b"\r\nmn\r\n")
        heard[s.line()] += 1
        s.want(b"MN")
    assert min(heard.values()) == 3, heard
    for s in slow + [c]:
        s.close()


def half_close():
    c = Conn()
    c.send(b"set h 0 0 5\r\nhello\r\nget h\r\n")
    c.s.shutdown(socket.SHUT_WR)
    assert c.f.read() == b"STORED\r\nVALUE h 0 5\r\nhello\r\nEND\r\n"
    c.close()
    c = Conn()
    c.send(b"quit\r\n")
    assert c.f.read() == b""
    c.close()


def many():
    conns = [Conn() for i in range(200)]
    for i, c in enumerate(conns):
        c.set(b"m%d" % i, b"%d" % i)
    for i, c in enumerate(reversed(conns)):
        assert c.get(b"m%d" % i) == b"%d" % i
    for c in conns:
        c.close()


def stats():
    c = Conn()
    for i in range(50):
        c.send(b"stats\r\n")
        seen = {}
        while (line := c.line()) != b"END":
            _, name, value = line.split(b" ", 2)
            seen[name] = value
        if seen[b"curr_connections"] == b"1":
            break
        time.sleep(0.1)
    assert seen[b"curr_connections"] == b"1", seen
    assert int(seen[b"bytes_written"]) > 1000000
    c.close()


for test in (sizes, pieces, pipeline, meta_pipeline, binary_pipeline,
             slow_reader, leave_early, slow_senders, half_close, many, stats):
    started = time.time()
    test()
    print(f"ok: {test.__name__} ({time.time() - started:.1f} s)", flush=True)
