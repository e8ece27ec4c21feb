#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The echo servers that IX is measured against: what they send back, and to
whom: servers.py PROGRAM OPTION... With --nic it is the microkernel's."""
import os
import random
import selectors
import signal
import socket
import sys
import threading
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "tool"))
from lab import (Cannot, Ended, Lab, check, connect, enter,  # noqa: E402
                 finish, receive, reset_on_close, skip, wait_for)

PORT = 7
LIMIT = 60
MICROKERNEL = "--nic" in sys.argv
HERE = "10.9.0.1" if MICROKERNEL else "127.0.0.1"
MB = 1 << 20
NEEDS = "io_uring with multishot"


def listens():
    try:
        open_one().close()
    except OSError:
        return False
    return True


def data(n, seed):
    return random.Random(seed).randbytes(n)


def open_one(port=PORT, **options):
    return connect(HERE, port, timeout=20, **options)


def exchange(payload, piece=None, port=PORT):
    """Sent by a thread of its own, as the server need not take all at once."""
    with open_one(port) as s:
        sender = threading.Thread(target=send_all, args=(s, payload, piece))
        sender.start()
        got = receive(s, len(payload))
        sender.join()
    return got == payload


def send_all(s, payload, piece):
    for at in range(0, len(payload), piece or len(payload)):
        s.sendall(payload[at:at + (piece or len(payload))])


def ports(n):
    check(f"{n} ports", all(exchange(data(64, i), port=PORT + i)
                            for i in range(n)))


def sizes():
    for n in (1, 64, 4095, 4096, 4097, 65536, 300001, 4 * MB):
        check(f"{n} bytes come back", exchange(data(n, n)))
    check("100,000 bytes in pieces of 7", exchange(data(100000, 5), 7))


def crowd(n):
    """Each has its own bytes back."""
    who = selectors.DefaultSelector()
    left, rng = {}, random.Random(9)
    for i in range(n):
        s = open_one()
        payload = data(rng.randint(1, 9000), i)
        left[s] = payload
        s.sendall(payload)
        s.setblocking(False)
        who.register(s, selectors.EVENT_READ)
    wrong = 0
    while left and wrong == 0:
        ready = who.select(10)
        if not ready:
            break
        for key, _ in ready:
            s = key.fileobj
            got = s.recv(65536)
            wrong += not got or not left[s].startswith(got)
            left[s] = left[s][len(got):]
            if not left[s]:
                del left[s]
                who.unregister(s)
                s.close()
    check(f"{n} at once", not left and not wrong, f"{len(left)} left")


def half_closed():
    """What was sent before the end is answered, then the server ends too."""
    payload = data(2 * MB, 3)
    with open_one() as s:
        sender = threading.Thread(target=lambda: (
            s.sendall(payload), s.shutdown(socket.SHUT_WR)))
        sender.start()
        got = receive(s, len(payload))
        sender.join()
        check("all of it and the end", got == payload and s.recv(1) == b"")


def greedy():
    """One that sends and does not read stops nobody else, and loses nothing."""
    with open_one(SO_RCVBUF=8192) as s:
        # More than both buffers of a Linux connection at their largest.
        payload, sent = data(32 * MB, 4), 0
        s.setblocking(False)
        while wait_for(lambda: writable(s), 0.5) and sent < len(payload):
            sent += s.send(payload[sent:sent + 65536])
        check("there is back-pressure", sent < len(payload), sent)
        check("others are served meanwhile", exchange(data(5000, 6)))
        s.settimeout(20)
        check("all that was taken comes back",
              receive(s, sent) == payload[:sent])
        s.sendall(b"more")
        check("and it goes on", receive(s, 4) == b"more")


def writable(s):
    who = selectors.DefaultSelector()
    who.register(s, selectors.EVENT_WRITE)
    return bool(who.select(0))


def rude():
    """Resets, some with answers on the way."""
    for i in range(50):
        s = open_one()
        reset_on_close(s)
        s.sendall(data(1 + i * 4000, i))
        s.close()
    check("after 50 resets", exchange(data(70000, 8)))


def churn(server, n):
    def files():
        return len(os.listdir(f"/proc/{server.pid}/fd"))

    before = files()
    right = sum(exchange(data(64, i)) for i in range(n))
    check(f"{n} connections, one after the other", right == n, right)
    check("no descriptor is left", wait_for(lambda: files() <= before, 5),
          f"{before} {files()}")


def parts(server):
    """Names and pids of the processes that a server has started."""
    with open(f"/proc/{server.pid}/task/{server.pid}/children") as f:
        pids = f.read().split()
    return {open(f"/proc/{p}/comm").read().strip(): int(p) for p in pids}


def few_files(lab, argv):
    """It ends and says why, instead of leaving clients without an answer."""
    server = lab.start(["sh", "-c", 'ulimit -n 40; exec "$@"', "sh", *argv])
    wait_for(listens, 20)
    open_ones = []
    try:
        for _ in range(60):
            open_ones.append(open_one())
    except OSError:
        pass
    check("too few files are said", server.wait(10) and
          "Too many open files" in server.said(), server.said())


def cpu(pid):
    """Seconds that it has used."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stuck(server):
    """Who cannot send sleeps, and does not try again and again."""
    pid = parts(server)["netserver"]
    payload, sent = data(1 * MB, 4), 0
    with open_one(SO_RCVBUF=8192) as s:
        s.setblocking(False)
        while wait_for(lambda: writable(s), 0.5) and sent < 32 * MB:
            sent += s.send(payload)
        check("there is back-pressure", sent < 32 * MB, sent)
        before = cpu(pid)
        time.sleep(1)
        used = cpu(pid) - before
        check("who cannot send sleeps", used < 0.1, f"{used:.2f} s of 1")


def one_falls(server):
    """None of a microkernel's processes goes on without the others."""
    found = parts(server)
    check("three processes", set(found) == {"netserver", "application"}, found)
    os.kill(found["netserver"], signal.SIGKILL)
    check("the driver ends", server.wait(5) == 0)
    check("and so does the application", wait_for(
        lambda: not os.path.exists(f"/proc/{found['application']}"), 5))


def main():
    program, *options = sys.argv[1:]
    enter()
    lab = Lab(limit=LIMIT)
    if not MICROKERNEL:
        options += ["--port", str(PORT)]
    server = lab.start([program, *options])
    try:
        server.wait_ready(listens, 20)
    except Ended:
        # Where the kernel does not have it, or not for us.
        if NEEDS in server.said():
            skip(server.said())
        raise
    if "--ports" in options:
        ports(int(options[options.index("--ports") + 1]))
    sizes()
    crowd(300)
    half_closed()
    if not MICROKERNEL:  # its application waits until all is taken
        greedy()
    else:
        stuck(server)
    rude()
    churn(server, 1000)
    check("it still runs", server.poll() is None)
    if os.path.basename(program) == "linux_echo":
        server.end()
        few_files(lab, [program, *options])
    if MICROKERNEL:
        one_falls(server)
    finish()


try:
    main()
except Cannot as e:
    skip(e)
