#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""memtier.py HOST PORT: what memtier_benchmark asks of a memcached, in place of
the program, which Debian 12 does not have. A mode is a set of its options; each
is run in both protocols, and each answer is checked. The same must hold of a
stock memcached.

    --clients, --pipeline       several connections, so many requests under way
    --ratio                     SETs : GETs
    --key-pattern R, G, S, P    random, Gaussian, in turn, in turn by connection
    --data-size[-range, -list]  of values
    --expiry-range              a time to live of each SET
    --multi-key-get             GETs of so many keys (text only, as there)
    --reconnect-interval        a new connection after so many requests
    --data-import, -verify      SET what a dump says, read all and compare
    --authenticate              SASL, refused by a server that has it not enabled
"""
import csv
import io
import random
import socket
import struct
import sys
import time

HOST, PORT = sys.argv[1], int(sys.argv[2])
REQUESTS = 600  # of a connection
SET, GET, SASL_AUTH = 1, 0, 0x21

MODES = {
    "default": {},
    "pipeline": dict(pipeline=50, clients=8),
    "sets only": dict(ratio=(1, 0), pattern="P"),
    "gets only": dict(ratio=(0, 1)),
    "random data": dict(sizes=[1, 100, 1500, 5000, 70000], pipeline=10),
    "sizes in a range": dict(sizes=range(1, 4000), pattern="G", pipeline=20),
    "expiry": dict(expiry=range(5, 60), ratio=(1, 1), pattern="S"),
    "expired": dict(expiry=range(1, 2), ratio=(1, 1), lost=True),
    "many keys": dict(multi=30, pipeline=5),
    "reconnect": dict(reconnect=17, pipeline=4),
}


class Text:
    def __init__(self, f):
        self.f = f

    def set(self, key, value, flags, expiry):
        return b"set %s %d %d %d\r\n%s\r\n" % (key, flags, expiry, len(value),
                                               value)

    def get(self, keys):
        return b"get " + b" ".join(keys) + b"\r\n"

    def stored(self):
        got = self.f.readline()
        assert got == b"STORED\r\n", got[:80]

    def values(self, keys):
        """By key, with flags."""
        found = {}
        while (line := self.f.readline()) != b"END\r\n":
            word, key, flags, n = line.split()
            assert word == b"VALUE" and key in keys, line[:80]
            found[key] = int(flags), self.f.read(int(n))
            assert self.f.read(2) == b"\r\n"
        return found


class Binary:
    def __init__(self, f):
        self.f = f

    def request(self, op, extras=b"", key=b"", value=b""):
        body = extras + key + value
        return struct.pack(">BBHBBHIIQ", 0x80, op, len(key), len(extras), 0,
                           0, len(body), 0, 0) + body

    def set(self, key, value, flags, expiry):
        return self.request(SET, struct.pack(">II", flags, expiry), key, value)

    def get(self, keys):
        return self.request(GET, key=keys[0])

    def answer(self, op):
        magic, got, _, extra, _, status, n, _, _ = struct.unpack(
            ">BBHBBHIIQ", self.f.read(24))
        body = self.f.read(n)
        assert (magic, got) == (0x81, op), (magic, got, op)
        return status, body[:extra], body[extra:]

    def stored(self):
        assert self.answer(SET)[0] == 0

    def values(self, keys):
        status, extras, value = self.answer(GET)
        assert status in (0, 1), status
        if status:
            return {}
        return {keys[0]: (struct.unpack(">I", extras)[0], value)}


class Keys:
    """One connection's, of those from 0 to n. In turn by connection, each has
    its part of them."""
    def __init__(self, pattern, who, clients, n=200):
        self.pattern, self.n, self.at = pattern, n, 0
        self.first, self.part = 0, n
        if pattern == "P":
            self.part = n // clients
            self.first = who * self.part

    def next(self):
        if self.pattern == "R":
            return random.randrange(self.n)
        if self.pattern == "G":
            return min(max(int(random.gauss(self.n / 2, self.n / 6)), 0),
                       self.n - 1)
        self.at += 1
        return self.first + self.at % self.part


class Client:
    """Keys are its own, so that it knows what must be there."""
    def __init__(self, protocol, who, mode):
        self.make, self.who, self.mode = protocol, who, mode
        self.keys = Keys(mode.get("pattern", "R"), who, mode.get("clients", 4))
        self.held, self.ended, self.waiting = {}, {}, []
        self.connect()

    def connect(self):
        self.s = socket.create_connection((HOST, PORT), 20)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.protocol = self.make(self.s.makefile("rb", 1 << 16))

    def close(self):
        while self.waiting:
            self.check()
        self.protocol.f.close()
        self.s.close()

    def key(self):
        return b"memtier-%d-%d" % (self.who, self.keys.next())

    def ask_set(self):
        key = self.key()
        value = random.randbytes(random.choice(self.mode.get("sizes", [32])))
        expiry = random.choice(self.mode.get("expiry", [0]))
        self.s.sendall(self.protocol.set(key, value, 0, expiry))
        self.held[key] = value
        if expiry:
            self.ended[key] = time.time() + expiry - 1  # of whole seconds
        self.waiting.append((None, None))

    def ask_get(self):
        n = self.mode.get("multi", 1) if self.make is Text else 1
        keys = [self.key() for i in range(n)]
        self.s.sendall(self.protocol.get(keys))
        self.waiting.append((keys, {k: self.held.get(k) for k in keys}))

    def check(self):
        keys, held = self.waiting.pop(0)
        if keys is None:
            self.protocol.stored()
            return
        found = self.protocol.values(keys)
        for key, value in held.items():
            if key in found:
                assert found[key] == (0, value), (key, len(value or b""))
            else:
                assert value is None or key in self.ended and \
                    time.time() >= self.ended[key], f"{key} is missing"

    def run(self):
        sets, gets = self.mode.get("ratio", (1, 10))
        turn = [self.ask_set] * sets + [self.ask_get] * gets
        reconnect = self.mode.get("reconnect", REQUESTS)
        for i in range(REQUESTS):
            turn[i % len(turn)]()
            if len(self.waiting) >= self.mode.get("pipeline", 1):
                self.check()
            if (i + 1) % reconnect == 0:
                self.close()
                self.connect()
            yield
        self.close()


def expired(clients):
    """All of it, after a second or two."""
    time.sleep(2.1)
    for c in clients:
        c.connect()
        for key in c.held:
            c.s.sendall(c.protocol.get([key]))
            assert not c.protocol.values([key]), f"{key} is still there"
        c.close()


def run(protocol, mode):
    clients = [Client(protocol, i, mode) for i in range(mode.get("clients", 4))]
    flush(clients[0])
    turns = [c.run() for c in clients]
    while turns:
        turns = [t for t in turns if next(t, clients) is None]
    if mode.get("lost"):
        expired(clients)


def flush(client):
    s = socket.create_connection((HOST, PORT), 20)
    s.sendall(b"flush_all\r\n")
    assert s.recv(100) == b"OK\r\n"
    s.close()


def dump(n):
    """As memcached-tool writes it, which --data-import reads."""
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow("dumpflags time exptime nbytes nsuffix it_flags clsid nkey "
                  "key data".split())
    for i in range(n):
        data = "".join(random.choices("abc ,\"'%\\", k=i * 7 + 1))
        rows.writerow([i * 1000003 % (1 << 32), 0, 0, len(data), 0, 0, 1, 8,
                       f"import-{i}", data])
    out.seek(0)
    return list(csv.DictReader(out))


def data_import(make):
    s = socket.create_connection((HOST, PORT), 20)
    protocol = make(s.makefile("rb"))
    rows = dump(300)
    for row in rows:
        s.sendall(protocol.set(row["key"].encode(), row["data"].encode(),
                               int(row["dumpflags"]), int(row["exptime"])))
    for row in rows:
        protocol.stored()
    for row in random.sample(rows, len(rows)):  # --data-verify
        key = row["key"].encode()
        s.sendall(protocol.get([key]))
        assert protocol.values([key]) == {
            key: (int(row["dumpflags"]), row["data"].encode())}, key
    s.close()


def authenticate():
    s = socket.create_connection((HOST, PORT), 20)
    protocol = Binary(s.makefile("rb"))
    s.sendall(protocol.request(SASL_AUTH, b"", b"PLAIN", b"\0user\0password"))
    assert protocol.answer(SASL_AUTH)[0] != 0
    s.sendall(protocol.get([b"none"]))
    assert protocol.values([b"none"]) == {}
    s.close()


def main():
    for name, mode in MODES.items():
        for protocol in (Text, Binary):
            run(protocol, mode)
        print("ok:", name, flush=True)
    for protocol in (Text, Binary):
        data_import(protocol)
    authenticate()
    print("ok: import, verify, authenticate")


main()
