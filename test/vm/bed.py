#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A machine whose /dev/kvm runs rings 0 and 3, emulated by software: QEMU with
AMD's virtualisation, Debian's kernel, and an initramfs of busybox, modules and
the files that the command needs, at the paths that they have here.

  bed.py [--timeout S] [--python] [--count] [--cpu MODEL] [--file PATH]...
          [--module PATH]... [--nic MODEL]... -- COMMAND ARGUMENTS

--python: with Python's library. --count: one processor, whose time stamp counter
counts the instructions that it has executed, whoever's they are. --cpu: another
processor, which may have no KVM. --nic: a NIC, as QEMU's -device has it; @queues
of it, if it says so. The first one is n0 in the machine, and a TAP device of that
name, 10.0.0.2/24, at the other end, in a network namespace where `far COMMAND` runs
what the machine asks for; the next one n1 and 10.0.1.2/24, and so on.

  host ---- qemu -accel tcg ---- Linux, kvm-amd ---- the guest under test

Its output is the command's, and so is its exit status; 124: not finished after
S seconds, then the registers of the machine's processors are shown, which are
those of the guest under test if one of them is in it. 77: cannot be had."""
import argparse
import ctypes
import glob
import json
import os
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time

KVM = ("virt/lib/irqbypass.ko", "arch/x86/kvm/kvm.ko",
       "drivers/crypto/ccp/ccp.ko", "arch/x86/kvm/kvm-amd.ko")
CPU, CPUS, MEMORY = "EPYC,+svm,+npt,+umip", 2, "1200M"
PYTHON = "/usr/bin/python3"
# Of its library, what no test needs and is large.
SKIPPED = {"test", "idlelib", "lib2to3", "ensurepip", "pydoc_data", "tkinter",
           "dist-packages", "distutils", "turtledemo"}
CLONE_NEWNET = 0x40000000
FAR, WAY = "10.0.255.9", "10.0.255.8"
STATUS = "bed: status "
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/ TMPDIR=/tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts /dev/net
[ -e /dev/net/tun ] || mknod /dev/net/tun c 10 200
chmod 1777 /tmp
mount -t tmpfs shm /dev/shm
mount -t devpts pts /dev/pts
mount -t cgroup2 cgroup /sys/fs/cgroup
ip link set lo up
for m in {modules}; do insmod $m || echo "bed: $m"; done
for i in /sys/class/net/eth*; do
	[ -e $i ] && read mac <$i/address && ip link set ${{i##*/}} name n$((0x${{mac##*:}}))
done
if [ -e /sys/class/net/n255 ]; then
	ip addr add {way}/24 dev n255
	ip link set n255 up
fi
stty -F /dev/ttyS1 raw -echo
( {command} ) < /dev/null > /dev/ttyS1 2>&1
echo "{status}$?" > /dev/ttyS1
sync
poweroff -f
"""
# Output first, then the status.
FAR_SH = r"""#!/bin/busybox sh
out=$(echo "{{ $*; }} 2>&1; echo \" \$?\"; exit" | nc {far} 7)
echo "${{out% *}}"
exit ${{out##* }}
"""


def fail(text, code=77):
    print("bed:", text)
    sys.exit(code)


