#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Maps that lie: every file, function and other name_with_underscore that a
comment of a header or a document speaks of is one of the source or, of
Linux's, is used there; and no file is missing from the maps of its folder.
maps.py SOURCE_DIR"""
import os
import re
import sys

# Of others: Linux, memcached, the original IX; names that are put together.
ELSEWHERE = {"xdp_desc", "gro_flush_timeout", "napi_defer_hard_irqs",
             "rps_cpus", "protocol_binary.h", "churn_rst", "NAME.sh", "NAME.pkt"}
DOCS = re.compile(r"\.md$")
CODE = re.compile(r"\.(c|h|S|def|py|sh|build|txt|ld|pkt|bpf\.c)$")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
QUOTED = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"(?<![\w./*-])((?:[\w-]+/)*[\w-]+\.(?:c|h|S|def|sh|py|md|pkt))\b(?!/)")
CALL = re.compile(r"\b([A-Za-z_]\w*)\(\)")
MAIN = re.compile(r"^int main\(", re.M)
NAME = re.compile(r"(?<![\w./$%-])([a-z][a-z0-9]*(?:_[a-z0-9]+)+)\b(?![*/.-])")


def tree(top):
    for here, dirs, files in os.walk(top):
        dirs[:] = [d for d in dirs
                   if not d.startswith((".git", "build", "corpus"))]
        for f in files:
            yield os.path.relpath(os.path.join(here, f), top)


def read(top, path):
    with open(os.path.join(top, path), encoding="utf-8",
              errors="replace") as f:
        return f.read()


def is_file(name, where, paths, stems):
    near = os.path.normpath(os.path.join(os.path.dirname(where), name))
    if not {near, name, "include/" + name, "include/compat/" + name}.isdisjoint(
            paths):
        return True
    return "/" not in name and name in stems


def check(where, text, paths, stems, words):
    """What @text, of file @where, names that is nowhere."""
    for m in FILE.finditer(text):
        if m.group(1) not in ELSEWHERE and not is_file(m.group(1), where, paths, stems):
            yield m.group(1), "no such file"
    for m in CALL.finditer(text):
        if m.group(1) not in words:
            yield m.group(1) + "()", "no such function"
    for m in NAME.finditer(text):
        if m.group(1) not in words | ELSEWHERE:
            yield m.group(1), "no such name"


def unmapped(top, paths):
    """Files that nothing leads to: of a folder with headers, those that have no
    header of their own name, and that none there speaks of; but for those with
    main(), whose name is the program's."""
    for folder in {os.path.dirname(p) for p in paths if p.endswith(".h")
                   and not p.startswith(("test/", "bench/"))}:
        here = {os.path.basename(p) for p in paths
                if os.path.dirname(p) == folder}
        spoken = {name for h in here if h.endswith(".h")
                  for comment in COMMENT.findall(
                      read(top, os.path.join(folder, h)))
                  for name in re.findall(r"[\w.-]+\.c\b", comment)}
        for c in here - spoken:
            path = os.path.join(folder, c)
            if c.endswith(".c") and c[:-2] + ".h" not in here and \
                    not MAIN.search(read(top, path)):
                yield path


def tables(text):
    """Rows of tables whose last column is called `test`: all cells."""
    inside = False
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip("| ").split(" | ")]
        if not line.startswith("|"):
            inside = False
        elif cells[-1] == "test":
            inside = True
        elif inside and not line.startswith("|-"):
            yield cells


def untested(text, paths):
    """What a table says without the name of a test; that files and functions
    are there is looked at as everywhere."""
    for cells in tables(text):
        if not any(p.startswith("test/") and os.path.basename(p) ==
                   os.path.basename(f) for f in FILE.findall(cells[-1])
                   for p in paths):
            yield cells[0], "no test of it"


def main(top):
    paths = set(tree(top))
    stems = {os.path.basename(p) for p in paths}
    product, everything = set(), set()
    for p in sorted(paths):
        if CODE.search(p) and p != "test/maps.py":
            found = re.findall(r"\w+", COMMENT.sub(" ", read(top, p)))
            found += [w.lower() for w in found]  # doc/abi.md: calls, events
            found.append(os.path.basename(p).split(".")[0])  # a test's name
            everything.update(found)
            if not p.startswith(("test/", "bench/")):
                product.update(found)
    bad = seen = 0
    for p in sorted(paths):
        if p.endswith(".h"):
            text = "\n".join(COMMENT.findall(read(top, p)))
        elif DOCS.search(p):
            text = "\n".join(QUOTED.findall(read(top, p)))
        else:
            continue
        seen += 1
        tests = p.startswith(("test/", "bench/")) or DOCS.search(p)
        words = everything if tests else product
        found = set(check(p, text, paths, stems, words))
        if DOCS.search(p):
            found |= set(untested(read(top, p), paths))
        for name, what in sorted(found):
            print(f"{p}: {name}: {what}")
            bad += 1
    for p in sorted(unmapped(top, paths)):
        print(f"{p}: no header in its folder speaks of it")
        bad += 1
    if seen < 50:
        print(f"{top}: {seen} headers and documents are not IX's")
        bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))
