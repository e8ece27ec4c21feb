# SPDX-License-Identifier: MIT
"""What the page says of a scenario, for somebody who has read neither code nor
paper, and what the original reached. A scenario without a story is shown under
the first line of its docstring."""

import typing

ORIGINAL = ("Belay et al., IX (OSDI 2014): server with one 8-core Xeon "
            "E5-2665, 2.4 GHz, Intel x520, 10 Gbit/s; 24 client machines behind a "
            "switch; Linux 3.16")
FOUR = "the same with 4 x 10 Gbit/s"

NAMES = {
    "ix": "IX", "ix-spin": "IX that never sleeps",
    "ix-watched": "IX, looked at once a second", "inline": "IX inline",
    "process": "IX process", "vm": "IX vm",
    "microkernel": "network server",
    "linux": "Linux epoll", "linux-busy": "Linux epoll, busy-polling",
    "linux-uring": "Linux io_uring",
    "linux-helped": "Linux epoll, TCP receive on client's core",
    "sockets": "Linux sockets", "sockets, no offload": "Linux, no offload",
    "sockets, 9000 B frames": "Linux, 9000 B frames",
    "ix, 9000 B frames": "IX, 9000 B frames", "pingpong": "app/pingpong",
    "wire": "IX on the wire", "raw": "raw AF_XDP, no TCP", "kv": "kv on IX",
    "two": "kv on IX, two threads", "one": "kv on IX, one thread",
    "kv-process": "kv on IX process", "kv process": "kv on IX process",
    "memcached": "memcached on Linux",
    "memcached-helped": "memcached, TCP receive on client's core", "redis": "redis on Linux",
    "handover": "bare futex hand-over",
    "http": "example/http on IX", "nginx": "nginx on Linux",
}


class Number(typing.NamedTuple):
    """Of the original's."""
    what: str
    value: str
    where: str
    row: str = ""  # ours beside it: a row's "what"
    words: str = ""  # ... or where that is


class Story(typing.NamedTuple):
    title: str
    shows: str
    original: tuple = ()


