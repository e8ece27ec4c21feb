# SPDX-License-Identifier: MIT
"""The table, the raw numbers, and bench/README.md."""

import json
import os
import platform
import re
import time

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
README = os.path.join(HERE, "README.md")


def machine():
    with open("/proc/cpuinfo") as f:
        cpu = f.read()
    name = re.search(r"^model name\s*: (.*)$", cpu, re.M)
    return {"cpu": name.group(1) if name else "", "cores": os.cpu_count(),
            "kernel": platform.release(), "virtual": "hypervisor" in cpu,
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "load": os.getloadavg()[0]}


def verdict(value, target, how):
    if target is None:
        return ""
    ok = value >= target if how == ">=" else value <= target
    return "reached" if ok else "MISSED"


def print_table(results):
    """How many figures are missed or not measured."""
    print(f"\n{'what':<58}{'measured':>10}{'reach':>9}")
    missed = 0
    for name, r in results.items():
        if "error" in r:
            print(f"{name:<58}{'-':>10}{'':>9}  not measured: {r['error']}")
            missed += 1
            continue
        for what, value, target, how in r["rows"]:
            want = f"{how} {target:g}" if target is not None else ""
            v = verdict(value, target, how)
            missed += v == "MISSED"
            print(f"{what:<58}{value:>10.2f}{want:>9}  {v}")
    return missed


def save(results, facts):
    where = os.path.join(HERE, "results")
    os.makedirs(where, exist_ok=True)
    path = os.path.join(where, time.strftime("%Y%m%d-%H%M%S") + ".json")
    with open(path, "w") as f:
        json.dump({"machine": facts, "results": results}, f, indent=1)
        f.write("\n")
    print(f"\nbench: results in {os.path.relpath(path)}")


# ---- the README: a section stands between two markers

def section(name):
    return re.compile(f"(<!-- {name} -->\n)(.*?)(<!-- /{name} -->)", re.S)


def get_section(text, name):
    return section(name).search(text).group(2).splitlines()


def put_section(text, name, lines):
    return section(name).sub(
        lambda m: m.group(1) + "\n".join(lines) + "\n" + m.group(3), text)


def heading(facts):
    virtual = " of a virtual machine" if facts["virtual"] else ""
    lines = [f"{facts['cpu']}, {facts['cores']} cores{virtual}, Linux "
             f"{facts['kernel']}, {facts['time'][:10]}."]
    if facts["load"] > 0.5:
        lines.append(f"The machine was busy (load {facts['load']:.1f}).")
    return lines


def figure_rows(results):
    """A row of the README's first table under its first column."""
    return {what: f"| {what} | {value:.2f} | "
            f"{f'{how} {target:g}' if target is not None else ''} | "
            f"{verdict(value, target, how)} |"
            for r in results.values()
            for what, value, target, how in r.get("rows", ())}


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
