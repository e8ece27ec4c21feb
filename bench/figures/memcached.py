# SPDX-License-Identifier: MIT
"""Key-value servers under two of Facebook's mixes: what rate they hold while 99
of 100 answers come within a limit. Arrivals do not wait for answers (open
loop), and a latency counts from when a request should have been sent."""

from figures.turns import ratio, summary
from lab import Failed

SLA_US = 500
CONNS = 64
LOWEST = 1000  # requests a second
STEP = 2 ** 0.5
HOLDS = 0.95  # of the rate that was asked for
KINDS = "kv", "memcached"


def load(bench, kind, mix, rate):
    more = ["--rate", str(rate)] if rate else []
    return bench.with_server(kind, bench.ixload(
        "ix", "--conns", str(CONNS), "--proto", mix, "--pipeline", "4", *more),
        one_core=True)


def holds(bench, result, rate):
    return result["msgs_per_sec"] >= HOLDS * rate and \
        result["latency_ns"][bench.sla] <= SLA_US * 1000


def climb(bench, kind, mix, top):
    """Rates and that quantile in us, from a low one up to where it breaks, in steps
    of 1.4; beginning two steps below a sixth of what it can do at all."""
    curve, rate = [], max(LOWEST, round(top / 12))
    while True:
        r = load(bench, kind, mix, rate)
        curve.append([rate, r["latency_ns"][bench.sla] / 1e3,
                      holds(bench, r, rate)])
        if not curve[-1][2] or rate > top:
            return curve
        rate = round(rate * STEP)


def best(bench, curve, what):
    """The highest rate that held."""
    held = [rate for rate, _, ok in curve if ok]
    if not held:
        raise Failed(f"{what}: {bench.sla} is {curve[0][1]:,.0f} us at "
                     f"{curve[0][0]:,} a second already, limit {SLA_US}")
    return held[-1]


def mix_scenario(bench, mix):
    curves = {k: [] for k in KINDS}
    tops = {k: [] for k in KINDS}

    def run(kind):
        tops[kind].append(load(bench, kind, mix, None)["msgs_per_sec"])
        curves[kind].append(climb(bench, kind, mix, tops[kind][-1]))
        return best(bench, curves[kind][-1], kind)

    v = bench.compare(run, *KINDS)
    top = {k: summary(x) for k, x in tops.items()}
    low = {k: summary([c[0][1] for c in cs]) for k, cs in curves.items()}
    name, q = mix.upper(), bench.sla
    return {"unit": f"requests/s with {q} below {SLA_US} us", "values": v,
            "closed_loop": top, "figures": [
                {"kind": "lines", "x": "requests a second", "log": "xy",
                 "y": f"{q}, us", "lines": {
                     k: [[rate, us] for rate, us, _ in cs[-1]]
                     for k, cs in curves.items()}}, {"kind": "bars"}],
            "rows": [
                ratio(v, f"{name}, rate with {q} < {SLA_US} us: kv on IX / "
                      "memcached", "kv", "memcached"),
                ratio(top, f"{name}, as much as it can: kv on IX / memcached",
                      "kv", "memcached"),
                ratio(low, f"{name}, {q} at a twelfth of that: memcached / kv "
                      "on IX", "memcached", "kv")]}


def etc(bench):
    """memcached's ETC mix (75 % GET, values of 1 B to 1 KB): rate at the SLA"""
    return mix_scenario(bench, "etc")


def usr(bench):
    """memcached's USR mix (99 % GET, values of 2 B): rate at the SLA"""
    return mix_scenario(bench, "usr")