# Who and what is met on the page, for somebody who has met none of them.
TERMS = {
    "A / B": "A's figure divided by B's: 5 says that A does five times as many, "
    "or, of a time, that A takes five times as long",
    "IX inline, process, vm": "the same IX with no wall between application and "
    "network stack; with both as processes of their own; and in two privilege "
    "levels of a virtual processor. Unless a figure says otherwise, IX is inline: "
    "the wall's price is a figure of its own",
    "Linux epoll": "a server on Linux's own network stack, written as such "
    "servers are: it asks which connections have something, reads and answers",
    "busy-polling": "the same, which before it sleeps looks into the network "
    "card's queue itself, again and again",
    "Linux io_uring": "the same with Linux's newer interface, which takes many "
    "requests at a time",
    "TCP receive on client's core": "over a virtual cable, half of a Linux "
    "server's network stack runs on the sender's core unless one says where. It "
    "is shown both ways; on the server's own core is what a network card does",
    "raw AF_XDP": "a program that sends each packet back without looking into it, "
    "over the same interface to the cable that IX has: about what a network stack "
    "without any work of its own could do here",
    "kv": "our key-value server with memcached's protocol; memcached and redis "
    "are the usual ones, on Linux",
    "veth, the wire": "the virtual cable between two networks of one machine, and "
    "shared memory between two programs, with no kernel in between",
    "p50, p99": "the time that 50, or 99, of 100 answers take at most",
}


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
        "core a side. A higher bar is better."),
    "tuning": Story(
        "Is Linux at its best?",
        "Linux's servers again, each time with one thing set otherwise: how the "
        "kernel receives, what the cable is left to do, what TCP waits for. "
        "1 is as in the other figures: a thing whose spread is above 1 as a whole "
        "would be what they have to use. The one that polls is there as well."),
    "cores": Story(
        "The network stack alone, on several cores",
        "On each core runs a thread of the server's and a generator that loads "
        "it over a queue of its own: with twice the cores, twice the messages "
        "are the most that there can be. A higher bar is better.",
        (Number("cores that fill 10 Gbit/s with connections of one message",
                "3 (mTCP 8, Linux never)", ORIGINAL),)),
    "insns": Story(
        "Instructions per message",
        "How many machine instructions the server executes for one message, "
        "counted exactly: a busy machine does not change this figure.",
        (Number("instructions per message at 250,000 connections", "3,060",
                f"{FOUR}; hardware counters",
                "instructions per 64 B echo (callgrind)"),)),
    "lines": Story(
        "Cache lines per message",
        "How many lines of memory the server needs for one message that are no "
        "longer in a cache of 32 KB, and of 1 MB, the more connections take "
        "turns. Simulated, so that a busy machine does not change it."),
    "memory": Story(
        "Memory per open connection",
        "A quarter of a million connections are opened, half by IPv4 and half by "
        "IPv6, and left idle: the server's memory divided by their number."),
    "batch": Story(
        "Batches",
        "IX handles up to B packets in one go before it lets the application "
        "run. A larger B divides the price of crossing the wall between both "
        "by B; how much faster does that make a server that has more to do than "
        "it can?"),
    "batch_sla": Story(
        "Batches, and answers in time",
        "The same for a key-value server whose slow answers must not take more "
        "than 500 microseconds. First picture: the highest rate that held, by B. "
        "Second: how long the slow answers take when there is little to do. There "
        "B should make no difference, for IX does not wait until a batch is full.",
        (Number("throughput at p99 < 500 us, memcached USR: B = 16 / B = 1",
                "1.29 times; more than 16 gives nothing", ORIGINAL,
                "USR, domain process, rate with p99 < 500 us: B = 16 / B = 1"),)),
    "loss": Story(
        "A path that loses packets",
        "A server sends a long stream over a path that loses one packet in a "
        "thousand to one in thirty; both stacks with the same algorithm, Reno "
        "unless CUBIC is said, Linux's usual one. More bytes per second are better. "
        "First picture: 10 ms to the client and back. Second: a local network."),
    "answers": Story(
        "Short answers over a path that loses packets",
        "Answers of 20 KB, of which one packet in a hundred is lost: the time "
        "that 99 of 100 answers stay below. Lower is better."),
    "syn_flood": Story(
        "Under attack",
        "An attacker sends connection requests from forged addresses, as many as "
        "it can; the bars show what honest clients still get. With two cores "
        "attacker and clients share the one that is not the server's: so the "
        "last rows say how much of what that core alone can send the attack "
        "was."),
    "fairness": Story(
        "Sharing a bottleneck",
        "One stream of IX's and one of Linux's share a slow line: 1 means that "
        "each gets half, 0.5 that one gets all."),
    "latency": Story(
        "One message to and fro, by size",
        "The pattern of the benchmark NetPIPE: one message travels to and fro, "
        "from 1 byte to 512 KB, with the same network stack at both ends. First "
        "picture: the time one way, lower is better. Second: how many bits a "
        "second that makes, higher is better. Linux hands a large message to a "
        "virtual cable in one piece (offload); real cables do not allow that, "
        "so it is shown without, too.",
        (Number("one way, 64 B, NetPIPE: Linux / IX",
                "4.2 times (24 us and 5.7 us)", ORIGINAL,
                "one way, 64 B, NetPIPE's pattern: Linux / IX"),
         Number("message size that reaches 5 Gbit/s",
                "20 KB on IX, 385 KB on Linux", ORIGINAL,
                words="said above"))),
    "netpipe": Story(
        "Is our measure NetPIPE's?",
        "The original measured with NetPIPE, which runs on Linux only; we with a "
        "program of our own that runs on both. Here both run on Linux, over the "
        "same cable: a ratio near 1 says that the two measure the same."),
    "messages": Story(
        "How much a connection is used",
        "Clients that exchange n messages of 64 bytes on a connection, then "
        "reset it and open the next: n = 1 is all opening and closing, n = "
        "1024 nearly all messages. Higher is better.",
        (Number("IX / Linux, n = 1, all cores", "9.3 times (1.74 M/s and "
                "0.188 M/s)", ORIGINAL,
                "64 B, n = 1 messages on a connection: IX / Linux epoll"),
         Number("IX / Linux, n = 1024, all cores", "8.8 times (8.8 M/s and "
                "1.0 M/s)", ORIGINAL,
                "64 B, n = 1024 messages on a connection: IX / Linux epoll"))),
    "sizes": Story(
        "One message on a connection, by size",
        "Clients connect, exchange one message, and reset: how many a second, "
        "from 64 bytes to 8 KB. Higher is better.",
        (Number("IX / Linux, n = 1, 1 KB, all cores", "4.9 times (861 K/s and "
                "177 K/s)", ORIGINAL,
                "one message of 1024 B on a connection: IX / Linux epoll"),
         Number("IX / Linux, n = 1, 8 KB, all cores", "1.5 times (133 K/s and "
                "87 K/s: IX fills the 10 Gbit/s line)", ORIGINAL,
                "one message of 8192 B on a connection: IX / Linux epoll"))),
    "connections": Story(
        "Many open connections",
        "From 64 to 250,000 connections are open, and 64 messages of 64 bytes "
        "are under way, each on a connection chosen at random: the more there "
        "are, the less of what the server must know of the chosen one is in the "
        "processor's cache. A million connections, which need more files than "
        "Linux allows a program, are asked on IX alone, its two ends joined by "
        "shared memory (the wire). Higher is better. What connections take of "
        "memory, of instructions and of caches are figures of their own.",
        (Number("IX: 250,000 connections / its best",
                "0.47 (5.97 M/s of 12.7 M/s)", FOUR,
                "IX: 250,000 connections / 64"),
         Number("Linux: 250,000 connections / its best",
                "0.63 (0.56 M/s of 0.89 M/s)", FOUR,
                "Linux epoll: 250,000 connections / 64"))),
    "moves": Story(
        "A core more, a core less",
        "While 20,000 connections are open and send, half of them go from one "
        "thread of the server to the other and back, again and again. How slow "
        "are the slowest answers (one of a hundred is slower), with and without "
        "that? Messages come at a given rate, whether or not earlier ones are "
        "answered, so that whoever waits is seen. A lower bar is better."),
    "resize": Story(
        "A core more, a core less, at full load",
        "256 connections ask as fast as they are answered, by a server that thinks "
        "50 us before each answer; it is given a second core and loses it again, "
        "as often as it can, 50 ms apart. How slow are "
        "the slowest answers (one of a hundred is slower), beside the same server "
        "left alone with one core or with two? A lower bar is better."),
    "watched": Story(
        "What it costs to be looked at",
        "While a server is as busy as it can be, somebody reads its counters, the "
        "list of its connections and its metrics, in every other second of one "
        "run. Who looks works on the client's core, so that the client is kept "
        "from its work as well. All processor time that a look takes, on either "
        "core, is the bound of what it can cost, and the figure that has an aim. "
        "What was sent in the seconds with a look, by what was sent in those "
        "without, swings with the machine: its spread says how far, and it could "
        "only show that something was left out of the bound. "
        "A higher bar is better."),
    "etc": Story(
        "Key-value server, Facebook's ETC mix",
        "Three of four requests read a value, of a byte to a kilobyte, the "
        "fourth writes one. Requests arrive at a given rate, whether or not "
        "earlier ones are answered; the rate is raised until the slow answers "
        "take more than 500 microseconds. First picture: the time that this "
        "share of the answers stays below, at each rate. Second: the highest "
        "rate that held. kv is our server with memcached's protocol; "
        "each server has one thread to work with.",
        (Number("rate at p99 < 500 us, memcached: IX / Linux",
                "2.8 times (1,550 K/s on 6 cores, 550 K/s on 8)", ORIGINAL,
                "ETC, rate with p99 < 500 us: kv on IX / memcached"),)),
    "usr": Story(
        "Key-value server, Facebook's USR mix",
        "The same for a mix in which 99 of 100 requests read a value of two "
        "bytes.",
        (Number("rate at p99 < 500 us, memcached: IX / Linux",
                "3.6 times (1,800 K/s on 6 cores, 500 K/s on 8)", ORIGINAL,
                "USR, rate with p99 < 500 us: kv on IX / memcached"),)),
    "shares": Story(
        "Whose time it is",
        "Of the time that the server's core works, how much is spent in Linux's "
        "kernel? Of IX on veth that is the copy of each packet to the cable, "
        "which a network card with a zero-copy driver would do by itself; of IX "
        "process, where dataplane and application are two processes, their parts "
        "are told, too. Lower is better.",
        (Number("time in Linux's kernel, memcached on Linux", "about 75 %",
                ORIGINAL, "USR at full load, % of time in Linux's kernel: "
                "memcached"),
         Number("time in IX's dataplane, memcached on IX", "less than 10 %",
                f"{ORIGINAL}; what is counted here beside it is the host's "
                "kernel, which the original did not have on its way",
                "USR at full load, % of time in Linux's kernel: kv on IX"))),
    "cpu": Story(
        "What a request costs in processor time",
        "All servers are given the same load, far below what they can do: how "
        "much processor time does a request cost? Lower is better. IX looks for "
        "packets for a while before it sleeps, to answer the next one sooner, if "
        "they mostly come that soon; with more to do a request gets cheaper."),
    "idle": Story(
        "What idleness costs",
        "64 connections are open and nobody sends anything: how much of a core "
        "does the server take? The original never sleeps; IX does, unless told "
        "not to. Lower is better.",
        (Number("idle IX", "100 % of each of its cores: it polls", ORIGINAL,
                "idle with 64 open connections: % of a core, IX inline, "
                "adaptive"),)),
    "protection": Story(
        "The price of each wall, by batch",
        "The same server behind each wall that this machine has: inline has "
        "none, process keeps application and network stack in two processes, vm "
        "in two privilege levels of a virtual processor. The more messages one "
        "crossing carries, the less the wall costs. Higher is better."),
    "process_echo": Story(
        "The price of protection, under load",
        "IX keeps the application apart from the network stack. The bars show "
        "the same server with this wall (process) and without it (inline)."),
    "many_4000": Story(
        "Thousands of connections from a program on Linux",
        "4,000 connections, each with one request for a value of 64 bytes in "
        "flight; the client is a program on Linux, as most servers' clients are. "
        "IX's server keeps its application behind a wall (process). The path loses "
        "nothing: each timeout, after which something is sent again, is one too "
        "many. A higher bar is better."),
    "many_9000": Story(
        "Thousands of connections from a program on Linux: 9,000",
        "The same with 9,000 connections."),
    "values_1k": Story(
        "Values of a kilobyte",
        "Between the small values of the other figures and those of 20 KB: each "
        "of 64 connections asks for a value of 1024 bytes, has it, and asks "
        "again. An answer is still one packet. The client is a program on Linux, "
        "and IX's server keeps its application behind a wall (process). A higher "
        "bar is better."),
    "values_16": Story(
        "Values of a few kilobytes, many at a time",
        "Between those of a kilobyte and those of 20 KB: values of 1,024 and "
        "4,096 bytes, 16 at a time on each of 32 connections. The client is a "
        "program on Linux, and IX's server keeps its application behind a wall "
        "(process). A higher bar is better."),
    "large": Story(
        "Large values",
        "The same client on Linux asks for values of 20 KB, 16 at a time on each "
        "of 32 connections. A virtual cable takes them in one piece from Linux "
        "and from IX; a real one takes packets of 1500 bytes. A higher bar is "
        "better."),
    "large_9000": Story(
        "Large values, larger packets",
        "The same with packets of up to 9000 bytes."),
    "shared": Story(
        "Cores that are not the server's alone",
        "The server has two threads, and both of their cores are used by its "
        "clients, too, as on a machine where everything runs. A thread that spins "
        "for packets takes time from those who would send some. Beside it the same "
        "server with one thread, and memcached with two. A higher bar is better."),
    "kv_ix": Story(
        "The same servers, asked from IX",
        "Few and many connections, small and large values, as above, but the client "
        "is on IX, too: it takes less of its core for a request than one on Linux, "
        "so that the server is what limits. IX's server keeps its application "
        "behind a wall (process)."),
    "frames": Story(
        "Large values, packet by packet",
        "Values of 20 KB in packets of 1500 bytes, as a real cable wants them, "
        "beside a program that sends as many such packets as it can, out of "
        "memory where they lie ready: packets a second, a higher bar is better. "
        "Below: what a byte costs in processor time, in packets that are copied, "
        "and in one piece."),
    "http": Story(
        "A web server",
        "1,000 connections ask for the same short page again and again: a server "
        "of 80 lines on IX, its application behind a wall (process), beside nginx "
        "with one process. A higher bar is better. p99 is the time that 99 in 100 "
        "answers are there in."),
    "asleep": Story(
        "What idleness costs, the daemon included",
        "A server with 64 open connections that nobody uses, under the daemon "
        "that gives it cores: how much of a core do all processes take? Lower is "
        "better."),
    "react": Story(
        "How soon a core comes",
        "A server that was idle has one core. Now it is asked as much as the "
        "client can: how long until the daemon has seen that it has too much to "
        "do, and a second core serves half of the connections? Lower is better."),
    "beside": Story(
        "Other work on the cores that a server leaves",
        "A server that thinks 50 us before each answer may have both of the "
        "machine's cores. Programs that only count are in a control group, which "
        "the daemon gives what the server does not need: how much do they count, "
        "beside what they count with the machine to themselves? The client needs "
        "a part of a core, too, which is counted as if the server had it. Higher "
        "is better, as long as the server's answers are in time.",
        (Number("background work beside a server, of what it gets alone",
                "32 to 46 %", "SoCC 2015; real processors, three load patterns",
                "server at 40 % of what both cores do: background work, of what "
                "it gets alone"),)),
    "tenfold": Story(
        "Ten times the load, from one moment on",
        "The same server on one core, the other one idle, or with other work on "
        "it; then it is asked ten times as much, which one core cannot do. How "
        "long until 99 of 100 answers are in time again, and until the other work "
        "has left? Lower is better."),
    "elastic": Story(
        "Cores that follow the load",
        "A server that gets and loses cores while it works: the load steps up "
        "and down again, or climbs and falls. Pictures: the cores it has, and the "
        "time that 99 of 100 answers stay below; beside it the same with all "
        "cores all the time. Fewer cores for the same answers are better."),
    "policy": Story(
        "Cores that follow the load, calculated",
        "The same decisions, by the same code, on a simulated machine with "
        "eight cores that nobody else uses: how many cores are given, what packets "
        "wait, and what is left for work in the background.",
        (Number("energy used, beside all cores at full speed",
                "46 to 56 % (44 to 54 % saved)",
                "SoCC 2015; real processors, three load patterns",
                "step, virtual time: cores x time / 8 cores all the time"),
         Number("background work beside a server, of what it gets alone",
                "32 to 46 %", "SoCC 2015; real processors, three load patterns",
                "half load all the time, policy background, virtual time: "
                "other work's part of 8 cores"))),
    "designs": Story(
        "Three designs of a network stack",
        "The same NIC, the same client: network code in a server process of its "
        "own, as in a microkernel (with IX's own stack in it, so that only the "
        "design differs), in the kernel, as in Linux, and in a dataplane, as in "
        "IX. doc/designs.md has what each does for a request, counted. Higher "
        "is better."),
    "process_pingpong": Story(
        "The price of protection, one message at a time",
        "With one message in flight the wall must be crossed for each: a "
        "hand-over between two processes on one core, there and back."),
}


def story(name, scenario):
    return STORIES.get(name) or Story(name, scenario.get("about", ""))
