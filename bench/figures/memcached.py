# SPDX-License-Identifier: MIT
"""Key-value servers, a thread each, under two of Facebook's mixes: what rate they
hold while 99 of 100 answers come within a limit. Arrivals do not wait for answers
(open loop), and a latency counts from when a request should have been sent."""

import shutil

from figures.servers import Server
from figures.story import NAMES
from figures.turns import if_there, ratio, row, summary
from lab import Failed

SLA_US = 500
CONNS = 64
LOWEST = 1000  # requests a second
STEP = 2 ** 0.5
HOLDS = 0.95  # of the rate that was asked for
NONE = 1  # "a second": of a turn in which no rate held
NO_SOCKETS = ("Stock memcached on IX has not taken part: it needs sockets, which "
              "IX does not have. kv is another program that speaks memcached's "
              "protocol; so its row compares the program as well as the stack.")


def kinds(bench):
    """kv behind a wall, too, as `ix run` has it unless told."""
    bench.need_installed("memcached")
    if not shutil.which("redis-server"):
        bench.without("redis", "redis-server is not installed")
    return ["kv", *(["kv-process"] if "process" in bench.walls else []),
            "memcached", *(["redis"] if "redis" not in bench.missing else [])]


def notes(bench):
    return [NO_SOCKETS, *bench.notes()]


def client(bench, kind, mix, rate=None):
    more = ["--rate", str(rate)] if rate else []
    more += ["--redis"] if kind == "redis" else []
    return bench.ixload("ix", "--conns", str(CONNS), "--proto", mix,
                        "--pipeline", "4", *more)


def load(bench, kind, mix, rate, **more):
    return bench.with_server(kind, client(bench, kind, mix, rate),
                             one_core=True, **more)


def holds(bench, result, rate):
    return result["msgs_per_sec"] >= HOLDS * rate and \
        result["latency_ns"][bench.sla] <= SLA_US * 1000


def attempt(bench, kind, mix, rate, **more):
    """The rate, that quantile in us, and whether it held: of the better of two,
    for what else the machine does may spoil one."""
    for _ in range(2):
        r = load(bench, kind, mix, rate, **more)
        point = [rate, r["latency_ns"][bench.sla] / 1e3,
                 holds(bench, r, rate)]
        if point[2]:
            break
    return point


def climb(bench, kind, mix, top, **more):
    """Points from a twelfth of what the server can do, @top, up to where it
    breaks; from lower if that does not hold. @more: of the server."""
    def at(rate):
        return attempt(bench, kind, mix, max(LOWEST, round(rate)), **more)

    curve = [at(top / 12)]
    while not curve[0][2] and curve[0][0] > LOWEST:
        curve = [at(curve[0][0] / 4)]
    while curve[-1][2] and curve[-1][0] <= top:
        curve.append(at(curve[-1][0] * STEP))
    return curve


def best(bench, curve, what):
    """The highest rate that held. If none did the turn counts as NONE: it is far
    from the others, and says so by the spread."""
    held = [rate for rate, _, ok in curve if ok]
    if not held:
        rate, us, _ = curve[0]
        print(f"    {what}: {bench.sla} is {us:,.0f} us at {rate:,} a second "
              f"already; the limit is {SLA_US}")
    return held[-1] if held else NONE


def drop_never_held(bench, values):
    """Those for whom no rate held in most turns have no figure: why, for the
    reader."""
    never = [k for k, v in values.items() if v["median"] == NONE]
    for k in never:
        del values[k]
    return [f"{NAMES.get(k, k)} has no figure: in most turns {bench.sla} was "
            f"above {SLA_US} us at any rate." for k in never]


def mix_scenario(bench, mix):
    names = kinds(bench)
    curves, tops = ({k: [] for k in names} for _ in range(2))

    def run(kind):
        tops[kind].append(load(bench, kind, mix, None)["msgs_per_sec"])
        curves[kind].append(climb(bench, kind, mix, tops[kind][-1]))
        return best(bench, curves[kind][-1], kind)

    v = bench.compare(run, *names)
    never = drop_never_held(bench, v)
    top = {k: summary(x) for k, x in tops.items()}
    low = {k: summary([c[0][1] for c in cs]) for k, cs in curves.items()}
    name, q = mix.upper(), bench.sla
    return {"unit": f"requests/s with {q} below {SLA_US} us", "values": v,
            "closed_loop": top, "notes": notes(bench) + never, "figures": [
                {"kind": "lines", "x": "requests a second", "log": "xy",
                 "y": f"{q}, us", "lines": {
                     k: [[rate, us] for rate, us, _ in cs[-1]]
                     for k, cs in curves.items()}}, {"kind": "bars"}],
            "rows": [
                *if_there(v, f"{name}, rate with {q} < {SLA_US} us: kv on IX / "
                          "memcached", "kv", "memcached"),
                *if_there(v, f"{name}, rate with {q} < {SLA_US} us: kv on IX "
                          "process / memcached", "kv-process", "memcached"),
                *if_there(v, f"{name}, rate with {q} < {SLA_US} us: kv on IX / "
                          "redis", "kv", "redis"),
                ratio(top, f"{name}, as much as it can: kv on IX / memcached",
                      "kv", "memcached"),
                ratio(low, f"{name}, {q} at the lowest rate: memcached / kv on "
                      "IX", "memcached", "kv")]}


def shares(bench):
    """whose time it is: kernel, dataplane or application, USR at full load"""
    parts = {}  # of kv-process: of each turn's time, the application's part

    def run(kind):
        with Server(bench, kind, one_core=True) as s:
            bench.client(client(bench, kind, "usr"))
            used = s.user_and_kernel()
        user, kernel = (sum(x) for x in zip(*used.values()))
        if not user + kernel:
            raise Failed(f"{kind}: no processor time")
        for name, (ticks, _) in used.items():
            parts.setdefault((kind, name), []).append(
                100 * ticks / (user + kernel))
        return max(100 * kernel / (user + kernel), 0.1)

    v = bench.compare(run, *kinds(bench))
    what = "USR at full load, % of time"
    split = {name: {"x": summary(parts["kv-process", comm])}
             for name, comm in (("dataplane", "ix"), ("application", "kv"))
             if ("kv-process", comm) in parts}
    return {"unit": "% of processor time in Linux's kernel", "values": v,
            "notes": notes(bench), "rows": [
                *(row(v, f"{what} in Linux's kernel: {NAMES[k].split(' on L')[0]}",
                      lambda m, k=k: m[k]) for k in v),
                *(row(x, f"{what} in the {name}: {NAMES['kv-process']}",
                      lambda m: m["x"]) for name, x in split.items())]}


def etc(bench):
    """memcached's ETC mix (75 % GET, values of 1 B to 1 KB): rate at the SLA"""
    return mix_scenario(bench, "etc")


def usr(bench):
    """memcached's USR mix (99 % GET, values of 2 B): rate at the SLA"""
    return mix_scenario(bench, "usr")
