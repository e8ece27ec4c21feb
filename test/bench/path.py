#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Over a bad path both senders are measured alike: each has all of its work on the
server's core, sends frames, and has them acknowledged as they come.
path.py SOURCE_DIR BUILD_DIR"""
import json
import os
import sys

SOURCE, BUILD = sys.argv[1:3]
sys.path[:0] = [os.path.join(SOURCE, p) for p in ("bench", "tool")]
from figures import path  # noqa: E402
from figures.bench import IP, Bench  # noqa: E402
from figures.servers import threads_seconds  # noqa: E402
from lab import check, finish, napi_threads, skip  # noqa: E402

BYTES = 4 << 20
CORES = {"s": 0, "c": 1}


def transfer(p, server):
    """What the bridge has seen of it."""
    bridge = p.carry(",delay=100us")
    p.client("ask", IP["s"], path.PORT, BYTES, 1)
    bridge.end()
    server.end()
    return json.loads(bridge.said().splitlines()[-1])


def looks_right(kind, seen):
    there, back = seen["there"], seen["back"]
    check(f"{kind}: frames of one segment each", not there["too_large"] and
          there["frames"] > BYTES / 1500, there)
    check(f"{kind}: acknowledged as they come, not as they are read",
          back["frames"] * 12 > there["frames"], back)


def cores(pid):
    """Of a process and all its threads."""
    return {c for task in os.listdir(f"/proc/{pid}/task")
            for c in os.sched_getaffinity(int(task))}


def linux(p):
    before = napi_threads()
    with p.receiving(True):
        mine = napi_threads() - before
        server = p.linux(path.RENO["linux"])
        check("linux: on the server's core", cores(server.pid) == {CORES["s"]},
              cores(server.pid))
        looks_right("linux", transfer(p, server))
        seconds = sum(sum(threads_seconds(t).values()) for t in mine)
        check("linux: a thread there has received the ACKs", all(
            cores(t) == {CORES["s"]} for t in mine) and seconds > 0.001,
            f"{seconds} s")
    check("linux: afterwards there is none", not napi_threads() - before)


def ix(p):
    server = p.ix(path.RENO["ix"])
    check("ix: on the server's core", cores(server.pid) == {CORES["s"]},
          cores(server.pid))
    looks_right("ix", transfer(p, server))


def main():
    if os.geteuid():
        skip("needs root: network namespaces and AF_XDP")
    if not set(CORES.values()) <= os.sched_getaffinity(0):
        skip("needs two cores")
    bench = Bench(BUILD, CORES, reps=1, seconds=1)
    p = path.Path(bench)
    linux(p)
    ix(p)
    check("CUBIC is compared where Linux has it", p.can("reno") and
          not p.can("none such") and
          len(list(path.contests(p))) == 1 + p.can("cubic"))
    bench.stop_all()
    finish()


main()
