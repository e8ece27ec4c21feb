#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Linux end of the tests in this directory: clients and servers on plain
sockets. What travels, and the commands of xfer: see xfer.c.

    peer.py COMMAND HOST PORT [NUMBER...]
"""
import os
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time

PERIOD = 1000003
CHUNK = 1 << 18
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
    s = socket.socket()
    s.settimeout(LIMIT)
    for name, value in options.items():
        s.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
    s.connect((host, port))
    return s


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
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def expect_reset(s):
    try:
        while s.recv(CHUNK):
            pass
    except ConnectionResetError:
        return
    raise AssertionError("FIN instead of RST")


def rate(what, n, began):
    t = time.time() - began
    print(f"{what}: {n} bytes, {n / t / 1e6:.0f} MB/s")


# ---- bulk

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
    l = socket.create_server((host, port))
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


# ---- many

def churn(host, port, n, at_once):
    """n connections to an echo server, at_once open at a time, each with one
    message and a close: every third by RST."""
    todo, open_, done = n, {}, 0
    poll = select.epoll()
    until = time.time() + LIMIT
    while done < n:
        assert time.time() < until, f"{done} of {n} done, {len(open_)} stuck"
        while todo and len(open_) < at_once:
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex((host, port))
            open_[s.fileno()] = [s, todo, b"hello %d" % todo]
            poll.register(s, select.EPOLLOUT)
            todo -= 1
        for fd, events in poll.poll(1):
            s, i, text = open_[fd]
            if events & select.EPOLLOUT:
                s.send(text)
                poll.modify(s, select.EPOLLIN)
                continue
            got = s.recv(100)
            assert got == text, f"connection {i}: {got} instead of {text}"
            poll.unregister(s)
            reset(s) if i % 3 == 0 else s.close()
            del open_[fd]
            done += 1


def hold_many(host, port, n):
    """n connections open at the same time, all of them usable."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (n + 100, n + 100))
    conns = [connect(host, port) for i in range(n)]
    for i, s in enumerate(conns):
        s.sendall(b"%d" % i)
    for i, s in enumerate(conns):
        assert s.recv(100) == b"%d" % i
    for s in conns:
        s.close()


def burst(host, port, n, server):
    """n SYNs, which the process that serves sees all at once, more than its
    backlog: each succeeds at last or is refused; what is open works."""
    os.kill(server, signal.SIGSTOP)
    resource.setrlimit(resource.RLIMIT_NOFILE, (n + 100, n + 100))
    began, works, refused = time.time(), 0, 0
    waiting, poll = {}, select.epoll()
    for i in range(n):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex((host, port))
        poll.register(s, select.EPOLLOUT)
        waiting[s.fileno()] = s
    os.kill(server, signal.SIGCONT)
    while waiting:
        assert time.time() < began + LIMIT, f"{len(waiting)} of {n} are stuck"
        for fd, events in poll.poll(1):
            s = waiting.pop(fd)
            poll.unregister(s)
            err = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if err:
                refused += 1
                continue
            s.settimeout(LIMIT)
            s.sendall(b"send 1\n")
            recv_pattern(s, 1)
            works += 1
            s.close()
    print(f"{works} connected, {refused} refused, "
          f"{time.time() - began:.1f} s")
    assert works > 0


# ---- the ends of connections

def half_close(host, port):
    """We send FIN first, then receive everything."""
    s = ask(host, port, "send", 5000000)
    s.shutdown(socket.SHUT_WR)
    recv_pattern(s, 5000000)
    expect_end(s)
    s.close()
    s = ask(host, port, "both", 1000000)  # data and FIN behind it
    send_pattern(s, 1000000)
    s.shutdown(socket.SHUT_WR)
    recv_pattern(s, 1000000)
    assert recv_line(s) == ["ok", "1000000"]
    expect_end(s)


def half_closed(host, port):
    """IX sends FIN first, then receives everything."""
    s = ask(host, port, "shut", 100000)
    recv_pattern(s, 100000)
    expect_end(s)
    time.sleep(0.3)
    send_pattern(s, 5000000)
    s.close()


def abort(host, port, n):
    """We send RST in the middle of both directions, n times."""
    for i in range(n):
        s = ask(host, port, "both", 1000000)
        s.sendall(pattern(0, 10000))
        if i % 2:
            s.recv(10000)
        reset(s)


def aborted(host, port, n):
    """IX does."""
    for i in range(n):
        expect_reset(ask(host, port, "abort", i * 100))


def refused(host, port):
    try:
        connect(host, port)
    except ConnectionRefusedError:
        return
    raise AssertionError("not refused")


# ---- slow ones

def slow_reader(host, port, n):
    """Nothing is read for two seconds, then a little at a time."""
    s = ask(host, port, "send", n, SO_RCVBUF=20000)
    time.sleep(2)
    recv_pattern(s, n, lambda pos: time.sleep(0.001))
    expect_end(s)


def slow_ix(host, port, n):
    """IX reads so: our send buffer fills, the window is zero."""
    s = ask(host, port, "slow", n, 5, SO_SNDBUF=20000)
    began = time.time()
    send_pattern(s, n)
    assert recv_line(s) == ["ok", str(n)]
    assert time.time() - began > 0.9, "did not wait for the slow reader"


