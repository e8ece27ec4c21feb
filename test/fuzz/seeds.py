#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seed inputs to corpus/: programs in the fuzz targets' languages
(see fuzz.h and the comments in f_*.c). Run it after changing one. What is
called found_* there is not from here but from fuzzing.
"""
import os
import struct
import sys

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128
ECT_0, CE = 2, 3
# The connections of f_pkt.
SYN_SENT, ASKED, OPEN, HALF_CLOSED, STAMPED, SYN_RCVD = range(6)
GATHER, RX_PARTIAL, TX_CSUM = 1, 2, 4  # what the NIC can do: the first byte
PACED, CUBIC, DCTCP = 32, 64, 128  # ... and congestion control
FAST_CAPS = {"refer": GATHER, "marked_dctcp": DCTCP, "echoed_dctcp": DCTCP,
             "echoed_cubic": CUBIC, "paced": PACED | CUBIC,
             "partial_sum_offered": RX_PARTIAL,
             "pipelined": GATHER | RX_PARTIAL, "echo_two": TX_CSUM}
# What of it IPv6 has, too.
FAST_IP6 = ("echo", "answer", "answer_batch", "answer_window", "echo_batch",
            "pipelined", "acks", "acks_late", "ack_part", "dup_acks",
            "recovery", "timeout", "window", "window_shut", "hole", "old",
            "stamps", "unread", "buffers", "idle", "cwnd", "delayed", "close",
            "close_all", "fin", "flags", "reset", "bytes", "tx_full",
            "partial_sum_offered", "partial_sum_unasked", "padded",
            "piggyback", "paced", "no_buffer", "refer", "answer_stuck",
            "answer_too_much", "send_nothing")
ETH_IP4, ETH_IP6 = 66, 86  # bytes before a segment's data
MORE = 0x80  # the next record belongs to the same iteration

(CONNECT, LISTEN, UNLISTEN, ACCEPT, REJECT, SENDV, RECV_DONE, CLOSE, ABORT,
 UDP_BIND, UDP_UNBIND, UDP_SENDV, UDP_RECV_DONE, TIMER_SET,
 TIMER_CANCEL) = range(15)


def delta(x):
    if abs(x) < 128:
        return struct.pack("<b", x)
    return struct.pack("<bi", -128, x)


def seg(op, conn, flags, seq=0, ack=0, win=1000, opt=b"", n=0):
    return (struct.pack("BBB", op, conn, flags) + delta(seq) + delta(ack)
            + struct.pack("<HB", win, len(opt)) + opt + struct.pack("<H", n))


def frame(op, data):
    return struct.pack("BB", op, len(data)) + data


def ms(op, steps):
    """Time: about 1 ms * steps (1..15)."""
    return struct.pack("BB", op, 6 << 4 | steps)


def seconds(op, steps):
    """About 0.5 s * steps."""
    return struct.pack("BB", op, 15 << 4 | steps)


def ip4(proto, payload, src="0a000002", dst="0a000001", total=0):
    return (struct.pack(">BBHHHBBH", 0x45, 0, total, 0, 0, 64, proto, 0)
            + bytes.fromhex(src + dst) + payload)


OWN6, PEER6 = "20010db8" + "0" * 23 + "1", "20010db8" + "0" * 23 + "2"
LOCAL6, ROUTER6 = "fe80" + "0" * 27 + "1", "fe80" + "0" * 26 + "fe"
NODES6, GROUP6 = "ff02" + "0" * 27 + "1", "ff02" + "0" * 19 + "1ff000001"
NOWHERE6 = "0" * 32


def ip6(proto, payload, src=PEER6, dst=OWN6, hops=255):
    return (struct.pack(">IHBB", 6 << 28, 0, proto, hops)
            + bytes.fromhex(src + dst) + payload)


def nd(kind, flags, target, options=b""):
    return (struct.pack(">BBHI", kind, 0, 0, flags) + bytes.fromhex(target)
            + options)


def mac6(option, last):
    return bytes((option, 1, 2, 0, 0, 0, 0, last))


MSS = bytes((2, 4, 5, 180))
WSCALE = bytes((1, 3, 3, 7))
TS = bytes((1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0))
SACK = bytes((1, 1, 5, 10)) + bytes(8)
ARP = bytes.fromhex("020000000001" "020000000002" "0806"
                    "0001" "0800" "0604" "0001" "020000000002" "0a000002"
                    "000000000000" "0a000001")
ASKED_ARP = bytes.fromhex("020000000001" "020000000003" "0806"
                          "0001" "0800" "0604" "0002"
                          "020000000003" "0a000003"
                          "020000000001" "0a000001")
QUOTED = ip4(6, bytes.fromhex("0050" "0400" "00000000"), "0a000001",
             "0a000002", total=1500)


def pkt():
    d = 3  # a segment
    yield "synack", seg(d, SYN_SENT, SYN | ACK, 0, 0, 500, MSS + WSCALE + TS)
    yield "refused", seg(d, SYN_SENT, RST | ACK)
    yield "simultaneous", seg(d, SYN_SENT, SYN) + seg(d, SYN_SENT, ACK, 1)
    yield "data", b"".join(seg(d, OPEN, ACK | PSH, n=n)
                           for n in (1, 100, 1460, 3999))
    yield "data_fast", seg(d, STAMPED, ACK) + seg(d, STAMPED, ACK | PSH,
                                                  n=64) * 5
    yield "small_fast", seg(d | MORE, STAMPED, ACK | PSH, n=1) * 20
    yield "small", seg(d | MORE, OPEN, ACK, n=1) * 20 + seg(d, OPEN, ACK)
    yield "reorder", (seg(d, OPEN, ACK, 100, n=50)
                      + seg(d, OPEN, ACK, 20, n=90)
                      + seg(d, OPEN, ACK, 10, n=100) + seg(d, OPEN, ACK, n=120)
                      + seg(d, OPEN, ACK, -40, n=60))
    yield "dupacks", (seg(d, OPEN, ACK, 0, -3000) * 5
                      + seg(d, OPEN, ACK, 0, -1500) + seg(d, OPEN, ACK))
    yield "dupacks_fast", (seg(d, STAMPED, ACK, n=100) * 6
                           + seg(d, STAMPED, ACK, 0, -200) * 4
                           + seg(d, STAMPED, ACK))
    yield "zero_window", (seg(d, OPEN, ACK, win=0) + seconds(2, 1) * 4
                          + seg(d, OPEN, ACK))
    yield "retransmit", ms(2, 15) * 20 + seconds(2, 15) * 4
    yield "fin", (seg(d, OPEN, FIN | ACK, n=10) + seg(d, OPEN, ACK, 1, 1)
                  + ms(2, 15) * 8)
    yield "fin_half", (seg(d, HALF_CLOSED, ACK, n=3)
                       + seg(d, HALF_CLOSED, FIN | ACK) + ms(2, 15) * 8)
    yield "rst", b"".join(seg(d, OPEN, RST, s) for s in (127, 1, -1, 0))
    yield "syn_in_window", seg(d, OPEN, SYN, 5) + seg(d, OPEN, SYN | ACK, 5)
    yield "old_ack", seg(d, OPEN, ACK, 0, 100) + seg(d, OPEN, 0, n=5)
    yield "syn_rcvd", seg(d, SYN_RCVD, ACK, n=10) + seg(d, SYN_RCVD, ACK)
    yield "syn_again", seg(d, SYN_RCVD, SYN, -1) * 2 + seconds(2, 4) * 8
    yield "new_syn", seg(d, 7, SYN, opt=MSS + TS + WSCALE) + seg(d, 6, ACK)
    yield "options", seg(d, OPEN, ACK, opt=SACK + TS, n=4) + seg(
        d, OPEN, ACK, opt=bytes((8, 10, 0, 0)), n=4)
    yield "urgent", seg(d, OPEN, ACK | URG, n=9)
    yield "arp_request", frame(0, ARP)
    yield "arp_reply", frame(0, ARP[:20] + b"\0\2" + ARP[22:])
    yield "arp_asked", (frame(0, ASKED_ARP) + seg(d, ASKED, SYN | ACK)
                        + seconds(2, 15) * 9 + frame(0, ASKED_ARP))
    yield "arp_silence", seconds(2, 2) * 8
    yield "arp_short", frame(0, ARP[:30])
    yield "ping", frame(1, ip4(1, bytes((8, 0, 0, 0, 0, 1, 0, 1)) + b"x" * 30))
    yield "needfrag", frame(1, ip4(1, bytes((3, 4, 0, 0, 0, 0, 2, 64))
                                   + QUOTED))
    yield "unreachable", frame(1, ip4(1, bytes((3, 3, 0, 0, 0, 0, 0, 0))
                                      + QUOTED))
    yield "udp", frame(1, ip4(17, bytes((4, 0, 0, 53, 0, 12, 0, 0)) + b"quiz"))
    yield "udp_closed", frame(1, ip4(17, bytes((4, 0, 0, 54, 0, 8, 0, 0))))
    yield "udp_length", frame(1, ip4(17, bytes((4, 0, 0, 53, 0, 99, 0, 0))))
    yield "tcp_offset", frame(1, ip4(6, bytes.fromhex(
        "0400" "0050" "00000000" "00000000" "f0" "02" "ffff" "0000" "0000")))
    yield "ip_options", frame(1, b"\x46" + ip4(17, b"")[1:] + bytes(4)
                              + bytes((4, 0, 0, 53, 0, 8, 0, 0)))
    yield "ip_fragment", frame(1, ip4(17, bytes(16))[:6] + b"\x20\0"
                               + ip4(17, bytes(16))[8:])
    ask = frame(4, ip6(58, nd(135, 0, OWN6, mac6(1, 2)), dst=GROUP6))
    syn6 = bytes.fromhex("0400" "0050" "00000000" "00000000" "50" "02" "ffff"
                         "0000" "0000")
    yield "ip6_syn", (ask + frame(4, ip6(6, syn6)) + seg(d, 6, ACK)
                      + seg(d, 6, ACK | PSH, n=100) + seg(d, 6, FIN | ACK)
                      + ms(2, 15) * 20)
    yield "ip6_unknown", frame(4, ip6(6, syn6)) + frame(
        4, ip6(58, nd(136, 0x60000000, PEER6, mac6(2, 2)))) + seg(d, 6, ACK)
    yield "ip6_silent", frame(4, ip6(6, syn6)) + seconds(2, 2) * 8
    yield "ip6_ns", ask + frame(4, ip6(58, nd(135, 0, OWN6), NOWHERE6, GROUP6))
    yield "ip6_na", frame(4, ip6(58, nd(136, 0x20000000, OWN6, mac6(2, 9)),
                                 dst=NODES6)) + ask
    yield "ip6_ra", frame(4, ip6(58, bytes((134, 0, 0, 0, 64, 0, 0, 9))
                                 + bytes(8) + mac6(1, 254)
                                 + struct.pack(">BBHI", 5, 1, 0, 1400),
                                 ROUTER6, NODES6)) + frame(
        4, ip6(58, bytes((128, 0, 0, 0, 0, 1, 0, 1)),
               "20010db80001" + "0" * 19 + "1")) + seconds(2, 15) * 2
    yield "ip6_ping", ask + frame(
        4, ip6(58, bytes((128, 0, 0, 0, 0, 1, 0, 1)) + b"x" * 30))
    yield "ip6_udp", ask + frame(
        4, ip6(17, bytes((4, 0, 0, 53, 0, 12, 0, 0)) + b"quiz")) * 3 + frame(
        4, ip6(17, bytes((4, 0, 0, 54, 0, 8, 0, 0))))
    yield "ip6_too_big", ask + frame(4, ip6(6, syn6)) + frame(
        4, ip6(58, bytes((2, 0, 0, 0, 0, 0, 5, 0))
               + ip6(6, bytes.fromhex("0050" "0400" "00000000"), OWN6, PEER6)))
    pad = bytes((1, 4, 0, 0, 0, 0))
    yield "ip6_headers", ask + frame(
        4, ip6(0, bytes((60, 0)) + pad + bytes((43, 0)) + pad
               + bytes((44, 0, 0, 0, 0, 0, 0, 0)) + bytes((6, 0)) + bytes(6)
               + syn6))
    yield "ip6_option", ask + frame(
        4, ip6(60, bytes((6, 0, 0xc5, 4)) + bytes(4) + syn6)) + frame(
        4, ip6(43, bytes((6, 2, 0, 1)) + bytes(20) + syn6))
    yield "ip6_fragment", frame(
        4, ip6(44, bytes((17, 0, 0, 1, 0, 0, 0, 1)) + bytes(48)))
    yield "short", frame(0, b"\2" * 13) + frame(0, b"") + frame(1, b"E")


def call(op, name=0, n=0, port=0, rest=b""):
    """op: the record's; rest: sg entries (address, count) or an address."""
    return op[0] + struct.pack("BBBB", op[1], name, n, port) + rest


