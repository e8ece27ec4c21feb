# SPDX-License-Identifier: MIT
"""Datagrams."""

import random
import select
import socket
import struct
import time

from link import PEER
from stream import family, pattern


def udp(host, port, mtu=1500):
    """Every size that fits a frame, echoed byte for byte."""
    most = mtu - (48 if ":" in host else 28)
    s = socket.socket(family(host), socket.SOCK_DGRAM)
    s.settimeout(1)
    s.connect((host, port))
    for n in [*range(0, 65), *range(65, most, 37), most - 1, most]:
        text = pattern(n, n)
        for attempt in range(3):
            s.send(text)
            try:
                got = s.recv(65536)
                break
            except socket.timeout:
                assert attempt < 2, f"no answer to {n} bytes"
        assert got == text, f"{n} bytes came back as {len(got)}"


def fnv(text):
    h = 0xCBF29CE484222325
    for b in text:
        h = (h ^ b) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h


def ask_sum(s, text):
    want = f"{len(text)} {fnv(text):016x}".encode()
    for attempt in range(20):
        s.send(text)
        try:
            got = s.recv(100)
            break
        except (socket.timeout, ConnectionRefusedError):
            assert attempt < 19, f"no answer to {len(text)} bytes"
            time.sleep(0.05)
    assert got == want, f"{got} instead of {want}"


def udp_sums(host, port, most):
    """Datagrams of many sizes, each answered by its length and sum."""
    s = socket.socket(family(host), socket.SOCK_DGRAM)
    s.settimeout(1)
    s.connect((host, port))
    for n in [0, 1, 1452, 1453, 1472, 1473, 1480, 1481, 2952, 2953, 8000, 16000,
              65507]:
        if n <= most:
            ask_sum(s, pattern(n, n))


def udp_sums_ports(host, port, n):
    for i in range(100):
        s = socket.socket(family(host), socket.SOCK_DGRAM)
        s.settimeout(1)
        s.connect((host, port))
        ask_sum(s, pattern(i, n + i))
        s.close()


def udp_half(host, port):
    """The first fragment alone: ICMP says that the others did not come."""
    icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    icmp.settimeout(5)
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    to = socket.inet_aton(host)
    first = struct.pack("!HHHH", 5555, port, 2008, 0) + pattern(0, 992)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 1020, 0x1234, 0x2000, 64, 17,
                       0, socket.inet_aton(PEER), to)
    s.sendto(head + first, (host, 0))
    while True:
        got = icmp.recv(2000)
        if got[12:16] == to and got[20] != 0:
            break
    assert got[20:22] == b"\x0b\x01", f"ICMP {got[20]} {got[21]}"
    assert got[48:56] == first[:8], "about another datagram"


def udp_refused(host, port):
    s = socket.socket(family(host), socket.SOCK_DGRAM)
    s.settimeout(5)
    s.connect((host, port))
    s.send(b"anyone there?")
    try:
        s.recv(100)
    except ConnectionRefusedError:
        return
    raise AssertionError("an answer from a port that nobody bound")


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
        s = socket.socket(family(host), socket.SOCK_DGRAM)
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