class Initramfs:
    """A cpio archive, `newc`: the only one that the kernel reads."""

    def __init__(self, path):
        self.out = open(path, "wb")
        self.names = set()
        self.inode = 0

    def entry(self, name, mode, data=b"", rdev=(0, 0)):
        if name in self.names:
            return
        self.names.add(name)
        self.inode += 1
        raw = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev,
                  len(raw), 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + raw
        for part in (head, data):
            self.out.write(part + b"\0" * (-len(part) % 4))

    def directory(self, path):
        if path not in ("", "/"):
            self.directory(os.path.dirname(path))
            self.entry(path.lstrip("/"), stat.S_IFDIR | 0o755)

    def file(self, path, data=None, mode=0o755):
        self.directory(os.path.dirname(path))
        if data is None:
            with open(path, "rb") as f:
                data = f.read()
            mode = stat.S_IMODE(os.stat(path).st_mode)
        self.entry(path.lstrip("/"), stat.S_IFREG | mode, data)

    def add(self, path):
        """A file with the libraries it needs, or a folder with all in it."""
        path = os.path.abspath(path)
        if os.path.isdir(path):
            for name in sorted(set(os.listdir(path)) - SKIPPED):
                self.add(os.path.join(path, name))
            return
        self.file(path)
        for library in libraries(path):
            self.file(library)

    def close(self):
        self.entry("TRAILER!!!", 0)
        self.out.close()


def libraries(path):
    with open(path, "rb") as f:
        if f.read(4) != b"\x7fELF":
            return
    p = subprocess.run(["ldd", path], capture_output=True, text=True)
    for line in p.stdout.splitlines() if p.returncode == 0 else ():
        for word in line.split():
            if word.startswith("/"):
                yield word
                break


def find_kernel():
    """The newest of Debian's: its image, and its modules' folder."""
    for image in sorted(glob.glob("/boot/vmlinuz-*-amd64"), reverse=True):
        folder = "/lib/modules/%s/kernel/" % image[len("/boot/vmlinuz-"):]
        if os.path.isfile(folder + KVM[-1]):
            return image, folder
    return fail("no kernel: apt-get install linux-image-amd64")


def pack(path, folder, modules, files, command):
    fs = Initramfs(path)
    for name in ("bin", "sbin", "dev", "proc", "sys", "tmp", "etc", "root"):
        fs.directory("/" + name)
    fs.entry("dev/console", stat.S_IFCHR | 0o600, rdev=(5, 1))
    with open("/bin/busybox", "rb") as f:
        fs.file("/bin/busybox", f.read())
    for m in modules:
        with open(folder + m, "rb") as f:
            fs.file("/modules/" + os.path.basename(m), f.read(), 0o644)
    fs.file("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n"
            b"nobody:x:65534:65534:nobody:/:/bin/false\n", 0o644)
    fs.file("/etc/group", b"root:x:0:\nnogroup:x:65534:\n", 0o644)
    fs.file("/init", INIT.format(
        modules=" ".join("/modules/" + os.path.basename(m) for m in modules),
        command=shlex.join(command), status=STATUS, way=WAY).encode())
    fs.file("/bin/far", FAR_SH.format(far=FAR).encode())
    for f in files:
        fs.add(f)
    fs.close()


def registers(path):
    """From QEMU's monitor, of each processor."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(path)
        f = s.makefile("rw")
        f.readline()

        def ask(what, **arguments):
            json.dump({"execute": what, "arguments": arguments}, f)
            f.flush()
            while True:
                answer = json.loads(f.readline())
                if "return" in answer:
                    return answer["return"]

        ask("qmp_capabilities")
        return ask("human-monitor-command",
                   **{"command-line": "info registers -a"})


def processors(count):
    if count:
        return ["-accel", "tcg", "-icount", "shift=0,sleep=off", "-smp", "1"]
    # One thread for all processors: with one each, QEMU 7.2 writes into the
    # machine's own kernel now and then ("corrupted stack end").
    return ["-accel", "tcg,thread=single", "-smp", str(CPUS)]


def enter_namespace():
    """One of networks, for taps()."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        fail("may not make network namespaces")
    # QEMU reaches programs that it starts there.
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def tap(name, queues, address):
    more = ["multi_queue"] if queues > 1 else []
    for command in (["tuntap", "add", name, "mode", "tap", *more],
                    ["addr", "add", address, "dev", name],
                    ["link", "set", name, "up"]):
        if subprocess.run(["ip", *command]).returncode:
            fail("may not make TAP devices")


