# SPDX-License-Identifier: MIT
"""The Linux end of a test: sockets."""

import contextlib
import json
import os
import socket
import struct
import time


def family(host):
    """Of a socket that speaks to @host, an address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def connect(host, port, timeout=2, patience=0, nodelay=True, **options):
    """Tries again for @patience seconds. @options: of the socket, before it is
    connected, as SO_RCVBUF=4096."""
    until = time.monotonic() + patience
    while True:
        s = socket.socket(family(host))
        try:
            s.settimeout(timeout)
            for name, value in options.items():
                s.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
            s.connect((host, port))
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, nodelay)
            return s
        except OSError:
            s.close()
            if time.monotonic() >= until:
                raise
            time.sleep(0.05)


def ask(path, timeout=5, **request):
    """The answer of a control socket."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)  # not timed: that would fail at a full backlog
        s.settimeout(timeout)
        s.sendall(json.dumps(request).encode() + b"\n")
        with s.makefile() as f:
            return json.loads(f.readline())


def receive(s, n):
    """Exactly @n bytes."""
    data = bytearray()
    while len(data) < n:
        piece = s.recv(n - len(data))
        if not piece:
            raise OSError(f"closed after {len(data)} of {n} bytes")
        data += piece
    return bytes(data)


def reset_on_close(s):
    """RST instead of FIN."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def unacked(s):
    """Segments in flight: tcpi_unacked."""
    info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("I", info, 24)[0]


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


class Ping:
    """Echo requests to @address, IPv4: as root of the namespace."""

    def __init__(self, address):
        self.address = address
        self.s = socket.socket(socket.AF_INET, socket.SOCK_RAW,
                               socket.IPPROTO_ICMP)
        self.s.setblocking(False)
        self.seq, self.id = 0, os.getpid() & 0xffff

    def ask(self):
        """Has it been sent?"""
        self.seq = self.seq + 1 & 0xffff
        head = struct.pack("!BBHHH", 8, 0, 0, self.id, self.seq)
        head = struct.pack("!BBHHH", 8, 0, checksum(head), self.id, self.seq)
        with contextlib.suppress(OSError):
            return self.s.sendto(head, (self.address, 0)) > 0
        return False

    def answers(self):
        """How many have come, to any of them."""
        n = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                p = self.s.recv(256)
                kind, _, _, ident, _ = struct.unpack_from("!BBHHH", p,
                                                          (p[0] & 15) * 4)
                n += kind == 0 and ident == self.id
        return n
