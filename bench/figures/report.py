# SPDX-License-Identifier: MIT
"""The table; sections of pages."""

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


# ---- a section of a page stands between two markers

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


def figure_row(row):
    between = f" ({spread(row)})" if spread(row) else ""
    want = f"{row.how} {row.target:g}" if row.target is not None else ""
    return (f"| {row.what} | {row.value:.2f}{between} | {want} | "
            f"{verdict(row)} |")


def put_profile(text, profile):
    return put_section(text, "profile", [
        "| function, what it inlined included | instructions per echo |",
        "|---|---|"] + [f"| `{n}` | {v:g} |" for n, v in profile if v >= 5])


def write_profile(results):
    profile = results["scenarios"].get("insns", {}).get("profile")
    if not profile:
        return
    with open(README) as f:
        text = f.read()
    with open(README, "w") as f:
        f.write(put_profile(text, profile))
