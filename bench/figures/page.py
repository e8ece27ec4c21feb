# SPDX-License-Identifier: MIT
"""bench/out/report.html: one page that needs nothing else. Only what
bench/out/results.json has goes into it."""

import html
import os
import re

from figures import plot
from figures.story import NAMES, ORIGINAL, TERMS, Number, story
from figures.turns import ONE_TURN, TOO_NOISY

LIMITED = 0.9  # of a bare NIC: then the path is what is measured

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 54rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 3rem; }
figure { margin: 1rem 0; } svg { width: 100%; height: auto; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0;
  font-size: .9rem; }
th, td { text-align: left; padding: .3rem .6rem; vertical-align: top;
  border-bottom: 1px solid #ddd; }
td.n { text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
.reached { color: #28702c; } .MISSED { color: #b3261e; }
.noisy { color: #8a5a00; } .noisy, .MISSED { white-space: nowrap; }
.facts, .conditions { color: #555; font-size: .9rem; }
dt { font-weight: 600; } dd { margin: 0 0 .5rem 1rem; }
nav { columns: 2; font-size: .9rem; } nav ul { margin: 0; }
@media (max-width: 40rem) { nav { columns: 1; } table { display: block;
  overflow-x: auto; } }
"""

HOW_TO_READ = """
<p>Contenders run in turns, A B A B …, so that whatever else the machine does
meets all of them alike. A bar is the median of the turns, each dot is one turn.
<em>Ratios on this page mean something, absolute numbers belong to this machine</em>:
other machines, real network cards above all, give others.</p>
<p>The spread is where the ratio’s median lies with the confidence given. “Too
noisy” means: the turns differ so much that this figure proves nothing, in
either direction, or differ about whether the aim is reached. “One turn” means:
measured once, to have a look; nobody knows how much another turn would differ.
The original’s numbers come from other hardware; they stand
beside ours to compare <em>how much</em> IX gains over Linux, not how fast each
machine is.</p>
"""


def esc(text):
    return html.escape(str(text))


def number(x):
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.2f}"


def table(head, rows):
    return ("<table><thead><tr>" + "".join(f"<th>{esc(h)}</th>" for h in head) +
            "</tr></thead><tbody>" +
            "".join("<tr>" + "".join(r) + "</tr>" for r in rows) +
            "</tbody></table>")


def cell(text, kind=""):
    return f'<td class="{kind}">{esc(text)}</td>' if kind \
        else f"<td>{esc(text)}</td>"


def spread(r):
    if r["low"] is None:
        return ""
    return (f"{number(r['low'])} to {number(r['high'])} "
            f"({r['confidence']:.0%})")


def kind_of(verdict):
    return "noisy" if verdict in (ONE_TURN, TOO_NOISY) else verdict


def measured_rows(scenario):
    rows = [(cell(r["what"]), cell(number(r["value"]), "n"),
             cell(spread(r), "n"),
             cell(f"{r['how']} {r['target']:g}" if r["target"] is not None
                  else "", "n"),
             cell(r["verdict"], kind_of(r["verdict"])))
            for r in scenario["rows"]]
    return table(("what", "measured here", "spread", "aim", ""),
                 rows) if rows else ""


def ours(number_, scenarios):
    """What stands beside a number of the original's; of another quantile, where
    --sla asked for that."""
    wanted = [number_.row.replace("p99", q) for q in ("p99", "p90", "p50")]
    for s in scenarios.values():
        for r in s.get("rows", ()):
            if r["what"] in wanted:
                doubt = f", {r['verdict']}" * (kind_of(r["verdict"]) == "noisy")
                return f"{number(r['value'])}{doubt}: {r['what']}"
    return number_.words or "not measured here"


def original_rows(tale, scenarios):
    rows = [(cell(n.what), cell(n.value), cell(ours(n, scenarios)),
             cell(n.where)) for n in map(Number._make, tale.original)]
    return table(("the original measured", "its number", "ours",
                  "where the original was measured"), rows) if rows else ""


def limited_by_path(scenario):
    """Ratios to a bare NIC that say that the path is what is measured."""
    return [r for r in scenario["rows"]
            if r["what"].endswith("IX / raw AF_XDP") and
            (r["value"] if r["low"] is None else r["low"]) >= LIMITED and
            scenario["unit"].endswith("/s")]


COST = "insns", "cpu"  # scenarios that have it


def path_note(scenario, scenarios):
    if not limited_by_path(scenario):
        return ""
    costs = [r for name in COST
             for r in scenarios.get(name, {}).get("rows", ())]
    return ("<p><strong>The path is the limit here.</strong> IX gets as "
            "much across as a program without any network stack does over "
            "the same virtual cable and kernel interface (AF_XDP on veth), so "
            "this figure shows the cable. What a message costs says more:</p>" +
            (measured_rows({"rows": costs}) if costs else
             "<p>(not measured yet: <code>./run bench --only "
             f"{','.join(COST)}</code>)</p>"))


def conditions_of(s):
    said = "; ".join(sorted({
        re.sub(r"shared memory \S+", "shared memory,", x.partition("; address")
               [0]) for x in s.get("ix", ())}))
    parts = [f"measured {s['when'][:16].replace('T', ' ')}",
             f"{s['turns']} turn{'s' * (s['turns'] != 1)} of "
             f"{s['seconds']:g} s", f"load of the machine {s['load']:.1f}"]
    if s.get("realtime"):
        parts.append("servers and clients before all others' work (real-time "
                     "priority)")
    if s.get("quick"):
        parts.append("a quick run")
    if said:
        parts.append(said)
    return "; ".join(parts)


def section(name, s, scenarios):
    tale = story(name, s)
    out = [f'<section id="{esc(name)}"><h2>{esc(tale.title)}</h2>',
           f"<p>{esc(tale.shows)}</p>"]
    why = s.get("error") or s.get("left_out")
    if why:
        out.append(f"<p><strong>Not measured:</strong> {esc(why)}</p>")
    else:
        out += [f"<figure>{svg}</figure>" for svg in
                plot.figures(name, s, esc(tale.title), NAMES)]
        out += [measured_rows(s), path_note(s, scenarios)]
    out += [f"<p>{esc(note)}</p>" for note in s.get("notes", ())]
    out += [original_rows(tale, scenarios), 
            f'<p class="conditions">{esc(conditions_of(s))}.</p>', "</section>"]
    return "\n".join(out)


def facts(m):
    rows = [("processor", f"{m['cpu']}, {m['cores']} cores" +
             (", virtual machine" if m["virtual"] else "")),
            ("kernel", f"Linux {m['kernel']}"),
            ("memory", f"{m['memory_mb']:,} MB; huge pages {m['huge_pages']}; "
             f"transparent huge pages {m['transparent_huge_pages']}"),
            ("frequency governor", m["governor"] or "none to be seen"),
            ("isolated cores", m["isolated_cores"] or "none"),
            *(("mitigation, " + k.replace("_", " "), v)
              for k, v in m["mitigations"].items()),
            ("Linux servers", ", ".join(f"{k} {v}" for k, v in
                                        m["tools"].items()))]
    return "<h2>This machine</h2>" + table(("", ""), [(cell(a), cell(b)) for a, b in rows])


def terms():
    return "<h2>Words</h2><dl>" + "".join(
        f"<dt>{esc(word)}</dt><dd>{esc(what)}.</dd>"
        for word, what in TERMS.items()) + "</dl>"


def contents(scenarios):
    return "<nav><ul>" + "".join(
        f'<li><a href="#{esc(n)}">{esc(story(n, s).title)}</a></li>'
        for n, s in scenarios.items()) + "</ul></nav>"


def page(results, order):
    """@order: of the scenarios; others come last."""
    found = results["scenarios"]
    names = [n for n in order if n in found] + \
        [n for n in found if n not in order]
    scenarios = {n: found[n] for n in names}
    return "\n".join([
        '<!DOCTYPE html>', '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        "<title>IX, measured</title>", '<link rel="icon" href="data:,">',
        f"<style>{STYLE}</style></head><body>", "<h1>IX, measured</h1>",
        "<p>IX is a network stack of its own for servers that answer many "
        "small requests: it talks to the network card without the kernel in "
        "between, and still keeps the application away from the card and from "
        "the stack’s memory. This page compares it with what Linux offers, on "
        "one machine, over the same (virtual) cable, and with what the paper "
        f"that proposed it measured ({esc(ORIGINAL)}).</p>",
        HOW_TO_READ, contents(scenarios), terms(),
        facts(results["machine"]),
        *(section(n, s, scenarios) for n, s in scenarios.items()),
        "<p class=facts>Made by <code>./run bench</code> from "
        "bench/out/results.json.</p>", "</body></html>", ""])


def write(results, order, out):
    path = os.path.join(out, "report.html")
    text = page(results, order)
    with open(path + ".new", "w") as f:
        f.write(text)
    os.replace(path + ".new", path)
    return path
