#!/bin/bash
# SPDX-License-Identifier: MIT
# Two dataplanes of two elastic threads each on a wire, whose steering is ours:
# by either family packets come to the thread that wants them.
#
#	steering.sh BUILDDIR
set -u
build=$1
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d /tmp/ix-wire-XXXXXX)
trap 'kill $server 2>/dev/null; wait; rm -rf "$tmp"' EXIT
server= failed=0

[ "$(nproc)" -ge 2 ] || {
	echo "skipped: needs two cores"
	exit 77
}
run() { # NUMBER PROGRAM...
	n=$1
	shift
	timeout 60 "$build/cp/ix" run --nic wire:$tmp/wire --domain inline \
		--ip 10.0.0.$n/24,fd00::$n/64 --cores 0,1 --idle block \
		--stat_dir "$tmp" --arena 32M --mbufs 4096 -- "$@"
}

# A counter, all threads of it together.
stat() {
	"$build/cp/ix" stat --dir "$tmp" --json 2>/dev/null | python3 -c '
import json, sys
print(sum(t[sys.argv[1]] for t in json.load(sys.stdin)))' "$1"
}

run 1 "$build/app/echo" --port 7 --udp >"$tmp/server" 2>&1 &
server=$!
for i in $(seq 100); do
	grep -q '^ix: domain' "$tmp/server" && break
	sleep 0.1
done
for options in "10.0.0.1:7" "[fd00::1]:7" "--udp 10.0.0.1:7" \
	"--udp [fd00::1]:7"; do
	before=$(stat forwarded)
	run 2 "$build/bench/ixload" --json --quiet --conns 16 --threads 2 \
		--warmup 0.1 --duration 0.5 $options >"$tmp/load" 2>&1
	says=$(grep -o '"msgs_per_sec":[0-9]*' "$tmp/load")
	forwarded=$(($(stat forwarded) - before))
	# What goes to all threads is: a few questions for neighbours.
	if [ "${says#*:}" -gt 1000 ] 2>/dev/null && [ $forwarded -lt 20 ]; then
		echo "ok: $options: $says, forwarded $forwarded"
	else
		echo "FAILED: $options: $says, forwarded $forwarded"
		tail -5 "$tmp/load"
		failed=1
	fi
done
exit $failed
