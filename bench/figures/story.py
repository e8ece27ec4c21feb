# SPDX-License-Identifier: MIT
"""What the page says of a scenario, for somebody who has read neither code nor
paper, and what the original reached. A scenario without a story is shown under
the first line of its docstring."""

import typing

ORIGINAL = ("Belay et al., IX (OSDI 2014): server with one 8-core Xeon E5-2665, "
            "2.4 GHz, Intel x520, 10 Gbit/s; 24 client machines behind a "
            "switch; Linux 3.16")
FOUR = "the same with 4 x 10 Gbit/s"

NAMES = {
    "ix": "IX", "inline": "IX inline", "process": "IX process", "vm": "IX vm",
    "linux": "Linux epoll", "linux-busy": "Linux epoll, busy-polling",
    "linux-uring": "Linux io_uring",
    "linux-helped": "Linux epoll, TCP receive on client's core",
    "raw": "raw AF_XDP, no TCP", "kv": "kv on IX",
    "memcached": "memcached on Linux", "redis": "redis on Linux",
    "handover": "bare futex hand-over",
}


class Number(typing.NamedTuple):
    """Of the original's."""
    what: str
    value: str
    where: str
    row: str = ""  # ours beside it: a row's "what"


class Story(typing.NamedTuple):
    title: str
    shows: str
    original: tuple = ()


STORIES = {
    "echo": Story(
        "Small messages: how many a second",
        "64 clients each send 64 bytes, wait for the same 64 bytes, and send "
        "again, as fast as they can; the server has one processor core. A "
        "higher bar is better.",
        (Number("IX / Linux, 64 B, 1024 messages on a connection, all cores",
                "8.8 times (8.8 M/s and 1.0 M/s)", ORIGINAL,
                "echo 64 B x 64 over veth: IX / Linux epoll on one core"),)),
    "pingpong": Story(
        "One message to and fro: how long",
        "One client, one message in flight: the time that a message of 64 bytes "
        "takes from program to program, one way, with the same network stack "
        "at both ends. A lower bar is better.",
        (Number("one way, 64 B, NetPIPE: Linux / IX",
                "4.2 times (24 us and 5.7 us)", ORIGINAL,
                "ping-pong 64 B one way: Linux / IX"),)),
    "churn": Story(
        "Short connections",
        "Each client connects, sends 64 bytes, has them back, closes, and "
        "begins again: connections per second. A higher bar is better."),
    "churn_rst": Story(
        "Short connections, closed by reset",
        "The same, but the client ends each connection by a reset, as the "
        "original's clients did.",
        (Number("IX / Linux, 64 B, a connection per message, all cores",
                "9.3 times (1.74 M/s and 0.188 M/s)", ORIGINAL,
                "connect, 64 B echo, reset: IX / Linux on one core"),)),
    "wire": Story(
        "The network stack alone",
        "Both ends on IX, joined by shared memory instead of a network device: "
        "no kernel takes part, so this is what the stack itself can do on one "
        "core a side."),
    "insns": Story(
        "Instructions per message",
        "How many machine instructions the server executes for one message, "
        "counted exactly: a busy machine does not change this figure.",
        (Number("instructions per message at 250,000 connections", "3,060",
                f"{FOUR}; hardware counters",
                "instructions per 64 B echo (callgrind)"),)),
    "memory": Story(
        "Memory per open connection",
        "A quarter of a million connections are opened and left idle: the "
        "server's memory divided by their number."),
    "batch": Story(
        "Batches",
        "IX handles up to B packets in one go before it lets the application "
        "run. A larger B divides the price of crossing the wall between both "
        "by B; how much faster does that make a busy server?",
        (Number("throughput at p99 < 500 us, memcached USR: B = 16 / B = 1",
                "1.29 times", ORIGINAL,
                "batch bound, domain process: B = 16 / B = 1"),)),
    "loss": Story(
        "A path that loses packets",
        "A server sends a long stream over a path that loses one packet in a "
        "thousand to one in thirty; both stacks with the same algorithm. More "
        "bytes per second are better."),
    "answers": Story(
        "Short answers over a path that loses packets",
        "Answers of 20 KB, of which one packet in a hundred is lost: the time "
        "that 99 of 100 answers stay below. Lower is better."),
    "syn_flood": Story(
        "Under attack",
        "An attacker sends all the connection requests that a core can, from "
        "forged addresses; the bars show what honest clients still get."),
    "fairness": Story(
        "Sharing a bottleneck",
        "One stream of IX's and one of Linux's share a slow line: 1 means that "
        "each gets half, 0.5 that one gets all."),
    "process_echo": Story(
        "The price of protection, under load",
        "IX keeps the application apart from the network stack. The bars show "
        "the same server with this wall (process) and without it (inline)."),
    "process_pingpong": Story(
        "The price of protection, one message at a time",
        "With one message in flight the wall must be crossed for each: a "
        "hand-over between two processes on one core, there and back."),
}


def story(name, scenario):
    return STORIES.get(name) or Story(name, scenario.get("about", ""))