def one(nr):
    return bytes((8,)), nr


def more(nr):
    return bytes((8 | MORE,)), nr


def sgs(*pairs):
    out = b""
    for kind, near, n in (list(pairs) + [(5, 0, 0)] * 3)[:3]:
        out += struct.pack("BbB", kind, near, n)
    return out


def batch():
    ack = seg(1, 0, ACK, n=0)
    data = seg(1, 0, ACK | PSH, n=100)
    arena = sgs((5, 0, 100))
    yield "send", call(one(SENDV), 0, 0, 0, arena) + ack
    yield "send_fast", (call(one(SENDV), 1, 0, 0, arena)
                        + seg(1, 1, ACK | PSH, n=64)) * 4
    yield "send_three", call(one(SENDV), 0, 2, 0, sgs(
        (5, 0, 200), (13, 0, 3), (0, 0, 127)))
    yield "send_edges", b"".join(
        call(one(SENDV), 0, 0, 0, sgs(s)) for s in (
            (1, -100, 100), (1, -100, 101), (0, -1, 1), (0, 0, 100), (1, 0, 0),
            (1, 0, 1), (2, 0, 1)))
    yield "send_much", call(more(SENDV), 0, 0, 0, sgs((5, 0, 253))) * 30 + ack
    yield "recv", data + call(one(RECV_DONE), 0, 100, 0, b"\0\0") + call(
        one(RECV_DONE), 0, 1, 0, b"\0\0")
    yield "close", call(one(CLOSE), 0, 0, 0, b"\0\0") + ack + seg(
        1, 0, FIN | ACK, 0, 1)
    yield "half_close", call(one(CLOSE), 0, 1, 0, b"\0\0") * 2 + data + seg(
        1, 0, FIN | ACK)
    yield "abort", call(more(ABORT), 0, 0, 0, b"\0\0") + call(
        one(SENDV), 0, 0, 0, arena)
    yield "connect", call(one(CONNECT), 0, 0, 3, b"\0\0") + seg(
        1, 2, SYN | ACK) + call(one(SENDV), 2, 0, 0, arena) + seg(1, 2, RST)
    dial = call(one(CONNECT), 0, 0, 3, b"\0\0")
    yield "connect_close", dial + call(one(CLOSE), 2, 0, 0, b"\0\0") + seg(
        1, 2, SYN | ACK) + call(one(ABORT), 2, 0, 0, b"\0\0")
    yield "connect_abort", (dial + call(one(SENDV), 2, 0, 0, arena)
                            + call(one(RECV_DONE), 2, 0, 0, b"\0\0")
                            + seg(1 | MORE, 2, SYN | ACK)
                            + call(one(ABORT), 2, 0, 0, b"\0\0")
                            + seg(1, 2, ACK))
    yield "knock", (seg(1, 2, SYN) + seg(1, 2, ACK, 0, 0)
                    + call(one(ACCEPT), 2, 0, 0, b"\0\0")
                    + call(one(REJECT), 2, 0, 0, b"\0\0"))
    yield "reject", (seg(1, 2, SYN) + seg(1, 2, ACK)
                     + call(one(REJECT), 2, 0, 0, b"\0\0"))
    yield "udp", (call(one(UDP_BIND), 0, 0, 48, b"\0\0")
                  + call(one(UDP_SENDV), 2, 2, 3, arena)
                  + call(one(UDP_RECV_DONE), 2, 0, 0, b"\2\0")
                  + call(one(UDP_UNBIND), 2, 0, 0, b"\0\0"))
    yield "timers", (call(one(TIMER_SET), 0, 255, 0, struct.pack("<I", 9999))
                     + call(one(TIMER_SET), 0, 1) + bytes((4, 0xa1))
                     + call(one(TIMER_CANCEL), 2, 0, 0, b"\0\0"))
    yield "listen", (call(one(UNLISTEN), 0, 0, 80, b"\0\0")
                     + call(one(LISTEN), 0, 4, 80, b"\0\0") * 2)
    yield "tx_full", (bytes((5,)) + call(one(SENDV), 0, 0, 0, sgs((5, 0, 250)))
                      + bytes((5 | 16,)) + ack)
    yield "send_large", call(one(SENDV), 0, 1, 0, sgs(
        (5, 0, 200), (13, 0, 210))) + ack * 3
    yield "flush", call(more(SENDV), 0, 0, 0, arena) + b"\7" + data
    yield "overrun", (seg(1 | MORE, 0, ACK | PSH, n=50) + b"\6"
                      + ms(4, 9) + b"\6")
    yield "arp_silence", (call(one(CONNECT), 0, 0, 5, b"\0\0")
                          + seconds(4, 2) * 8)
    yield "raw", bytes((0, 2)) + b"".join(
        struct.pack("<HHIQQQ16x", SENDV, 0, 1, 0, 0, 0) for _ in range(2))
    yield "raw_count", bytes((0, 255)) + bytes(255 * 48) + struct.pack(
        "<I", 513)


