#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""HOST PORT SECONDS: values that come in pieces on many connections; some end in the
middle of one. All others are stored, whole: none is taken for one that makes
others wait."""

import random
import socket
import sys
import time

CONNS, SIZE, PIECE = 24, 200_000, 20_000


def conn(k):
    s = socket.create_connection((HOST, PORT))
    s.settimeout(20)
    s.sendall(b"set k%d 0 0 %d\r\n" % (k, SIZE))
    return s


def line(s):
    said = b""
    while not said.endswith(b"\r\n"):
        said += s.recv(1) or sys.exit("closed")
    return said


def whole(s, k, value):
    s.sendall(b"get k%d\r\n" % k)
    want = b"VALUE k%d 0 %d\r\n" % (k, SIZE) + value + b"\r\nEND\r\n"
    got = b""
    while len(got) < len(want):
        got += s.recv(1 << 16) or sys.exit("closed")
    return got == want


def one_round():
    conns = [conn(k) for k in range(CONNS)]
    value = random.randbytes(SIZE)
    for at in range(0, SIZE, PIECE):
        for k, s in enumerate(conns):
            if k % 3 == 0 and at > SIZE // 2:
                s.close()
            else:
                s.sendall(value[at:at + PIECE])
        time.sleep(0.02)
    for k, s in enumerate(conns):
        if k % 3:
            s.sendall(b"\r\n")
            said = line(s)
            if said != b"STORED\r\n" or not whole(s, k, value):
                sys.exit(f"k{k}: {said}")
        s.close()


HOST, PORT = sys.argv[1], int(sys.argv[2])
until = time.monotonic() + float(sys.argv[3])
while time.monotonic() < until:
    one_round()
