# SPDX-License-Identifier: MIT
"""What travels, and the words of xfer: see xfer.c."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tool"))
import lab  # noqa: E402

PERIOD = 1000003
CHUNK = 1 << 18
family = lab.family

LIMIT = 60  # seconds, for any wait


def make_pattern():
    x, out = 1, bytearray(PERIOD)
    for i in range(PERIOD):
        x = (x * 1103515245 + 12345) & 0xffffffff
        out[i] = x >> 24
    return bytes(out) * 2


PATTERN = make_pattern()


def pattern(pos, n):
    """n bytes of the stream at pos, n <= PERIOD."""
    pos %= PERIOD
    return PATTERN[pos:pos + n]


def connect(host, port, **options):
    return lab.connect(host, port, LIMIT, nodelay=False, **options)


def ask(host, port, *words, **options):
    s = connect(host, port, **options)
    s.sendall(" ".join(map(str, words)).encode() + b"\n")
    return s


def send_pattern(s, n):
    for pos in range(0, n, CHUNK):
        s.sendall(pattern(pos, min(CHUNK, n - pos)))


def recv_pattern(s, n, pace=None):
    """Exactly n bytes; pace() is called before each read."""
    pos = 0
    while pos < n:
        if pace:
            pace(pos)
        data = s.recv(min(CHUNK, n - pos))
        assert data, f"end of stream after {pos} of {n} bytes"
        assert data == pattern(pos, len(data)), f"wrong bytes near {pos}"
        pos += len(data)


def recv_line(s):
    line = b""
    while not line.endswith(b"\n"):
        c = s.recv(1)
        assert c, f"end of stream after {line}"
        line += c
    return line.decode().split()


def expect_end(s):
    data = s.recv(1)
    assert data == b"", f"more than expected: {data}"


def reset(s):
    """Closes by RST."""
    lab.reset_on_close(s)
    s.close()


def rate(what, n, began):
    t = time.time() - began
    print(f"{what}: {n} bytes, {n / t / 1e6:.0f} MB/s")