def fast():
    """Records of f_fast.c, near the conditions of net/tcp_fast.h."""
    yield from fast_on(0, ETH_IP4)
    for name, data in fast_on(3, ETH_IP6):
        if name in FAST_IP6:
            yield "ip6_" + name, data
    claim = ip6(58, nd(136, 1 << 29, OWN6, mac6(2, 9)), dst=NODES6)
    rpc = bytes((5, 3, 99, 2, 3 | 16, 50, 0))
    yield "ip6_taken", rpc * 2 + frame(7 | 32, claim) + rpc * 2


def fast_on(main, headers):
    """... mostly of connection @main, whose headers have so many bytes."""
    recv = (lambda n=99, conn=main, odd=0, rest=b"", op=5:
            bytes((op, conn | odd, n)) + rest)
    ONCE = 64  # the application's answer comes before the next ACK
    send = lambda n=50, conn=main, op=2: bytes((op, conn, n, 0))
    done = lambda n=99, conn=main: bytes((2, 4 | conn, n, 0))
    answer = lambda n=50, conn=main, op=2: bytes((op, 16 | conn, n, 0))
    close = lambda all=1, conn=main: bytes((2, 8 | conn, all, 0))
    nap = lambda op=0: ms(op, 3)
    due = bytes((0, 0))  # until a timer fires
    SEQ, PART, WIN, FLAGS, STAMP, BYTE = 4, 8, 16, 32, 64, 128
    rpc = recv() + send() + done()
    yield "echo", (rpc + nap()) * 8
    yield "answer", (recv() + answer() + nap()) * 6 + recv() + answer(255)
    yield "answer_batch", (recv(op=5 | MORE) * 2 + recv(conn=1)
                           + answer(op=2 | MORE) + answer(9, op=2 | MORE)
                           + answer(conn=1)) * 3 + recv() + answer(
                               op=2 | MORE) + close(0)
    yield "answer_window", b"".join(
        recv(250) * k + answer() + recv(0) for k in (1, 20, 38, 2))
    yield "echo_batch", (recv(op=5 | MORE) * 3 + send(op=2 | MORE) + send()
                         + done()) * 4
    yield "echo_two", (recv() + recv(conn=1) + send(op=2 | MORE)
                       + send(conn=1) + done() + done(conn=1)) * 4
    yield "echo_no_ts", (recv(conn=2) + send(conn=2) + done(conn=2)) * 4
    yield "pipelined", (recv(op=5 | MORE) * 12 + send(200) + send(200)) * 3
    yield "acks", (send() + recv(0) + nap()) * 6
    yield "acks_late", (send() + send() + nap() + recv(0)) * 4 + due * 4
    yield "ack_of_nothing", recv(0) * 3 + rpc
    yield "ack_part", (send(200) + send(99)
                       + recv(odd=PART, rest=bytes((60, 0)))
                       + recv(0, odd=PART, rest=bytes((20, 0)))
                       + send() + nap() + recv(0)) * 3
    yield "dup_acks", (send() * 4
                       + recv(0, odd=PART, rest=b"\0\0") * 2
                       + recv(odd=PART, rest=b"\0\0")
                       + recv(odd=0) + send()
                       + recv(0, odd=PART, rest=b"\0\0") * 4 + recv(0)
                       + rpc * 2)
    yield "recovery", (send(230) * 5 + recv(0, odd=PART, rest=b"\0\0") * 4
                       + recv(99) + rpc * 3)
    yield "timeout", send() + due * 6 + recv() + rpc * 4
    yield "timeout_part", (send() * 3 + due * 3
                           + recv(odd=PART, rest=bytes((51, 0)))
                           + recv() + rpc * 3)
    yield "window", b"".join(
        send() + recv(odd=WIN, rest=bytes((w & 255, w >> 8)))
        for w in (1000, 10, 0, 500, 65535, 1, 0, 80)) + due * 4 + rpc
    yield "window_shut", (recv(0, odd=WIN, rest=b"\0\0") + send() + due * 3
                          + recv(odd=WIN, rest=b"\0\4") + rpc * 2)
    yield "window_edge", (recv(1, odd=WIN, rest=bytes((51, 0))) + send()
                          + send() + recv(1) * 3 + rpc)
    yield "window_old", (recv(0, odd=SEQ, rest=bytes((20,)))
                         + recv(9, odd=WIN, rest=b"\0\5") + rpc)
    yield "hole", (recv(odd=SEQ, rest=bytes((50,))) + recv(49) + recv()
                   + send()) * 3 + rpc
    yield "old", (recv() + recv(odd=SEQ, rest=bytes((256 - 50,))) + recv(0)
                  + send()) * 3
    yield "stamps", b"".join(
        recv(odd=STAMP, rest=bytes((t & 255,))) + send()
        for t in (1, 100, 0, -1, 127, -127, 5))
    yield "stamps_late", (recv(odd=STAMP, rest=b"\1", op=5 | MORE) * 3
                          + send()) * 3
    yield "unread", recv(255) * 40 + send() + recv(99) * 20 + due * 2
    yield "buffers", (recv(255, op=5 | MORE) * 20 + recv(255, conn=1)
                      + send()) * 5 + done(255) * 9 + rpc
    yield "idle", (rpc + seconds(0, 9)) * 3 + due * 3
    yield "idle_window", send(255) * 4 + recv(0) + seconds(0, 9) + send(
        199) * 8 + recv(0) * 4
    yield "cwnd", (send(255) + send(255) + recv(0)) * 4 + send(255) * 9 + (
        send() + recv(odd=PART, rest=bytes((0, 8)))) * 4
    yield "delayed", (recv() + due) * 3 + recv() + recv() + due
    yield "close", rpc + send(op=2 | MORE) + close(0) + recv() + recv(0)
    yield "close_all", rpc + close() + recv() + rpc
    yield "fin", rpc + recv(odd=FLAGS, rest=bytes((ACK | FIN, 0))) + send(
        ) + recv(0) + close() + recv(0) + due * 2
    yield "flags", b"".join(
        recv(odd=FLAGS, rest=bytes((f, 0))) + send()
        for f in (ACK | PSH, ACK | URG, 0, ACK | 0x40, ACK | SYN, ACK | 0x80))
    yield "reset", rpc + recv(0, odd=FLAGS, rest=bytes((RST | ACK, 0))) + rpc
    yield "bytes", b"".join(
        recv(odd=BYTE, rest=struct.pack("<HB", at | fix << 15, 1 << bit)
             ) + send()
        for at in range(headers) for bit, fix in ((0, 0), (at % 8, 1)))
    yield "tx_full", (b"\4\2" + send(op=2 | MORE) + send(conn=1) + recv()
                      + b"\4\4" + send() + recv() + b"\4\1") * 3 + rpc
    yield "probed", send(0) + recv(0, odd=WIN, rest=b"\0\0") + send(
        ) + due * 4 + recv(odd=PART | WIN, rest=bytes(4)) + due + recv() + rpc
    for caps in ("offered", "unasked"):
        yield "partial_sum_" + caps, recv(odd=BYTE, rest=b"\xff\xff") + send()
    yield "padded", (recv(odd=BYTE, rest=b"\xfe\xff") + recv(
        0, odd=BYTE, rest=b"\xfe\xff") + send()) * 2
    yield "cwnd_half", (send(214) + recv(0)) * 4 + send(225) + send(
        99) + recv(0) + send(225) * 3
    yield "dup_ack_one", (send() + recv(0, odd=PART, rest=b"\0\0")
                          + recv(0)) * 2
    yield "ack_future", rpc + seg(1, 0, ACK | PSH, 0, 5, n=9) + rpc
    yield "timeout_one", (send(99) + due * 4
                          + recv(0, odd=PART, rest=bytes((50, 0)))
                          + recv(0)) * 2 + rpc
    yield "timer_kept", (send() + nap() + send() + nap() + recv(0)) * 3
    yield "piggyback", (recv(250, op=5 | ONCE) + send() + recv(op=5 | ONCE)
                        + send() + done(250)) * 3
    yield "stamps_differ", b"".join(
        recv(odd=STAMP, rest=bytes((t,)), op=5 | MORE) for t in (1, 2, 3, 3, 9)
        ) + send() + recv()
    yield "buffers_out", b"".join(
        recv(250, conn=c) for c in (0, 1, 0) for _ in range(36 - c)
        ) + recv(250, conn=2) * 34 + recv(250, conn=1) * 3 + recv(
        9) + send() + done(255) * 2 + rpc
    yield "path_mtu", send(203) + bytes((4 | MORE, 0x80)) + recv(0) + rpc
    yield "path_mtu_small", send() + b"\4\x80" + send() + rpc
    small = lambda n=99, **kw: recv(n, conn=1, **kw)
    yield "scaled", (small() + send(conn=1) + small(odd=WIN, rest=b"\0\1")
                     + send(255, 1) + small(0) * 3 + send(150, 1))
    yield "small_mss", (send(99, 1) + small(0) + send(119, 1) + small(0)
                        + send(120, 1) + small(0) + send(160, 1)) * 3
    mark = lambda flags, tos, n=99, **kw: recv(
        n, conn=1, odd=FLAGS, rest=bytes((flags, tos)), **kw)
    for cc in ("", "_dctcp"):
        yield "marked" + cc, (
            small() + mark(ACK, CE) + small() + send(conn=1)
            + mark(ACK | CWR, ECT_0) + small() + send(conn=1)
            + mark(ACK, CE, op=5 | MORE) + small(op=5 | MORE)
            + mark(ACK, ECT_0 + 4) + mark(ACK, 1) + send(conn=1)) * 3
    for cc in ("", "_cubic", "_dctcp"):
        yield "echoed" + cc, (
            send(150, 1) + mark(ACK | ECE, 0, 0) + send(99, 1) + small(0)
            + send(250, 1) * 3 + mark(ACK | ECE, ECT_0) + small(0)
            + send(conn=1) + small() + send(conn=1)) * 4
    yield "paced", (send(255) + send(255) + nap() + recv(0)) * 4 + (
        send(255) * 9 + due + recv(0) + send() + nap() + recv() + send()) * 3
    yield "echoed_early", (send(50, 1) + recv(
        conn=1, odd=PART | FLAGS, rest=bytes((0, 0, ACK | ECE, 0)))
        + send(30, 1) + small(0) + send(conn=1) + small()) * 3
    yield "small_idle", (send(202, 1) + send(202, 1) + small(0) * 2) * 8 + (
        seconds(0, 9) + send(50, 1) + send(255, 1) + small(0))
    yield "no_buffer", (b"\4\3" + send(255) * 4 + send(op=2 | MORE)
                        + send(255, 1) * 9 + send() + due + b"\4\1"
                        + send() + recv(0) + due + rpc)
    yield "refer", (send(200) + recv(0) + send(201) + recv(0) + send(202)) * 3
    yield "answer_stuck", recv(250) * 30 + recv(
        0, odd=WIN, rest=b"\0\0") + answer() + answer() + due + rpc
    yield "answer_too_much", recv() + bytes((2, 28, 50, 0)) + rpc
    yield "send_nothing", send(199) + rpc + answer(199) + rpc


