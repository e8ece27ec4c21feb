#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kv_diff.py HOST PORT HOST PORT [SEED [COMMANDS]]: the same random commands,
right and wrong, to kv and to a stock memcached, both fresh: the answers must be
the same to the byte, versions (cas) included. Text and meta, then binary.
memcached is to be started with -o no_modern (else its own threads keep items
busy, and sums are not done in place) and -W.

Left out, because stock memcached itself is wrong there: numbers that do not fit
(it cuts off the upper half), a NUL in a line (it cuts the line), T of an ma
that makes the number longer (lost), a key in base64 after append or when mg
made the item (shown raw), an O too long for mg and ma, a key too long behind
others (it has acted before it says so), a flush_all that shall come later (it
brings back what an earlier one took). TTLs are compared roughly; none ends or
comes near a limit while the test runs, however slow. Slab classes, sizes, and
when an item was last read (kv knows it better) are not compared.
"""
import base64
import random
import re
import socket
import struct
import sys

SEED = int(sys.argv[5]) if len(sys.argv) > 5 else random.randrange(1 << 32)
COMMANDS = int(sys.argv[6]) if len(sys.argv) > 6 else 12000
RNG = random.Random(SEED)
pick, chance = RNG.choice, lambda p: RNG.random() < p

KEYS = [b"k%d" % i for i in range(6)] + [b"K" * 250]
NUMBERS = [b"n%d" % i for i in range(3)]
PACKED = [b"\x01\xff\x00", b"a b", b"q" * 30]  # keys that need base64
BOTH = [b"both"]  # now plain, now in base64
LONG = b"L" * 251


class Server:
    def __init__(self, host, port):
        self.addr = (host, int(port))
        self.connect()

    def connect(self):
        self.s = socket.create_connection(self.addr, timeout=10)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buf = b""

    def more(self):
        """False: closed."""
        try:
            data = self.s.recv(1 << 16)
        except TimeoutError:
            sys.exit(f"seed {SEED}: {self.addr} does not answer {self.sent!r}, "
                     f"so far {self.buf!r}")
        self.buf += data
        return bool(data)

    def send(self, data):
        self.sent = data
        self.s.sendall(data)

    def text(self):
        """All answers up to that to mn; None: closed after these."""
        while not self.buf.endswith(b"MN\r\n"):
            if not self.more():
                return self.buf, True
        got, self.buf = self.buf, b""
        return got, False

    def frames(self, last):
        """Binary answers up to the one with the opaque value @last."""
        got = []
        while True:
            while len(self.buf) < 24:
                if not self.more():
                    return got, True
            n = 24 + struct.unpack(">I", self.buf[8:12])[0]
            while len(self.buf) < n:
                if not self.more():
                    return got + [self.buf], True
            frame, self.buf = self.buf[:n], self.buf[n:]
            got.append(frame)
            if frame[12:16] == last:
                return got, False


# ---- text

def value():
    n = pick((0, 1, 2, 5, 30, 400, 600, 5000))
    return bytes(RNG.randrange(97, 123) for _ in range(min(n, 40))).ljust(
        n, b"v")


def number():
    """As wide as any, so that a sum fits in place."""
    return b"%020d" % pick((0, 1, 9, 99, 10 ** 9, 2 ** 63, 2 ** 64 - 1))


def flags():
    return b"%d" % pick((0, 0, 1, 77, 2 ** 32 - 1))


def exptime():
    return b"%d" % pick((0, 0, 0, 1000, 100000, -1, 2 ** 31 - 1))


BAD = (b"x", b"-", b"", b"1x", b"--1", b"1-", b"\xff")


def key():
    if chance(0.03):
        return LONG
    return pick(KEYS + NUMBERS)


def spoil(words, last=False):
    """Something wrong with it, sometimes."""
    words = list(words)
    r = RNG.random() if words[0] != b"stats" else 1
    if r < 0.03:
        words[RNG.randrange(len(words))] = pick(BAD)
    elif r < 0.05:
        at = len(words) if last else RNG.randrange(1, len(words) + 1)
        words.insert(at, pick((b"0", b"y")))
    elif r < 0.07 and len(words) > 1:
        del words[RNG.randrange(1, len(words))]
    return words


def line(*words):
    eol = b"\n" if chance(0.05) else b"\r\n"
    sep = b"  " if chance(0.03) else b" "
    return sep.join(w for w in words) + eol


def noreply():
    return [b"noreply"] if chance(0.15) else []


def store(cas):
    k = key()
    v = number() if k in NUMBERS and chance(0.9) else value()
    verb = pick((b"set", b"set", b"add", b"replace", b"append", b"prepend",
                 b"cas"))
    if k in NUMBERS and verb in (b"append", b"prepend"):
        verb = b"set"
    words = [verb, k, flags(), exptime(), b"%d" % len(v)]
    if verb == b"cas":
        words.append(b"%d" % pick((cas, cas, cas - 1, 0, 99999999)))
    words = spoil(words + noreply(), last=True)
    return line(*words) + v + (b"xx\r\n" if chance(0.02) else b"\r\n")


def arith():
    return line(*spoil([pick((b"incr", b"decr")), pick(NUMBERS * 3 + KEYS),
                        b"%d" % pick((0, 1, 7, 2 ** 64 - 1))] + noreply()))


def gets():
    verb = pick((b"get", b"gets", b"gat", b"gats"))
    keys = [key()] + [pick(KEYS + NUMBERS) for _ in range(RNG.randrange(4))]
    if chance(0.03) and LONG not in keys:
        keys *= 12
    return line(*spoil([verb] + ([exptime()] if verb[1:2] == b"a" else [])
                       + keys))


def others():
    return line(*spoil(pick((
        [b"delete", key()] + noreply(), [b"delete", key(), b"0"] + noreply(),
        [b"delete", key(), b"5"], [b"delete", b"noreply"],
        [b"touch", key(), exptime()] + noreply(),
        [b"verbosity", b"1"] + noreply(), [b"verbosity"],
        [b"flush_all"] + pick(([], [b"0"], [b"-1"])) + noreply(),
        [b"nonsense", b"1"], [b"GET", b"k0"], [b"mx", b"k0"], [b"m"], [b"\r"],
        [b"shutdown"], [b"cache_memlimit", pick((b"64", b"7", b"x"))],
        [b"cache_memlimit", b"2000000000"], [b"cache_memlimit"],
        [b"lru_crawler", b"tocrawl", pick((b"5", b"x"))],
        [b"lru_crawler", b"sleep", pick((b"5", b"1000001", b"x"))],
        [b"lru_crawler", b"crawl", b"all"], [b"slabs", b"reassign", b"1", b"2"],
        [b"watch"], [b"watch", b"mutations"], [b"lru_crawler", b"what"], [b"lru_crawler"], [b"slabs"],
        [b"lru", b"what"], [b"slabs", b"what", b"1"], [b"stats", b"detail"],
        [b"stats", b"cachedump"], [b"stats", b"cachedump", b"x", b"y"],
        [b"stats", b"cachedump", b"99", b"0"], [b"stats", b"what"],
        [b"stats", b"reset"],
        [b"post", b"/", b"HTTP/1.1"]))))


# ---- meta

def meta_key():
    """The word, and the flag that it needs."""
    if chance(0.25):
        return base64.b64encode(pick(PACKED + BOTH)), [b"b"]
    return pick(BOTH) if chance(0.1) else key(), []


def ttl():
    return b"%d" % pick((0, 1000, 3000, 100000, -1))


def meta_flags(letters, cas):
    args = {
        b"O": lambda: pick((b"", b"1", b"opaque", b"o" * 31)),
        b"N": ttl, b"T": ttl, b"R": lambda: pick((b"10", b"2000", b"0")),
        b"C": lambda: b"%d" % pick((cas, cas, cas - 1, 1, 0, 99999999)),
        b"F": flags, b"J": lambda: b"%d" % pick((0, 5, 2 ** 64 - 1)),
        b"D": lambda: b"%d" % pick((0, 1, 10)), b"P": lambda: b"path",
        b"L": lambda: b"hint",
    }
    chosen = RNG.sample(letters, RNG.randrange(0, len(letters) + 1))
    out = []
    for f in chosen:
        f = bytes([f])
        out.append(f + (args[f]() if f in args else b""))
    if chance(0.03):
        out.append(pick((b"k", b"v", b"q", b"!", b"\xfe", b"Z", b"Tx", b"Cx",
                         b"Fx", b"Nx", b"Dx", b"Jx", b"M", b"Mzz", b"MZ")))
    if chance(0.01):
        out += [b"P%d" % i for i in range(20)]
    return out


def meta_get(cas):
    k, b = meta_key()
    letters = b"cfhklOqstuvNRTPL"
    if b:
        letters = letters.replace(b"N", b"").replace(b"k", b"")
        if chance(0.5):
            letters = letters.replace(b"v", b"k")
    return line(b"mg", *([k] if chance(0.99) else []), *b,
                *meta_flags(letters, cas))


def meta_set(cas):
    k, b = meta_key()
    v = number() if k in NUMBERS else value()
    mode = pick(([], [], [b"MS"], [b"ME"], [b"MR"], [b"MA"], [b"MP"]))
    if (b or k in NUMBERS + BOTH) and mode in ([b"MA"], [b"MP"]):
        mode = []
    out = [b"ms", k, b"%d" % len(v)] + b + mode + meta_flags(
        pick((b"ckOqFIT", b"ckOqFICT", b"CI", b"O")), cas)
    if chance(0.02):
        out = [w for w in out if w[:1] != b"O"] + [b"O" + b"o" * 32]
    if chance(0.02):
        out[2] = pick(BAD)
        v = b""
    if chance(0.01):
        del out[2:]
    return line(*out) + v + (b"\r\n" if chance(0.98) else b"xxxx\r\n")


def meta_delete(cas):
    k, b = meta_key()
    out = [b"md", k] + b + meta_flags(pick((b"kOq", b"kOqIT", b"CkOqIT")), cas)
    if chance(0.03):
        out = [w for w in out if w[:1] != b"O"] + [b"O" + b"o" * 32]
    return line(*out)


def meta_arith(cas):
    k = pick(NUMBERS * 3 + KEYS)
    letters = pick((b"NJDqtcvkO", b"DqtcvkO", b"CDqtcvkO"))
    if k not in NUMBERS:
        letters = b"DtcvkO"
    mode = pick(([], [b"MI"], [b"M+"], [b"MD"], [b"M-"]))
    return line(b"ma", k, *mode, *meta_flags(letters, cas))


def meta_debug(cas):
    k, b = meta_key()
    return line(b"me", *([k] if chance(0.95) else []), *b)


def command(cas):
    r = RNG.random()
    if r < 0.2:
        return store(cas)
    if r < 0.27:
        return arith()
    if r < 0.4:
        return gets()
    if r < 0.5:
        return others()
    return pick((meta_get, meta_get, meta_set, meta_set, meta_delete,
                 meta_arith, meta_debug))(cas)


ROUGH = re.compile(rb"(?<= )([tl])(\d+)(?=[ \r])|(exp|la|cls|size)=(-?\d+)")


def close_enough(a, b):
    """The same, but for a second or two and what is not compared."""
    if a == b:
        return True
    if ROUGH.sub(b"", a) != ROUGH.sub(b"", b):
        return False
    for x, y in zip(ROUGH.finditer(a), ROUGH.finditer(b)):
        name = x[1] or x[3]
        if name in (b"cls", b"size", b"l", b"la"):
            continue
        x, y = int(x[2] or x[4]), int(y[2] or y[4])
        if abs(x - y) > 3 and min(x, y) < 1 << 31:  # else long expired
            return False
    return True


def fail(sent, kv, stock, n):
    sys.exit(f"seed {SEED}, command {n}:\n  sent  {sent[:600]!r}\n"
             f"  kv    {kv[:600]!r}\n  stock {stock[:600]!r}")


CAS = re.compile(rb" c(\d+)(?=[ \r])| cas=(\d+)|^VALUE \S+ \d+ \d+ (\d+)\r",
                 re.M)


def text(kv, stock):
    cas = 1
    for n in range(COMMANDS):
        cmd = command(cas)
        for s in (kv, stock):
            s.send(cmd + b"mn\r\n")
        (a, a_closed), (b, b_closed) = kv.text(), stock.text()
        if not close_enough(a, b) or a_closed != b_closed:
            fail(cmd, a, b, n)
        if a_closed:
            kv.connect()
            stock.connect()
        for m in CAS.finditer(b):
            cas = int(m[1] or m[2] or m[3])


# ---- binary

GET, SET, ADD, REPLACE, DELETE, INCR, DECR, QUIT, FLUSH = range(9)
GETQ, NOOP, VERSION, GETK, GETKQ, APPEND, PREPEND, STAT = range(9, 17)
QUIETLY = {SET: 0x11, ADD: 0x12, REPLACE: 0x13, DELETE: 0x14, INCR: 0x15,
           DECR: 0x16, QUIT: 0x17, FLUSH: 0x18, APPEND: 0x19, PREPEND: 0x1a,
           GET: GETQ, GETK: GETKQ}
TOUCH, GAT, GATQ, GATK, GATKQ = 0x1c, 0x1d, 0x1e, 0x23, 0x24


def request(op, extras=b"", k=b"", v=b"", cas=0, opaque=b"abcd", spoiled=True):
    nextras, nkey, nbody = len(extras), len(k), len(extras) + len(k) + len(v)
    magic = 0x80
    if spoiled and chance(0.02):
        what = RNG.randrange(3)
        if what == 0:
            magic = pick((0, 0x81, ord("g")))
        elif what == 1:
            nkey = nbody + 1
        else:  # one byte of extras more than any command has
            extras, nextras, nbody = extras + b"x", nextras + 1, nbody + 1
    return struct.pack(">BBHBBHI4sQ", magic, op, nkey, nextras, 0, 0, nbody,
                       opaque, cas) + extras + k + v


def binary_command(cas):
    k = pick(KEYS + NUMBERS + PACKED)
    n = pick((0, 0, 0, 0, cas, cas - 1))
    when = struct.pack(">I", pick((0, 0, 1000, 100000, 2 ** 32 - 1)))
    op = pick((GET, GETK, SET, SET, ADD, REPLACE, DELETE, INCR, INCR, DECR,
               APPEND, PREPEND, FLUSH, TOUCH, GAT, GATQ, GATK, GATKQ, NOOP,
               STAT, QUIT, 0x20, 0x21, 0x77))
    quiet = QUIETLY.get(op, op) if chance(0.3) else op
    if op in (FLUSH, QUIT) and chance(0.8):
        op = quiet = GET
    if chance(0.02):
        k = pick((b"", LONG))
    v = number() if k in NUMBERS else value()
    if op in (SET, ADD, REPLACE):
        return request(quiet, struct.pack(">I", int(flags())) + when, k, v, n)
    if op in (APPEND, PREPEND):
        return request(quiet, b"", pick(KEYS), value(), n)
    if op in (INCR, DECR):
        return request(quiet, struct.pack(">QQ", pick((0, 1, 7, 2 ** 64 - 1)),
                                          pick((0, 5))) + when,
                       pick(NUMBERS), b"", n)
    if op in (TOUCH, GAT, GATQ, GATK, GATKQ):
        return request(quiet, when, k)
    if op == FLUSH:
        return request(quiet, pick((b"", bytes(4))))
    if op == STAT:
        return request(op, b"", pick((b"reset", b"nonsense")), spoiled=False)
    if op in (NOOP, QUIT, 0x20):
        return request(quiet)
    if op == 0x21:
        return request(op, b"", b"PLAIN", b"\0me\0secret", spoiled=False)
    if op == 0x77:  # stock memcached passes over what it has read already
        return request(op, b"", b"", b"", spoiled=False)
    return request(quiet, b"", k, b"", n if op == DELETE else 0)


def connect_binary(*servers):
    for s in servers:
        s.connect()
        s.send(request(NOOP, opaque=b"helo", spoiled=False))
        s.frames(b"helo")


def binary(kv, stock):
    cas = 1
    connect_binary(kv, stock)
    for n in range(COMMANDS // 2):
        cmd = binary_command(cas)
        last = b"%04x" % (n & 0xffff)
        for s in (kv, stock):
            s.send(cmd + request(NOOP, opaque=last, spoiled=False))
        (a, a_closed), (b, b_closed) = kv.frames(last), stock.frames(last)
        if a != b or a_closed != b_closed:
            fail(cmd, b"|".join(a), b"|".join(b), n)
        if a_closed:
            connect_binary(kv, stock)
        for frame in b:
            cas = struct.unpack(">Q", frame[16:24])[0] or cas


COUNTERS = (b"cmd_get cmd_set cmd_flush cmd_touch cmd_meta get_hits get_misses "
            b"delete_hits delete_misses incr_hits incr_misses decr_hits "
            b"decr_misses cas_hits cas_misses cas_badval touch_hits "
            b"touch_misses").split()


def counters(server):
    server.connect()
    server.send(b"stats\r\nmn\r\n")
    seen = dict(l.split(b" ")[1:3] for l in server.text()[0].split(b"\r\n")
                if l.startswith(b"STAT"))
    return [(c, seen.get(c)) for c in COUNTERS]


def main():
    kv, stock = Server(*sys.argv[1:3]), Server(*sys.argv[3:5])
    text(kv, stock)
    binary(kv, stock)
    differ = [(a, b) for a, b in zip(counters(kv), counters(stock)) if a != b]
    if differ:
        sys.exit(f"seed {SEED}: counters of kv and stock: {differ}")
    print(f"seed {SEED}: {COMMANDS} commands of text and meta, "
          f"{COMMANDS // 2} binary ones: the same answers")


main()
