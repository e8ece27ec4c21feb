# SPDX-License-Identifier: MIT
"""Many connections."""

import os
import resource
import select
import signal
import socket
import time

from stream import LIMIT, connect, family, recv_pattern, reset


def churn(host, port, n, at_once):
    """n connections to an echo server, at_once open at a time, each with one
    message and a close: every third by RST."""
    todo, open_, done = n, {}, 0
    poll = select.epoll()
    until = time.time() + LIMIT
    while done < n:
        assert time.time() < until, f"{done} of {n} done, {len(open_)} stuck"
        while todo and len(open_) < at_once:
            s = socket.socket(family(host))
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
        s = socket.socket(family(host))
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


def ignored(host, port, n):
    """The server answers no knock: the oldest are rejected for new ones."""
    socks = [connect(host, port) for i in range(n)]
    try:
        got = socks[0].recv(1)
    except ConnectionResetError:
        return
    raise AssertionError(f"the first is not reset but got {got}")


def say(s, i):
    text = b"%064d" % i
    s.sendall(text)
    return text


def at_once(host, port, n, pid):
    """A message on each of n connections to an echo server while process pid is
    stopped: all are there, and answered, when it goes on."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (n + 100, n + 100))
    conns = [connect(host, port) for _ in range(n)]
    time.sleep(1.5)  # IX counts them once a second
    for i in range(10):
        text = say(conns[i], i)
        assert conns[i].recv(100) == text
    os.kill(pid, signal.SIGSTOP)
    try:
        texts = [say(s, i) for i, s in enumerate(conns)]
    finally:
        os.kill(pid, signal.SIGCONT)
    for s, text in zip(conns, texts):
        assert s.recv(100) == text
