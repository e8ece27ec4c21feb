#!/bin/bash
# SPDX-License-Identifier: MIT
# kv against clients of the kernel's TCP, in a namespace of our own:
#
#   kv on IX 10.79.0.2 === TAP ix0 === 10.79.0.1 Linux: memccapable, kv_check.py
#
#	IX_RUN_OPTIONS="--domain ..." kv.sh IX KV
set -u
if [ "${3:-}" != inside ]; then
	unshare -Urn true 2>/dev/null || {
		echo "skipped: no user namespaces here"
		exit 77
	}
	exec unshare -Urn "$0" "$1" "$2" inside
fi
ix=$1 kv=$2
here=$(dirname "$0")
log=$(mktemp)
failed=0
server=
trap 'rm -f "$log" "$log.out"; [ -z "$server" ] || kill -9 $server 2>/dev/null' EXIT

[ -w /dev/net/tun ] || { echo "skipped: no /dev/net/tun"; exit 77; }
ip link set lo up

# serve OPTIONS... -- PROGRAM...
serve() {
	"$ix" run --nic tap:ix0,10.79.0.1/24 --ip 10.79.0.2/24 \
		--port 11211 ${IX_RUN_OPTIONS:-} "$@" >"$log" 2>&1 &
	server=$!
	for _ in $(seq 100); do
		ping -c1 -W1 10.79.0.2 >/dev/null 2>&1 && return
		kill -0 $server 2>/dev/null || break
		sleep 0.1
	done
	echo "FAILED: kv does not come up"
	cat "$log"
	exit 1
}

stop() {
	kill $server
	wait $server 2>/dev/null
	server=
}

# ok DESCRIPTION COMMAND...
ok() {
	what=$1
	shift
	if out=$("$@" 2>&1); then
		echo "ok: $what"
	else
		echo "FAILED: $what: $out"
		failed=1
	fi
}

all_pass() {
	out=$(memccapable -a -h 10.79.0.2 -p 11211 2>&1)
	echo "$out"
	[[ $out == *"All tests passed"* ]]
}
export -f all_pass

for threads in 1 2; do
	cores=$(seq -s, 0 $((threads - 1)))
	[ "$(nproc)" -ge $threads ] || break
	serve --cores "$cores" -- "$kv"
	if command -v memccapable >/dev/null; then
		ok "memccapable, $threads threads" \
			timeout 100 bash -c all_pass
	fi
	ok "kv_check, $threads threads" \
		timeout 100 python3 "$here/kv_check.py" 10.79.0.2 11211
	stop
done
# exits STATUS PATTERN COMMAND...: says so on stderr, or for 0 on stdout
exits() {
	want=$1 pattern=$2
	shift 2
	timeout 20 "$@" >"$log.out" 2>"$log"
	status=$?
	cat "$log.out" "$log"
	[ $want = 0 ] && said_in=$log.out || said_in=$log
	[ $status = $want ] && grep -q -e "$pattern" "$said_in"
}

ok "--help" exits 0 "usage: kv" "$kv" --help
ok "-m 0" exits 2 "memory in MB: 0" "$kv" -m 0
ok "-m 64x" exits 2 "memory in MB: 64x" "$kv" -m 64x
ok "-m less than an item" exits 2 "less than the largest" "$kv" -m 1 -I 2m
ok "-p 70000" exits 2 "port: 70000" "$kv" -p 70000
ok "an unknown option" exits 2 "usage: kv" "$kv" --threads 4
ok "an argument too many" exits 2 "unexpected argument: x" "$kv" -m 8 x
ok "a port that is taken" exits 1 "kv: port 11211: Address already in use" \
	"$ix" run --nic tap:ix0,10.79.0.1/24 --ip 10.79.0.2/24 \
	${IX_RUN_OPTIONS:-} --port 11211 -- "$kv" -p 11211
exit $failed
