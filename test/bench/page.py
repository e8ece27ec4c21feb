#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/out/report.html of a few recorded numbers, in a browser:
page.py SOURCE_DIR BUILD_DIR. Pictures go to BUILD_DIR/report/."""
import json
import os
import shutil
import sys
import tempfile

SOURCE, BUILD = sys.argv[1:3]
sys.path[:0] = [os.path.join(SOURCE, d) for d in ("bench", "tool")]
from figures import SCENARIOS, page, plot  # noqa: E402
from figures.story import NAMES, STORIES  # noqa: E402
from lab import check, finish, skip  # noqa: E402
from lab.browser import Browser  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(BUILD, "report")
# Of each scenario, how many figures, and the least number of bars or lines.
DRAWN = {"insns": (0, 0), "echo": (1, 4), "pingpong": (1, 2),
         "latency": (2, 2), "wire": (0, 0)}

SHAPES = """[...document.querySelectorAll("section")].map(s => [s.id,
    [...s.querySelectorAll("figure > svg")].map(g => {
        const r = g.getBoundingClientRect();
        const plots = [...g.querySelectorAll("[id*=gnuplot_plot_]")];
        const names = [...g.querySelectorAll("text")].map(t =>
            t.getBoundingClientRect()).filter(t => t.width);
        return {width: r.width, height: r.height, plots: plots.length,
            outside: names.filter(t => t.left < r.left - 1 || t.right > r.right
                + 1 || t.bottom > r.bottom + 1).length,
            covered: names.filter((a, i) => names.some((b, j) => j > i &&
                a.left < b.right - 1 && b.left < a.right - 1 &&
                a.top < b.bottom - 4 && b.top < a.bottom - 4)).length,
            drawn: plots.filter(p => p.getBBox().width > 20 &&
                p.getBBox().height > 2).length,
            bars: [...g.querySelectorAll("polygon, path")].filter(p =>
                getComputedStyle(p).fill === "rgb(11, 110, 153)" &&
                p.getBBox().height > 2).length,
            text: g.textContent}; })])"""
IDS = "[...document.querySelectorAll('[id]')].map(e => e.id)"
DANGLING = """[...document.querySelectorAll("use, a[href^='#']")].map(u =>
    u.getAttribute("href") || u.getAttribute("xlink:href")).filter(h =>
    !document.getElementById(h.slice(1)))"""


def figures(b, scenarios):
    for name, svgs in b.js(SHAPES):
        number, least = DRAWN[name]
        check(f"{name}: {number} figures, each drawn", len(svgs) == number and
              all(g["width"] > 300 and g["height"] > 100 and
                  g["drawn"] == g["plots"] >= 1 for g in svgs),
              [{k: v for k, v in g.items() if k != "text"} for g in svgs])
        values = scenarios[name].get("values", {})
        for g in svgs:
            check(f"{name}: no words over others, or cut off",
                  not g["outside"] and not g["covered"],
                  (g["outside"], g["covered"]))
            # In lines: without their ends.
            check(f"{name}: every contender is in it",
                  all("".join(NAMES[k].split()) in
                      "".join(g["text"].split()) for k in values) and
                  max(g["bars"], g["plots"]) >= least, g["bars"])


def words(b, scenarios):
    text = b.js("document.body.innerText")
    check("machine and NIC", all(w in text for w in (
        "AMD EPYC", "6.18.44", "Retpolines", "AF_XDP, driver mode, copy")))
    for name in scenarios:
        tale = STORIES.get(name)
        check(f"{name}: says what it shows",
              (tale.shows if tale else scenarios[name]["about"]) in text)
    check("the original's number beside ours",
          "8.8 times" in text and
          "5.07: echo 64 B x 64 over veth: IX / Linux epoll on one core" in
          text)
    check("doubt", "too noisy" in text and "4.20 to 12.90 (75%)" in text)
    check("where the path is the limit, the cost of a message",
          "The path is the limit here" in text and
          "1,264" in b.js("document.getElementById('echo').innerText"))
    check("what failed says why", "<b>no answer</b>" in text)
    check("no hole", not any(w in text for w in (
        "None", "NaN", "undefined", "Gnuplot")))


def stories():
    """No scenario is told by its docstring, which is for who reads the code."""
    check("each scenario has a text", not set(SCENARIOS) - set(STORIES),
          set(SCENARIOS) - set(STORIES))
    names = {n.row for tale in STORIES.values() for n in tale.original}
    check("numbers of the original's", len(names) > 15)


def limits():
    """The path is the limit where all turns say so."""
    def limited(low):
        return page.limited_by_path({"unit": "msg/s", "rows": [
            {"what": "echo: IX / raw AF_XDP", "value": 1.1, "low": low}]})

    check("a path that is the limit", limited(0.95) and not limited(0.5))


def labels():
    """To gnuplot they are formats."""
    one = {"median": 1, "values": [1]}
    svg = plot.bars("percent", "x", {"3 % f": one, "none": one}, "title", {})
    check("per cent in a label", "3 % f" in svg and "%%" not in svg)


def alone(b, url):
    check("nothing from elsewhere", b.requests() in ([url], [url, url]),
          b.requests())
    check("no error", not b.errors(), b.errors()[:2])
    ids = b.js(IDS)
    check("names are unique", len(ids) == len(set(ids)) > 20, len(ids))
    check("links lead somewhere", b.js(DANGLING) == [], b.js(DANGLING))
    check("no script", b.js("document.scripts.length") == 0)


def looks(b):
    b.size(390, 844, True)
    wide = b.js("[document.documentElement.scrollWidth, innerWidth]")
    check("fits a phone", wide[0] <= wide[1], wide)
    b.size(1000, 900, False)
    path, size = b.picture("page.png")
    check("picture", size > 20000, path)


def main():
    program = shutil.which("chromium") or \
        skip("chromium is missing: apt-get install chromium")
    if not plot.have():
        skip("gnuplot is missing: apt-get install gnuplot-nox")
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(HERE, "results.json")) as f:
        results = json.load(f)
    stories()
    limits()
    labels()
    path = page.write(results, ["echo", "pingpong"], OUT)
    url = "file://" + os.path.abspath(path)
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home
        b = Browser(program, home, OUT)
        try:
            b.open()
            b.size(1000, 900, False)
            b.call("Page.navigate", url=url)
            check("opens", b.wait("document.readyState == 'complete' && "
                                  "document.title == 'IX, measured'"))
            figures(b, results["scenarios"])
            words(b, results["scenarios"])
            looks(b)
            alone(b, url)
        finally:
            b.close()
    finish()


main()