def tcpopt():
    yield "empty", b""
    yield "syn", MSS + WSCALE + TS
    yield "sack", SACK + TS
    yield "end", MSS + b"\0" + bytes((2, 4))
    yield "nops", b"\1" * 40
    yield "cut", bytes((8, 10, 0, 0))
    yield "zero_length", bytes((3, 0, 3))
    yield "length_one", bytes((5, 1))
    yield "unknown", bytes((254, 6, 1, 2, 3, 4)) + MSS


def binary(op, extras=b"", key=b"", value=b"", cas=0):
    return struct.pack(">BBHBBHI4sQ", 0x80, op, len(key), len(extras), 0, 0,
                       len(extras + key + value), b"opaq", cas
                       ) + extras + key + value


def kv():
    """Commands for f_kv.c; "_two": of two connections by turns."""
    large = b"set l 0 0 600000\r\n" + b"v" * 3000
    lines = lambda *l: b"".join(x + b"\r\n" for x in l)
    yield "meta_get", lines(
        b"ms a 3 T30 F7 c k Oxy", b"abc", b"mg a s t c f h l k O1 v",
        b"mg a T-1 q u", b"mg b N30 v t", b"mg b R60 k", b"mn", b"me b")
    yield "meta_modes", lines(
        b"ms a 1 ME", b"1", b"ms a 1 MA C1 I", b"2", b"ms a 1 MP", b"0",
        b"ms a 1 MR q", b"9", b"ms a 1 MX", b"x", b"ms a 2 q", b"xyz")
    yield "meta_stale", lines(
        b"set a 0 0 1", b"x", b"md a I T30", b"mg a c v", b"mg a",
        b"ms a 3 C1 I c k O1", b"new", b"md a C9", b"md a q k")
    yield "meta_sum", lines(
        b"ma n N0 J9 v t c", b"ma n T30 v q", b"ma n MD D99 v C7", b"ma n M+")
    yield "meta_base64", lines(
        b"ms YSBi 2 b k", b"hi", b"mg YSBi b v k", b"me YSBi b", b"md a b",
        b"ms ==== 1 b", b"x", b"lru_crawler metadump all")
    yield "admin", lines(
        b"cache_memlimit 8", b"stats cachedump 1 2", b"stats slabs", b"watch",
        b"lru_crawler sleep 5", b"stats cachedump 1 0", b"x / HTTP/1.1")
    yield "large_two", large * 2 + b"v" * 6000 + lines(b"", b"mn") * 9
    when = bytes(4)
    store = bytes(8)
    sum_ = bytes(7) + b"\1" + bytes(7) + b"\5" + when
    yield "binary_get", b"".join(
        (binary(1, store, b"a", b"value"), binary(0, b"", b"a"),
         binary(12, b"", b"a"), binary(9, b"", b"b"), binary(13, b"", b"a"),
         binary(12, b"", b"b"), binary(10)))
    yield "binary_store", b"".join(
        (binary(2, store, b"a", b"v"), binary(3, store, b"a", b"w", 1),
         binary(14, b"", b"a", b"1"), binary(0x1a, b"", b"a", b"0"),
         binary(17, store, b"a"), binary(4, b"", b"a", b"", 7),
         binary(20, b"", b"a")))
    yield "binary_sum", b"".join(
        (binary(5, sum_, b"n"), binary(6, sum_, b"n"), binary(21, sum_, b"n"),
         binary(5, sum_[:16] + b"\xff" * 4, b"m"), binary(0, b"", b"n")))
    yield "binary_touch", b"".join(
        (binary(17, store, b"a", b"v"), binary(28, when, b"a"),
         binary(29, when, b"a"), binary(30, when, b"b"),
         binary(35, when, b"a"), binary(36, when, b"b")))
    yield "binary_others", b"".join(
        (binary(11), binary(27, when), binary(8, when), binary(24),
         binary(16), binary(16, b"", b"slabs"), binary(16, b"", b"x"),
         binary(32), binary(33, b"", b"PLAIN", b"secret"),
         binary(0x77, b"", b"k", b"v"), binary(7)))
    yield "binary_wrong", binary(10) + binary(0, b"x", b"a")
    yield "binary_long", binary(10) + binary(0, b"", b"k" * 251)
    yield "binary_large_two", b"".join(
        struct.pack(">BBHBBHI4sQ", 0x80, 1, 1, 8, 0, 0, 600009, b"opaq", 0)
        + store + b"l" + b"v" * 2000 for _ in range(2))


