# SPDX-License-Identifier: MIT
"""ARP, and frames in the name of others."""

import socket
import struct
import time

from stream import connect

PEER = "10.81.0.2"
IMPOSTOR = bytes([2, 0, 0, 0, 0x66, 0x66])
BROADCAST = b"\xff" * 6


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


def router(host, port, seconds):
    """Says that we are one, for so long (RFC 4861, 4.2). host: ff02::1%ix0"""
    s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    to = socket.getaddrinfo(host, 0, socket.AF_INET6)[0][4]
    s.sendto(struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, seconds, 0, 0), to)
