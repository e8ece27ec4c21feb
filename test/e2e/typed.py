#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""README.md, doc/programming.md and doc/kv.md, typed: each block of commands as it
stands there, by an ordinary user where it says so, on an installation of that
user's own. Who puts another block there says in TYPED what types it.

    typed.py SOURCE_DIR BUILD_DIR PREFIX"""
import fcntl
import os
import re
import shutil
import subprocess
import sys

SOURCE, BUILD, PREFIX = sys.argv[1], os.path.abspath(sys.argv[2]), sys.argv[3]
sys.path.insert(0, os.path.join(SOURCE, "tool"))
from lab import (Cannot, Lab, Veth, check, finish, sh, skip,  # noqa: E402
                 user_option, wait_for)

LIMIT = 200
PAGES = "README.md", "doc/programming.md", "doc/kv.md", "doc/porting.md"
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
# In place of the time that a start may take: until somebody is there.
WAIT = """sleep() { until ping -c 1 -W 1 10.0.0.2 >/dev/null 2>&1; do
command sleep 0.1; done; }; export -f sleep
"""


def page(name):
    with open(os.path.join(SOURCE, name)) as f:
        return f.read()


def blocks(name):
    """Of commands: not those in a language."""
    return [text for language, text in re.findall(
        r"^```(\w*)\n(.*?)^```$", page(name), re.M | re.S) if not language]


class Home:
    """An ordinary user's, who has installed IX to $HOME/ix."""

    def __init__(self, lab):
        self.path, session = lab.directory(), lab.directory()
        self.env = {"HOME": self.path, "PATH": os.environ["PATH"],
                    "XDG_RUNTIME_DIR": session, "IX_TYPED": str(os.getpid())}
        self.exports = next(b for b in blocks("doc/programming.md")
                            if b.startswith("export "))
        self.install(lab.directory())
        for name, example in ("echo.c", "echo.c"), ("server.c", "http.c"):
            shutil.copy(os.path.join(self.path, "ix/share/doc/ix/examples",
                                     example), os.path.join(self.path, name))
        if not os.geteuid():
            sh("chown", "-R", "65534:65534", self.path, session)

    def install(self, dest):
        """As `meson setup build --prefix=$HOME/ix` would have it."""
        with open(os.path.join(BUILD, "meson-logs/install.lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # install.sh reads meson's log
            sh("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir",
               dest)
        there = os.path.join(self.path, "ix")
        shutil.move(dest + PREFIX, there)
        sh("find", there, "-name", "*.pc", "-exec", "sed", "-i",
           f"s,^prefix=.*,prefix={there},", "{}", "+")

    def type(self, text):
        """Into a shell that reads line by line, as do those that it starts. What
        they said."""
        return subprocess.run(
            [*(NOBODY if not os.geteuid() else []), "bash"],
            input=WAIT + self.exports + text, text=True, cwd=self.path,
            env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=90).stdout

    def left(self):
        """Processes that come from what was typed."""
        mark, found = f"IX_TYPED={os.getpid()}".encode(), []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/environ", "rb") as f:
                    if mark in f.read().split(b"\0"):
                        found.append(pid)
            except OSError:
                pass  # it has ended, or is not ours
        return found


def said(what, text, *words):
    lacking = [w for w in words if not re.search(w, text, re.M)]
    check(what, not lacking, f"no {lacking} in:\n{text}" if lacking else "")


# ---- blocks

def ping(lab, home, text):
    said("from nothing to a ping", home.type(text), "3 received", "^hello$",
         "^ix-echo, process", "^ix-echo .* tap:ix0")
    check("nothing stays", wait_for(lambda: not home.left()), home.left())


def compile_echo(lab, home, text):
    out = home.type(text + "ls echo")
    check("echo.c compiles without a word", out == "echo\n", out)


def run_echo(lab, home, text):
    """And what comes after it on that page: load, and a look."""
    load, = (b for b in blocks("doc/programming.md") if "ixload" in b)
    load = re.sub(r"(?<=:7)\b", " -d 0.5 -w 0", load)
    out = home.type(f"{text}{load}\nip link set lo up\nix metrics &\n"
                    "curl -s --retry 9 --retry-connrefused "
                    "http://127.0.0.1:9940/metrics\nkill %2 %1\n")
    said("a program of one's own, loaded, looked at", out, "3 received",
         "^hello$", "^echo over linux, 64", "of 20000 wanted",
         "^ix_dataplane_info")
    check("nothing stays", wait_for(lambda: not home.left()), home.left())


def daemon(lab, home, text):
    """man ixcpd.conf has an example."""
    example = re.search(r"^\.Bd -literal\n(.*?)^\.Ed", page(
        "man/ixcpd.conf.5"), re.M | re.S)[1]
    with open(os.path.join(home.path, "ixcpd.conf"), "w") as f:
        f.write(example)
    said("ixcpd --check", home.type("PATH=$HOME/ix/sbin:$PATH\n" +
                                    text.splitlines()[0]), "ok, 2 dataplanes")


def real_interface(lab):
    """One that is a veth, with Linux at its other end."""
    veth = Veth(lab, "10.0.0.1", "10.0.0.9")
    for name, *change in (("ix0", "down"), ("ix0", "name", "eth0"),
                          ("eth0", "up")):
        veth.ip("s", "link", "set", "dev", name, *change)
    return veth


def by_root(home, text):
    """The block as one command that becomes its last line. A program in a directory
    that is closed to others runs as root."""
    *first, run = text.replace("./run build\n", "").strip().splitlines()
    program = run.rpartition(" -- ")[2]
    option = user_option(home.path if program[0] == "."
                         else program.replace("build", BUILD))
    run = run.replace(" -- ", f" {' '.join(option)} -- ")
    return "\n".join([home.exports, *first, "exec " +
                      re.sub(r"\bbuild/", BUILD + "/", run)])


def on_eth0(client, answer):
    def typed(lab, home, text):
        if os.geteuid():
            return print(f"left out, as it needs root: {text}")
        veth, out = real_interface(lab), ""
        server = lab.start([*veth.on("s"), "bash", "-c", by_root(home, text)],
                           cwd=home.path, env=home.env)

        def answers():
            nonlocal out
            out = subprocess.run([*veth.on("c"), "bash", "-c", client],
                                 text=True, stdout=subprocess.PIPE).stdout
            return answer in out

        check(text.strip(), wait_for(answers, 30), out or server.said())
        check("... ends", server.end() in (0, 143, -15), server.said())
        for name in veth.names.values():
            sh("ip", "netns", "del", name)
            lab.netns.remove(name)

    return typed


def echo(address):
    return on_eth0(f"echo hello | timeout 2 nc -N {address} 7", "hello")


# Words of a block: how it is typed, or which test does that.
TYPED = {
    "rules: {": "cpd_user",
    "-- ix-echo &\n": ping,
    "cc -O2 echo.c": compile_echo,
    "-- ./echo &\n": run_echo,
    "-- build/app/kv\n": on_eth0(
        "printf 'set a 0 0 1\\r\\nx\\r\\nquit\\r\\n' | "
        "timeout 2 nc -N 10.0.0.2 11211", "STORED"),
    "-- ./server\n": on_eth0("curl -sm 2 http://10.0.0.2/", "Hello from IX"),
    "--ports_only --port 7 -- ./echo\n": echo("10.0.0.1"),
    "10.0.0.2/24 --port 7 -- ./echo\n": echo("10.0.0.2"),
    "ixcpd --check": daemon,
    "export PATH=": "each of these",
    "ixload --conns": "run_echo",
    "meson install": "install",
    "./run demo": "demo",
    "ix drain": "drain",
}


def every_block(lab, home):
    for text in [b for name in PAGES for b in blocks(name)]:
        if text.startswith("nic/ "):
            continue  # the tree
        how = next((how for words, how in TYPED.items() if words in text), None)
        if callable(how):
            how(lab, home, text)
        else:
            check(f"typed by {how}: {text.splitlines()[0]}", how)


# ---- beside blocks

def names(home):
    """Every `ix NAME` and every option between backquotes is one, ./run's among
    them. The other pages have options of other programs', too."""
    quoted = re.findall(r"`([^`\n]+)`", "".join(map(page, PAGES[:2])))
    commands = {m[1] for m in (re.match(r"ix ([a-z]+)\b", q) for q in quoted)
                if m}
    told = home.type(
        "ix run --help\nixload --help\nmeson install --help\nmeson setup --help\n"
        "ix-kv --help\n" + "".join(f"ix {c} --help || echo no such thing: {c}\n"
                                   for c in sorted(commands)))
    check(f"{len(commands)} commands", len(commands) > 12 and
          "no such thing" not in told, re.findall("no such thing.*", told))
    options = {o for q in quoted for o in re.findall(r"(?<!\S)--[a-z][\w.-]+",
                                                     q)}
    known = set(re.findall(r"--[a-z][\w.-]+", told + page("run"))) | {"--cflags"}
    unknown = options - known
    check(f"{len(options)} options", len(options) > 30 and not unknown, unknown)


def kv(home):
    """doc/kv.md, "Starting it"."""
    words = "--nonsense", "-p 99999999", "one too many", "--help"
    out = home.type("".join(f"ix-kv {w} >/dev/null 2>&1; echo $?\n"
                            for w in words))
    check("exit status of kv", out.split() == ["2", "2", "2", "0"], out)


def wrong(home):
    """doc/programming.md, "What can go wrong"."""
    out = home.type(
        "./echo\nix run --nic tap:ix0,10.0.0.1/24 --ip 10.0.0.2/24 -- ./echo\n"
        "LD_LIBRARY_PATH= ./echo\n")
    table = page("doc/programming.md").partition("## What can go wrong")[2]
    for words in ("ix: no dataplane; start this program with: ix run",
                  "making TAP device ... is not permitted",
                  "error while loading shared libraries: libix.so.0"):
        check("said, and on the page: " + words, words in table and
              re.search(words.replace("...", ".*"), out), out)


def main():
    r = subprocess.run(["unshare", "-Urn", "true"], capture_output=True)
    if r.returncode or not os.access("/dev/net/tun", os.W_OK):
        skip("no user namespaces, or no /dev/net/tun")
    lab = Lab(limit=LIMIT)
    home = Home(lab)
    names(home)
    every_block(lab, home)
    kv(home)
    wrong(home)
    finish()


try:
    main()
except Cannot as e:
    skip(e)