def ctl():
    """Requests to the control socket; the first byte: may he change things?"""
    lines = {
        "about": '{"do":"about"}', "verbs": '{"do":"verbs"}',
        "get": '{"do":"get"}', "log": '{"do":"log","from":0,"most":3}',
        "flows": '{"do":"flows","thread":0,"from":3,"most":20}',
        "flows_of": '{"do":"flows","state":"syn-sent","port":7,'
                    '"addr":"10.0.0.2"}',
        "flows_v6": '{"do":"flows","thread":1,"addr":"fd00::1"}',
        "set": '{"do":"set","settings":{"batch":"7","spin":"9us",'
               '"tcp.rto_min":"70ms","tcp.cc":"dctcp"}}',
        "set_start": '{"do":"set","settings":{"mtu":"1400"}}',
        "set_wrong": '{"do":"set","settings":{"bath":"7","tcp.snd_buf":[]}}',
        "set_fits": '{"do":"set","settings":{"tcp.rto_max":"1ms"}}',
        "groups": '{"do":"groups"}', "cores": '{"do":"cores","n":1}',
        "move": '{"do":"move","from":0,"to":1,"groups":"0-7,12"}',
        "park": '{"do":"park","thread":1,"parked":false}',
        "number": '{"do":"flows","thread":1e300}',
        "deep": "[" * 2000, "deep_in": '{"do":' + '{"a":' * 700,
        "text": '{"do":"\\u0000\\ud83d\\ude00"}', "other": '{"do":"frob","a":1}',
        "twice": '{"do":"about","do":"set","settings":{}}', "none": "",
        "list": '["do","about"]', "bytes": '{"do":"\xff\x80"}',
    }
    for name, line in lines.items():
        yield name, line.encode("latin-1")


