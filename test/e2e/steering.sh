#!/bin/bash
# SPDX-License-Identifier: MIT
# A dataplane of two elastic threads, where steering is ours: by either family
# packets come to the thread that wants them.
#
#	steering.sh BUILDDIR wire|tap|veth
#
#   wire   the other end is a dataplane of two threads, too
#   tap    it is Linux, in a network namespace of our own
#   veth   it is Linux, in another one, and steers: test/lab/veth_rss.bpf.c
set -u
build=$1 nic=$2
skip() {
	echo "skipped: $1"
	exit 77
}
if [ "$nic" != wire ] && [ -z "${IX_TEST_INSIDE:-}" ]; then
	unshare -n true 2>/dev/null || skip "may not make network namespaces"
	IX_TEST_INSIDE=1 exec unshare -n "$0" "$@"
fi
[ "$(nproc)" -ge 2 ] || skip "needs two cores"
tmp=$(mktemp -d /tmp/ix-steering-XXXXXX)
trap 'kill $jobs 2>/dev/null; wait; rm -rf "$tmp"' EXIT
jobs= failed=0 far=
: >"$tmp/server"

run() { # NIC NUMBER PROGRAM...
	spec=$1 n=$2
	shift 2
	timeout 100 "$build/cp/ix" run --nic $spec --domain inline \
		--ip 10.0.0.$n/24,fd00::$n/64 --cores 0,1 --idle block \
		--stat_dir "$tmp" --arena 32M --mbufs 4096 -- "$@"
}

load() {
	set -- "$build/bench/ixload" --json --quiet --conns 64 --threads 2 \
		--warmup 0.1 --duration 1 "$@"
	if [ "$nic" = wire ]; then
		run wire:$tmp/wire 2 "$@"
	else
		$far "$@"
	fi >"$tmp/load" 2>&1
}

# A counter, all threads of it together.
stat() {
	"$build/cp/ix" stat --dir "$tmp" --json 2>/dev/null | python3 -c '
import json, sys
print(sum(t[sys.argv[1]] for t in json.load(sys.stdin)))' "$1"
}

addresses() { # of Linux
	$far ip addr replace 10.0.0.2/24 dev ix0
	$far ip addr add fd00::2/64 dev ix0 nodad
}

veth() {
	unshare -n sleep 200 &
	jobs=$!
	while [ "$(readlink /proc/$!/ns/net)" = \
		"$(readlink /proc/$$/ns/net)" ]; do
		sleep 0.05
	done
	far="nsenter -t $! -n"
	queues="numrxqueues 2 numtxqueues 2"
	ip link add ix0 $queues type veth peer name ix0 $queues netns $! &&
		ip link set ix0 up && $far ip link set ix0 up &&
		$far tc qdisc add dev ix0 clsact &&
		$far tc filter add dev ix0 egress bpf da \
			obj "$build/test/lab/veth_rss.o" sec tc ||
		skip "no veth pair, or no program on it"
}

case $nic in
wire) spec=wire:$tmp/wire ;;
tap) spec=tap:ix0,10.0.0.2/24 ;;
veth)
	veth
	spec=xdp:ix0
	;;
esac
run $spec 1 "$build/app/echo" --port 7 --udp >"$tmp/server" 2>&1 &
jobs="$jobs $!"
for i in $(seq 100); do
	grep -q '^ix: domain' "$tmp/server" && break
	sleep 0.1
done
[ "$nic" = tap ] && grep "no RSS control" "$tmp/server" &&
	skip "may not load programs"
[ "$nic" = wire ] || addresses
# Those that come and go: the first packets of a flow count.
for options in "10.0.0.1:7" "[fd00::1]:7" "--udp 10.0.0.1:7" \
	"--udp [fd00::1]:7" "--msgs-per-conn 4 10.0.0.1:7" \
	"--msgs-per-conn 4 [fd00::1]:7"; do
	before=$(stat forwarded)
	load $options
	says=$(grep -o '"msgs_per_sec":[0-9]*' "$tmp/load")
	forwarded=$(($(stat forwarded) - before))
	# What goes to all threads is: a few questions for neighbours.
	if [ "${says#*:}" -gt 0 ] 2>/dev/null && [ $forwarded -lt 20 ]; then
		echo "ok: $options: $says, forwarded $forwarded"
	else
		echo "FAILED: $options: $says, forwarded $forwarded"
		tail -5 "$tmp/load"
		failed=1
	fi
done
exit $failed
