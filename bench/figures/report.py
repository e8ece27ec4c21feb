# SPDX-License-Identifier: MIT
"""The table, and bench/README.md."""

import os
import re

from figures.turns import TOO_NOISY, Row, spread, verdict

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
README = os.path.join(HERE, "README.md")


def rows(result):
    return [Row(*r) for r in result.get("rows", ())]


def unmeasured(result):
    return result.get("error") or result.get("left_out")


def print_table(results):
    """How many figures are missed, too noisy or not measured."""
    print(f"\n{'what':<58}{'measured':>10}{'spread':>17}{'reach':>9}")
    missed = 0
    for name, r in results.items():
        if unmeasured(r):
            print(f"{name:<58}{'-':>10}{'':>26}  not measured: {unmeasured(r)}")
            missed += "error" in r
        for row in rows(r):
            want = f"{row.how} {row.target:g}" if row.target is not None else ""
            v = verdict(row)
            missed += v in ("MISSED", TOO_NOISY)
            print(f"{row.what:<58}{row.value:>10.2f}{spread(row):>17}"
                  f"{want:>9}  {v}")
    return missed


# ---- the README: a section stands between two markers

def section(name):
    return re.compile(f"(<!-- {name} -->\n)(.*?)(<!-- /{name} -->)", re.S)


def get_section(text, name):
    return section(name).search(text).group(2).splitlines()


def put_section(text, name, lines):
    return section(name).sub(
        lambda m: m.group(1) + "\n".join(lines) + "\n" + m.group(3), text)


def place(facts):
    virtual = " of a virtual machine" if facts["virtual"] else ""
    return (f"{facts['cpu']}, {facts['cores']} cores{virtual}, Linux "
            f"{facts['kernel']}")


def heading(facts):
    lines = [f"{place(facts)}, {facts['time'][:10]}."]
    if facts["load"] > 0.5:
        lines.append(f"The machine was busy (load {facts['load']:.1f}).")
    return lines


def figure_row(row):
    between = f" ({spread(row)})" if spread(row) else ""
    want = f"{row.how} {row.target:g}" if row.target is not None else ""
    return (f"| {row.what} | {row.value:.2f}{between} | {want} | "
            f"{verdict(row)} |")


def figure_rows(results):
    """A row of the README's first table under its first column."""
    return {row.what: figure_row(row)
            for r in results.values() for row in rows(r)}


def raw_rows(results):
    rows = {}
    for name, r in results.items():
        medians = [f"{k} {v['median']:,.0f}"
                   for k, v in r.get("values", {}).items() if "median" in v]
        if medians:
            rows[name] = f"| {name} | {r['unit']} | {', '.join(medians)} |"
    return rows


def tables(rows, raw):
    return ["", "| what | measured | reach | |", "|---|---|---|---|",
            *rows.values(), "", "| raw numbers | unit | medians |",
            "|---|---|---|", *raw.values()]


def cell(line):
    return line.split("|")[1].strip() if line.startswith("|") else None


def replace_rows(lines, rows):
    """A row that is not there yet goes behind the one before it."""
    at = None
    for what, row in rows.items():
        found = [i for i, line in enumerate(lines) if cell(line) == what]
        if found:
            at = found[0]
            lines[at] = row
        elif at is None:
            raise KeyError(f"bench/README.md has no row '{what}', and it is "
                           "not clear where it goes: measure everything")
        else:
            at += 1
            lines.insert(at, row)


NEWER = re.compile(r"^Newer than that: (.*)\.$", re.M)


def note_newer(lines, names, day):
    """Says which scenarios are not of the day in the heading."""
    old = NEWER.search("\n".join(lines))
    dates = dict(x.split(" ") for x in old.group(1).split(", ")) if old else {}
    dates.update(dict.fromkeys(names, day))
    lines[:] = [line for line in lines if not NEWER.match(line)]
    lines.insert(lines.index(""), "Newer than that: " + ", ".join(
        f"{n} {d}" for n, d in dates.items()) + ".")


def update_readme(text, results, facts, whole):
    """@whole: all scenarios were measured."""
    rows, raw = figure_rows(results), raw_rows(results)
    if whole:
        lines = heading(facts) + tables(rows, raw)
    else:
        lines = get_section(text, "figures")
        replace_rows(lines, rows)
        replace_rows(lines, raw)
        note_newer(lines, results, facts["time"][:10])
    text = put_section(text, "figures", lines)
    profile = results.get("insns", {}).get("profile")
    if profile:
        text = put_section(text, "profile", [
            "| function, what it inlined included | instructions per echo |",
            "|---|---|"] + [f"| `{n}` | {v:g} |" for n, v in profile
                            if v >= 5])
    return text


def write_readme(results, facts, whole):
    with open(README) as f:
        text = f.read()
    text = update_readme(text, results, facts, whole)
    with open(README, "w") as f:
        f.write(text)