def grant():
    """Requests to the keeper of a NIC; the first byte: which NIC, what fails."""
    opened, bind, suspend, groups, load = range(5)
    version, group, piece, cut, cores = 8, 16, 32, 64, 128

    def say(what, lens=(0, 0), fds=(), tail=b""):
        return bytes((what, *lens, len(fds), *fds)) + tail

    whole = say(opened, fds=(0, 0))
    life = whole + say(bind) + say(groups | group, tail=b"\0\1" * 4)
    yield "life", bytes(1) + life
    yield "lives", bytes(1) + (life + say(suspend)) * 3
    yield "tap", b"\1" + say(opened) + say(groups | group, tail=b"\1" * 8)
    yield "tap_twice", b"\1" + say(opened) * 2
    yield "tap_bind", b"\1" + say(opened) + say(bind)
    yield "tap_suspend", b"\1" + say(opened) + say(suspend)
    yield "tap_memory", b"\1" + whole
    for how, name in ((2, "open"), (4, "sockets"), (8, "bind"), (3, "tap")):
        yield "fails_" + name, bytes((how,)) + life
    for kind in range(1, 16):
        yield f"kind_{kind}", bytes(1) + say(opened, fds=(0, kind))
    for k in range(1, 9):
        yield f"length_{k}", bytes(1) + say(opened, (0, k), (0, 0))
        yield f"length_{k}_first", bytes(1) + say(opened, (k, 0), (0, 4))
    for n in (0, 1, 3, 64):
        yield f"descriptors_{n}", bytes(1) + say(opened, fds=bytes(n)) + life
    yield "passed_twice", bytes(1) + whole * 2
    yield "again", bytes(1) + (whole + say(bind)) * 2
    yield "bind_first", bytes(1) + say(bind)
    yield "bind_twice", bytes(1) + life + say(bind)
    yield "suspend_first", bytes(1) + say(suspend)
    yield "suspend_twice", bytes(1) + life + say(suspend) * 2 + life
    yield "suspend_kept", bytes((16,)) + life + say(suspend) + life
    yield "suspend_passed", bytes(1) + whole + say(suspend) + life
    yield "groups_first", bytes(1) + say(groups)
    yield "groups_wrong", bytes(1) + whole + say(
        groups | group, tail=b"\0\1\2\0" * 2)
    yield "groups_suspended", bytes(1) + life + say(suspend) + say(groups)
    for n in (0, 1, 2, 3, 255):
        yield f"load_{n}", bytes(1) + life + say(load | cores, tail=bytes(
            (n, 0, 0, n & 128))) + say(suspend)
    yield "load_first", bytes(1) + say(load | cores, tail=b"\1\0\0\0")
    yield "unknown", bytes(1) + say(7)
    yield "version", bytes(1) + say(opened | version, tail=b"\1\0\0\0")
    yield "pieces", bytes(1) + say(opened | piece, fds=(0, 0),
                                  tail=b"\x14") + say(bind | piece,
                                                      tail=b"\1")
    yield "too_many_pieces", bytes(1) + say(opened | piece, fds=bytes(64),
                                           tail=b"\x14")
    yield "cut", bytes(1) + say(opened | cut, fds=(0, 0), tail=b"\x14")
    yield "cut_then", bytes(1) + say(opened | cut, fds=(0, 0),
                                    tail=b"\x14") + life
    yield "nothing", bytes(1)


def main():
    top = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "corpus")
    for target in (pkt, tcpopt, batch, fast, kv, ctl,
                   grant):
        folder = os.path.join(top, target.__name__)
        os.makedirs(folder, exist_ok=True)
        for i, (name, data) in enumerate(target()):
            if target == fast:
                caps = FAST_CAPS.get(name.removeprefix("ip6_"), 0)
                data = bytes((caps,)) + data
            elif target == kv:
                data = bytes((len(data) % 50, 128 if "two" in name else 7)
                             ) + data
            elif target == ctl:
                trusted = name.startswith(("set", "move", "cores", "park"))
                data = bytes((trusted,)) + data
            elif target not in (tcpopt, grant):
                data = bytes((i % 2 * GATHER,)) + data
            with open(os.path.join(folder, name), "wb") as f:
                f.write(data)


main()
