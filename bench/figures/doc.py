# SPDX-License-Identifier: MIT
"""doc/performance.md: its two sections that are numbers, from results.json."""

import os

from figures.page import conditions_of, ours
from figures.report import HERE, figure_row, put_section
from figures.story import Number, story
from figures.turns import Row

DOC = os.path.join(os.path.dirname(HERE), "doc", "performance.md")


def machine_lines(m):
    virtual = " of a virtual machine" if m["virtual"] else ""
    weak = ", ".join(f"{k.replace('_', ' ')} ({v.split(';')[0]})"
                     for k, v in m["mitigations"].items())
    return [f"- {m['cpu']}, {m['cores']} cores{virtual}, Linux {m['kernel']}, "
            f"{m['memory_mb']:,} MB",
            f"- huge pages {m['huge_pages']}; transparent huge pages "
            f"{m['transparent_huge_pages']}; isolated cores "
            f"{m['isolated_cores'] or 'none'}; governor "
            f"{m['governor'] or 'none to be seen'}",
            f"- mitigations: {weak or 'none needed'}",
            "- " + ", ".join(f"{k} {v}" for k, v in m["tools"].items())]


def row_of(record):
    return Row(*(record[k] for k in Row._fields))


def section_lines(name, s, scenarios):
    tale = story(name, s)
    out = ["", f"### {tale.title}", "", f"`--only {name}`. {tale.shows}", ""]
    why = s.get("error") or s.get("left_out")
    if why:
        return out + [f"Not measured: {why}"]
    out += ["| what | measured (spread) | aim | |", "|---|---|---|---|",
            *(figure_row(row_of(r)) for r in s["rows"])]
    numbers = [Number._make(n) for n in tale.original]
    if numbers:
        out += ["", "| the original | its number | ours |", "|---|---|---|",
                *(f"| {n.what} | {n.value} | {ours(n, scenarios)} |"
                  for n in numbers)]
    return out + ["", conditions_of(s) + "."]


def write(results, order, path=DOC):
    scenarios = results["scenarios"]
    with open(path) as f:
        text = f.read()
    text = put_section(text, "machine", machine_lines(results["machine"]))
    text = put_section(text, "figures", [
        line for name in order if name in scenarios
        for line in section_lines(name, scenarios[name], scenarios)])
    with open(path, "w") as f:
        f.write(text)
