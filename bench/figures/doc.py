# SPDX-License-Identifier: MIT
"""doc/performance.md: its numbers, from results.json. Only what that has measured
is replaced: all else, of other runs, on other machines or written by hand, stays
where it is. So each part says when, where and under what load it was measured."""

import os
import re

from figures.page import conditions_of, ours
from figures.report import HERE, figure_row, get_section, place, put_section
from figures.story import Number, story
from figures.turns import Row

DOC = os.path.join(os.path.dirname(HERE), "doc", "performance.md")


def machine_lines(m):
    weak = ", ".join(f"{k.replace('_', ' ')} ({v.split(';')[0]})"
                     for k, v in m["mitigations"].items())
    return [f"- {place(m)}, {m['memory_mb']:,} MB",
            f"- huge pages {m['huge_pages']}; transparent huge pages "
            f"{m['transparent_huge_pages']}; isolated cores "
            f"{m['isolated_cores'] or 'none'}; governor "
            f"{m['governor'] or 'none to be seen'}",
            f"- mitigations: {weak or 'none needed'}",
            "- " + ", ".join(f"{k} {v}" for k, v in m["tools"].items())]


def row_of(record):
    return Row(*(record[k] for k in Row._fields))


def not_measured(s):
    return s.get("error") or s.get("left_out")


def part(name, s, results):
    """Lines of a scenario."""
    tale = story(name, s)
    out = ["", f"### {tale.title}", "", f"`--only {name}`. {tale.shows}", ""]
    if not_measured(s):
        return out + [f"Not measured: {not_measured(s)}"]
    out += ["| what | measured (spread) | aim | |", "|---|---|---|---|",
            *(figure_row(row_of(r)) for r in s["rows"])]
    for note in s.get("notes", ()):
        out += ["", note]
    numbers = [Number._make(n) for n in tale.original]
    if numbers:
        out += ["", "| the original | its number | ours |", "|---|---|---|",
                *(f"| {n.what} | {n.value} | "
                  f"{ours(n, results['scenarios'])} |" for n in numbers)]
    return out + ["", f"{conditions_of(s)}; {place(results['machine'])}."]


ONLY = re.compile(r"^`--only (\w+)`\. ", re.M)


def split(lines):
    """The page's parts, from heading to heading, as (scenario, lines); None: of no
    scenario."""
    parts = re.split(r"^(?=\n### )", "\n".join(lines), flags=re.M)
    found = [ONLY.search(p) for p in parts]
    return [(f and f[1], p.splitlines()) for f, p in zip(found, parts)]


def put_part(parts, name, lines, order):
    """In the place of the older one; else behind the nearest that goes before it."""
    names = [n for n, _ in parts]
    if name in names:
        parts[names.index(name)] = name, lines
        return
    before = order[:order.index(name)]
    at = max((names.index(n) + 1 for n in before if n in names), default=0)
    parts.insert(at, (name, lines))


def update(text, results, order):
    """@order: of the scenarios. One that was tried and has no numbers does not
    take the place of numbers."""
    parts = split(get_section(text, "figures"))
    there = {n for n, _ in parts}
    scenarios = results["scenarios"]
    for name in filter(scenarios.get, order):
        s = scenarios[name]
        if name not in there or not not_measured(s):
            put_part(parts, name, part(name, s, results), order)
    text = put_section(text, "machine", machine_lines(results["machine"]))
    return put_section(text, "figures", [x for _, lines in parts
                                         for x in lines])


def write(results, order, path=DOC):
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(update(text, results, order))
