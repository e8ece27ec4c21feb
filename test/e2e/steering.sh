#!/bin/bash
# SPDX-License-Identifier: MIT
# A dataplane of two elastic threads, where steering is ours: by either family
# packets come to the thread that wants them.
#
#	steering.sh BUILDDIR wire|tap
#
#   wire   the other end is a dataplane of two threads, too
#   tap    it is Linux, in a network namespace of our own
set -u
build=$1 nic=$2
if [ "$nic" = tap ] && [ -z "${IX_TEST_INSIDE:-}" ]; then
	unshare -n true 2>/dev/null || {
		echo "skipped: may not make network namespaces"
		exit 77
	}
	IX_TEST_INSIDE=1 exec unshare -n "$0" "$@"
fi
tmp=$(mktemp -d /tmp/ix-steering-XXXXXX)
trap 'kill $server 2>/dev/null; wait; rm -rf "$tmp"' EXIT
server= failed=0

[ "$(nproc)" -ge 2 ] || {
	echo "skipped: needs two cores"
	exit 77
}
run() { # NIC NUMBER PROGRAM...
	spec=$1 n=$2
	shift 2
	timeout 100 "$build/cp/ix" run --nic $spec --domain inline \
		--ip 10.0.0.$n/24,fd00::$n/64 --cores 0,1 --idle block \
		--stat_dir "$tmp" --arena 32M --mbufs 4096 -- "$@"
}

load() {
	set -- "$build/bench/ixload" --json --quiet --conns 64 --threads 2 \
		--warmup 0.1 --duration 0.5 "$@"
	if [ "$nic" = tap ]; then
		"$@"
	else
		run wire:$tmp/wire 2 "$@"
	fi >"$tmp/load" 2>&1
}

# A counter, all threads of it together.
stat() {
	"$build/cp/ix" stat --dir "$tmp" --json 2>/dev/null | python3 -c '
import json, sys
print(sum(t[sys.argv[1]] for t in json.load(sys.stdin)))' "$1"
}

if [ "$nic" = tap ]; then
	spec=tap:ix0,10.0.0.2/24
	ip link set lo up
else
	spec=wire:$tmp/wire
fi
run $spec 1 "$build/app/echo" --port 7 --udp >"$tmp/server" 2>&1 &
server=$!
for i in $(seq 100); do
	grep -q '^ix: domain' "$tmp/server" && break
	sleep 0.1
done
if [ "$nic" = tap ]; then
	grep -q "no RSS control" "$tmp/server" && {
		echo "skipped: $(cat "$tmp/server")"
		exit 77
	}
	ip -6 addr add fd00::2/64 dev ix0 nodad
fi
# Those that come and go: the first packets of a flow count.
for options in "10.0.0.1:7" "[fd00::1]:7" "--udp 10.0.0.1:7" \
	"--udp [fd00::1]:7" "--msgs-per-conn 4 10.0.0.1:7" \
	"--msgs-per-conn 4 [fd00::1]:7"; do
	before=$(stat forwarded)
	load $options
	says=$(grep -o '"msgs_per_sec":[0-9]*' "$tmp/load")
	forwarded=$(($(stat forwarded) - before))
	# What goes to all threads is: a few questions for neighbours.
	if [ "${says#*:}" -gt 100 ] 2>/dev/null && [ $forwarded -lt 20 ]; then
		echo "ok: $options: $says, forwarded $forwarded"
	else
		echo "FAILED: $options: $says, forwarded $forwarded"
		tail -5 "$tmp/load"
		failed=1
	fi
done
exit $failed