def slow_writer(host, port, n):
    s = ask(host, port, "recv", n)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for pos in range(0, n, 100):
        s.sendall(pattern(pos, 100))
        time.sleep(0.005)
    assert recv_line(s) == ["ok", str(n)]


def slow_ix_writer(host, port, n):
    s = ask(host, port, "drip", n, 5)
    recv_pattern(s, n)
    expect_end(s)


def idle(host, port, seconds):
    """An open connection without traffic, as long as the other side likes."""
    s = ask(host, port, "hold", 0)
    print("ready", flush=True)
    s.settimeout(seconds)
    expect_end(s)


def sink(host, port):
    """Takes what comes without end; says when it has begun."""
    s = ask(host, port, "send", 1 << 40)
    s.recv(CHUNK)
    print("ready", flush=True)
    while s.recv(CHUNK):
        pass


def trickle(host, port, seconds):
    """A message to and fro every 10 ms on one connection to an echo
    server. Prints the longest wait for an answer, ms."""
    s = connect(host, port)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print("ready", flush=True)
    until, worst, i = time.time() + seconds, 0, 0
    while time.time() < until:
        text = b"message %d" % i
        sent = time.time()
        s.sendall(text)
        got = b""
        while len(got) < len(text):
            got += s.recv(100)
        assert got == text
        worst = max(worst, time.time() - sent)
        time.sleep(0.01)
        i += 1
    print(f"{i} messages, longest {worst * 1000:.0f} ms")


# ---- datagrams

def count_arp(host, port, seconds):
    """How often `host` asks for somebody."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                      socket.htons(0x806))
    print("ready", flush=True)
    until, n = time.time() + seconds, 0
    while time.time() < until:
        s.settimeout(max(0.01, until - time.time()))
        try:
            p = s.recv(100)
        except socket.timeout:
            break
        n += p[6:8] == b"\0\1" and p[14:18] == socket.inet_aton(host)
    print(f"{n} requests")


PEER = "10.81.0.2"
IMPOSTOR = bytes([2, 0, 0, 0, 0x66, 0x66])
BROADCAST = b"\xff" * 6


def link(type):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(type))
    s.bind(("ix0", type))
    s.setblocking(False)
    return s


def arp(op, mac, ip, target):
    return (BROADCAST + mac + b"\x08\x06\0\x01\x08\0\x06\x04" +
            struct.pack(">H", op) + mac + socket.inet_aton(ip) + bytes(6) +
            socket.inet_aton(target))


def cksum(data):
    data += bytes(len(data) % 2)
    n = sum(struct.unpack(f">{len(data) // 2}H", data))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return ~n & 0xffff


def mac_of(host):
    """As Linux knows it."""
    with open("/proc/net/arp") as f:
        line, = [l.split() for l in f if l.split()[0] == host]
    return bytes.fromhex(line[3].replace(":", ""))


def syn(mac, host, port, sport):
    pair = socket.inet_aton(PEER) + socket.inet_aton(host)
    tcp = struct.pack(">HHIIBBHHH", sport, port, 1, 0, 0x50, 2, 1000, 0, 0)
    sum = cksum(pair + struct.pack(">HH", 6, 20) + tcp)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0) + pair
    return (mac_of(host) + mac + b"\x08\0" + ip[:10] +
            struct.pack(">H", cksum(ip)) + ip[12:] + tcp[:16] +
            struct.pack(">H", sum) + tcp[18:])


def impostor(host, port, n, frames):
    """Sends them n times, each time before a word with the echo server, which
    must answer us; what then comes to the impostor is a failure."""
    s, got, talk = link(0x800), 0, connect(host, port)
    talk.settimeout(10)
    for i in range(n):
        for f in frames(i):
            s.send(f)
        talk.sendall(b"x")
        assert talk.recv(1) == b"x"
        time.sleep(0.02)
        try:
            while True:
                got += s.recv(2000)[:6] == IMPOSTOR
        except BlockingIOError:
            pass
    assert not got, f"{got} packets for the peer went to another one"


def claim(host, port, n):
    """ARP in the peer's name, of every kind."""
    frames = [arp(op, IMPOSTOR, PEER, target) for op in (1, 2)
              for target in (PEER, host)]
    impostor(host, port, n, lambda i: frames)


def forge(host, port, n):
    """SYNs in the peer's name."""
    impostor(host, port, n, lambda i: [syn(IMPOSTOR, host, port, 1000 + i)])


def announce(host, port):
    """Tells the link the Ethernet address that we have now."""
    s = link(0x806)
    for i in range(5):
        s.send(arp(1, s.getsockname()[4], PEER, PEER))
        time.sleep(0.1)


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


def wait(host, port):
    """Until somebody listens there."""
    for i in range(100):
        try:
            socket.create_connection((host, port), 0.2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("nobody listens")


def main():
    name, host, port, *rest = sys.argv[1:]
    try:
        globals()[name](host, int(port), *map(int, rest))
    except (AssertionError, OSError) as e:
        sys.exit(f"{name}: {e or type(e).__name__}")


main()
