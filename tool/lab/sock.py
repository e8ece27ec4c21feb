# SPDX-License-Identifier: MIT
"""The Linux end of a test: sockets."""

import json
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
