# SPDX-License-Identifier: MIT
"""Datagrams."""

import random
import select
import socket

from stream import pattern


def udp(host, port, mtu=1500):
    """Every size that fits a frame, echoed byte for byte."""
    most = mtu - 28
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
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


def udp_refused(host, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
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
