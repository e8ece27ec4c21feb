#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kv_clients.py HOST PORT: pymemcache and pylibmc (libmemcached) in all their
modes. The same must hold of a stock memcached."""
import random
import sys

import pylibmc
from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient
from pymemcache.exceptions import MemcacheClientError, MemcacheServerError

HOST, PORT = sys.argv[1], int(sys.argv[2])
SIZES = (0, 1, 100, 500, 513, 1500, 5000, 65536, 900000)


def same(got, want):
    assert got == want, (str(got)[:200], str(want)[:200])


def raises(error, f, *args, **kw):
    try:
        f(*args, **kw)
    except error:
        return
    raise AssertionError((f, args))


# ---- pymemcache: text, pipelining its multi-sets

def pymemcache_values(c):
    for n in SIZES:
        v = random.randbytes(n)
        same(c.set("size", v, noreply=False), True)
        same(c.get("size"), v)
    same(c.get("missing"), None)
    same(c.add("size", b"x", noreply=False), False)
    same(c.replace("size", b"x", noreply=False), True)
    same(c.append("size", b"y", noreply=False), True)
    same(c.prepend("size", b"w", noreply=False), True)
    same(c.get("size"), b"wxy")
    same(c.replace("missing", b"x", noreply=False), False)


def pymemcache_noreply(c):
    for i in range(50):
        c.set("quiet", b"%d" % i, noreply=True)
        c.append("quiet", b"!", noreply=True)
    c.incr("quiet", 1, noreply=True)
    same(c.get("quiet"), b"49!")
    c.delete("quiet", noreply=True)
    same(c.get("quiet"), None)
    c.touch("quiet", 1, noreply=True)
    c.flush_all(noreply=True)
    same(c.get("size"), None)


def pymemcache_many(c):
    keys = {f"many{i}": b"v%d" % i for i in range(500)}
    same(c.set_many(keys, noreply=False), [])
    same(c.get_many(list(keys) + ["none"]), keys)
    same(set(c.gets_many(list(keys))), set(keys))
    c.set_many({k: v * 2 for k, v in keys.items()}, noreply=True)
    same(c.get_many(["many7"]), {"many7": b"v7v7"})
    c.delete_many(list(keys), noreply=True)
    same(c.get_many(list(keys)), {})


def pymemcache_cas(c):
    c.set("cas", b"1", noreply=False)
    value, cas = c.gets("cas")
    same(value, b"1")
    same(c.cas("cas", b"2", cas, noreply=False), True)
    same(c.cas("cas", b"3", cas, noreply=False), False)
    same(c.cas("missing", b"3", cas, noreply=False), None)
    same(c.get("cas"), b"2")


def pymemcache_sums(c):
    c.set("n", b"10", noreply=False)
    same(c.incr("n", 5), 15)
    same(c.decr("n", 6), 9)
    same(c.decr("n", 100), 0)
    same(c.incr("missing", 1), None)
    c.set("n", b"x", noreply=False)
    raises(MemcacheClientError, c.incr, "n", 1)


def pymemcache_others(c):
    c.set("t", b"v", expire=100, noreply=False)
    same(c.touch("t", 50, noreply=False), True)
    same(c.touch("missing", 50, noreply=False), False)
    same(c.get("t"), b"v")
    same(c.touch("t", -1, noreply=False), True)
    same(c.get("t"), None)
    assert c.version().startswith(b"1.6")
    assert b"get_hits" in c.stats()
    assert c.stats("settings")
    same(c.cache_memlimit(64), True)
    raises(MemcacheServerError, c.set, "big", bytes(2 << 20), noreply=False)
    c.quit()


def pymemcache_all():
    c = Client((HOST, PORT), timeout=20, connect_timeout=20)
    for f in (pymemcache_values, pymemcache_noreply, pymemcache_many,
              pymemcache_cas, pymemcache_sums, pymemcache_others):
        f(c)
    for c in (PooledClient((HOST, PORT), max_pool_size=4, timeout=20),
              HashClient([(HOST, PORT)], use_pooling=True, timeout=20)):
        for i in range(20):
            c.set(f"pool{i}", b"%d" % i)
        same(c.get_many([f"pool{i}" for i in range(20)]),
             {f"pool{i}": b"%d" % i for i in range(20)})
        c.close()


# ---- pylibmc: text and binary

def attempt(f, *args):
    """The protocols differ in which failures pylibmc tells as an exception."""
    try:
        return f(*args)
    except pylibmc.NotFound:
        return False


def pylibmc_values(c):
    for n in SIZES:
        v = random.randbytes(n)
        same(c.set("size", v), True)
        same(c.get("size"), v)
    same(c.get("missing"), None)
    same(attempt(c.add, "size", b"x"), False)
    same(c.replace("size", b"x"), True)
    same(c.append("size", b"y"), True)
    same(c.prepend("size", b"w"), True)
    same(c.get("size"), b"wxy")
    same(attempt(c.replace, "missing", b"x"), False)
    same(c.delete("size"), True)
    same(attempt(c.delete, "size"), False)
    for v in ("text", 17, 1.5, {"a": [1, 2]}, True):  # by its client flags
        c.set("typed", v)
        same(c.get("typed"), v)
    raises(pylibmc.Error, c.set, "big", random.randbytes(2 << 20))
    same(c.get("big"), None)


def pylibmc_multi(c):
    keys = {f"many{i}": b"v%d" % i for i in range(500)}
    same(c.set_multi(keys), [])
    same(c.get_multi(list(keys) + ["none"]), keys)
    same(c.delete_multi(list(keys)), True)
    same(c.get_multi(list(keys)), {})
    large = {f"large{i}": random.randbytes(100000) for i in range(20)}
    c.set_multi(large)
    same(c.get_multi(list(large)), large)


def pylibmc_sums(c):
    c.set("n", 10)
    same(c.incr("n"), 11)
    same(c.incr("n", 5), 16)
    same(c.decr("n", 6), 10)
    same(c.decr("n", 100), 0)
    raises(pylibmc.NotFound, c.incr, "missing")


def pylibmc_cas(c):
    c.set("cas", b"1")
    value, cas = c.gets("cas")
    same(value, b"1")
    same(c.cas("cas", b"2", cas), True)
    same(attempt(c.cas, "cas", b"3", cas), False)
    same(c.get("cas"), b"2")


def pylibmc_others(c):
    c.set("t", b"v", time=100)
    same(c.touch("t", 50), True)
    same(attempt(c.touch, "missing", 50), False)
    same(c.get("t"), b"v")
    stats = c.get_stats()
    assert len(stats) == 1 and "get_hits" in stats[0][1], stats
    c.flush_all()
    same(c.get("t"), None)
    c.disconnect_all()
    same(c.get("t"), None)


def pylibmc_all(binary, **behaviors):
    c = pylibmc.Client([f"{HOST}:{PORT}"], binary=binary,
                       behaviors=dict(behaviors, cas=True))
    for f in (pylibmc_values, pylibmc_multi, pylibmc_sums, pylibmc_cas,
              pylibmc_others):
        f(c)


def pylibmc_noreply():
    c = pylibmc.Client([f"{HOST}:{PORT}"], behaviors={"_noreply": True})
    for i in range(100):
        c.set(f"quiet{i}", b"%d" % i)
    plain = pylibmc.Client([f"{HOST}:{PORT}"])
    same(c.get("quiet99"), b"99")
    same(plain.get_multi([f"quiet{i}" for i in range(100)]),
         {f"quiet{i}": b"%d" % i for i in range(100)})


def main():
    pymemcache_all()
    print("ok: pymemcache")
    for binary in (False, True):
        for behaviors in ({}, {"tcp_nodelay": True, "no_block": True}):
            pylibmc_all(binary, **behaviors)
            print("ok: pylibmc,", "binary" if binary else "text", behaviors)
    pylibmc_noreply()
    print("ok: pylibmc, noreply")


main()