def nics(models):
    """QEMU's arguments for them and their other ends; and for the way to those,
    which is a NIC too, behind which a program sits."""
    args = []
    for i, model in enumerate(models):
        options = [o for o in model.split(",") if not o.startswith("queues=")]
        queues = int(dict(o.split("=") for o in model.split(",")[1:]).get(
            "queues", 1))
        name = "n%d" % i
        tap(name, queues, "10.0.%d.2/24" % i)
        args += ["-netdev", "tap,id=%s,ifname=%s,queues=%d,script=no,"
                 "downscript=no,vhost=off" % (name, name, queues),
                 "-device", ",".join([*options, "netdev=" + name,
                                      "mac=52:54:00:00:00:%02x" % i])]
    if models:
        args += ["-netdev", "user,id=far,restrict=on,net=10.0.255.0/24,"
                 "host=10.0.255.1,guestfwd=tcp:%s:7-cmd:sh" % FAR,
                 "-device", "virtio-net-pci,netdev=far,mac=52:54:00:00:00:ff"]
    return args


def run(image, initramfs, folder, timeout, count, cpu, models):
    """What the machine printed, and whether it ended by itself."""
    qmp = folder + "/qmp"
    machine = subprocess.Popen(
        ["qemu-system-x86_64", *processors(count), *nics(models),
         "-cpu", cpu, "-m", MEMORY,
         "-kernel", image, "-initrd", initramfs, "-append",
         # Whether timer interrupts come is tried in vain where the host is busy.
         "console=ttyS0 quiet panic=-1 oops=panic mitigations=off tsc=reliable "
         "no_timer_check",
         "-nodefaults", "-display", "none", "-no-reboot", "-qmp",
         "unix:%s,server=on,wait=off" % qmp, "-serial",
         "file:" + folder + "/console", "-serial", "file:" + folder + "/out"],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        machine.wait(timeout)
        return True
    except subprocess.TimeoutExpired:
        print(registers(qmp))
        return False
    finally:
        machine.kill()
        machine.wait()


def text(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def boot(files, modules, command, timeout, count=False, cpu=CPU, models=()):
    """Status and output of @command in the machine."""
    for need in ("qemu-system-x86_64", "busybox"):
        if not shutil.which(need):
            fail("no " + need)
    image, folder_of_modules = find_kernel()
    with tempfile.TemporaryDirectory(prefix="ix-bed-") as folder:
        pack(folder + "/initramfs", folder_of_modules, modules, files,
             command)
        began = time.monotonic()
        ended = run(image, folder + "/initramfs", folder, timeout, count, cpu,
                    models)
        out = text(folder + "/out").replace("\r\n", "\n")
        at = out.rfind(STATUS)
        if ended and at >= 0:
            return int(out[at + len(STATUS):].split()[0]), out[:at]
        print(text(folder + "/console"))
        print("bed: %s after %.0f s" % (
            "the machine ended" if ended else "not finished",
            time.monotonic() - began))
        return 125 if ended else 124, out


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument("--timeout", type=float, default=60)
    p.add_argument("--python", action="store_true")
    p.add_argument("--count", action="store_true")
    p.add_argument("--cpu", default=CPU)
    p.add_argument("--file", action="append", default=[])
    p.add_argument("--nic", action="append", default=[])
    p.add_argument("--module", action="append", default=[],
                   help="below the modules' kernel/; default: KVM's, veth, tun")
    p.add_argument("command", nargs="+")
    a = p.parse_args()
    if a.python:
        a.file += [PYTHON, "/usr/lib/python%d.%d" % sys.version_info[:2]]
    if a.nic:
        enter_namespace()
    status, out = boot(a.file, a.module or (*KVM, "drivers/net/veth.ko",
                                             "drivers/net/tun.ko"),
                       a.command, a.timeout, a.count, a.cpu, a.nic)
    sys.stdout.write(out)
    return status


if __name__ == "__main__":
    sys.exit(main())
