# SPDX-License-Identifier: MIT
"""What the turns of a scenario say together: a row of the table.

Contenders run in turns, A B A B ...: what else the machine did in turn i hit
all of them alike, so a ratio is taken in each turn as well. The spread is an
interval for the median of these: between the k-th smallest and the k-th largest
of n values lies the median of whatever they come from, unless fewer than k
fell on one side of it; and each falls on either side by the toss of a coin. No
shape is assumed (order statistics). Three turns give 75 %, five 94 %, one none:
what it says is shown and decides nothing."""

import math
import statistics
import typing

CONFIDENCE = 0.9  # wanted, where there are turns enough
# high / low above which a figure says nothing, and above which it does not say
# on which side of a target between them it is.
NOISY, UNDECIDED = 1.5, 1.1
ONE_TURN, TOO_NOISY = "one turn", "too noisy"  # verdicts that are none


class Row(typing.NamedTuple):
    what: str
    value: float
    target: float | None = None
    how: str = ""  # ">=" or "<="
    # Of an exact figure None; after one turn there is only the confidence, 0.
    low: float | None = None
    high: float | None = None
    confidence: float | None = None


def summary(samples):
    return {"median": statistics.median(samples), "values": samples}


def medians(values):
    return {k: v["median"] for k, v in values.items()}


def turns(values):
    """A dictionary of the contenders' numbers for each turn."""
    names = list(values)
    return [dict(zip(names, v))
            for v in zip(*(values[k]["values"] for k in names))]


def confidence(n, k):
    """That the median lies between the k-th smallest and the k-th largest."""
    return 1 - 2 * sum(math.comb(n, i) for i in range(k)) / 2 ** n


def interval(samples):
    """Low, high, confidence: the narrowest that reaches CONFIDENCE, else all
    that there is."""
    n, x = len(samples), sorted(samples)
    if n < 2:
        return None, None, 0.0
    k = max((k for k in range(2, (n + 1) // 2 + 1)
             if confidence(n, k) >= CONFIDENCE), default=1)
    return x[k - 1], x[n - k], round(confidence(n, k), 3)


def row(values, what, figure, target=None, how=""):
    """@figure: of the contenders' numbers, a number."""
    return Row(what, figure(medians(values)), target, how,
               *interval([figure(t) for t in turns(values)]))


def ratio(values, what, a, b, target=None, how=""):
    return row(values, what, lambda m: m[a] / m[b], target, how)


def if_there(values, *args):
    """A ratio to somebody who may not have taken part: none or one."""
    return [ratio(values, *args)] if args[1] in values and \
        args[2] in values else []


def apart(r, limit):
    return r.low <= 0 or r.high / r.low > limit


def too_noisy(r):
    """The turns do not agree, on the verdict neither."""
    if r.low is None:
        return False
    if r.target is None:
        return apart(r, NOISY)
    return r.low < r.target < r.high and apart(r, UNDECIDED)


def verdict(r):
    if r.confidence == 0:
        return ONE_TURN
    if too_noisy(r):
        return TOO_NOISY
    if r.target is None:
        return ""
    ok = r.value >= r.target if r.how == ">=" else r.value <= r.target
    return "reached" if ok else "MISSED"


def spread(r):
    return f"{r.low:.2f} to {r.high:.2f}" if r.low is not None else ""
