#!/bin/bash
# SPDX-License-Identifier: MIT
# bench/demo in all its modes, and interrupted: nothing may stay behind.
#
#	demo.sh BUILDDIR
set -u
build=$1
demo=$(cd "$(dirname "$0")/../.." && pwd)/bench/demo
out=$(mktemp)
TMPDIR=$(mktemp -d) # for the demo's files
export TMPDIR
chmod 755 "$TMPDIR"
trap 'rm -rf "$out" "$TMPDIR"' EXIT
failed=0

for p in memcached memccp unshare; do
	command -v $p >/dev/null || {
		echo "skipped: $p is missing"
		exit 77
	}
done

fail() {
	echo "FAILED: $1"
	sed 's/^/    /' "$out"
	failed=1
}

left() { # PID of a demo
	ls "$TMPDIR"
	ip netns list 2>/dev/null | grep "ix-lab-$1-"
	grep -lz "^IX_DEMO_TEST=$$\$" /proc/[0-9]*/environ 2>/dev/null |
		grep -v "/$$/"
}

for mode in xdp tap wire; do
	timeout 60 setsid "$demo" "$build" --mode $mode --seconds 1 \
		>"$out" 2>&1
	status=$?
	if [ $status = 0 ] && [ "$(tail -1 "$out")" = "demo: ok" ]; then
		echo "ok: $mode: $(grep 'in favour' "$out")"
		[ -z "$(ls "$TMPDIR")" ] || fail "$mode: left: $(ls "$TMPDIR")"
	elif grep -q 'FAILED: .*\(needs root\|not permitted\|/dev/net/tun\)' \
		"$out"; then
		echo "$mode cannot be had: $(tail -1 "$out")"
		continue
	else
		fail "$mode: status $status"
	fi
	IX_DEMO_TEST=$$ setsid "$demo" "$build" --mode $mode >"$out" 2>&1 &
	pid=$!
	sleep 3
	left $pid >/dev/null || fail "$mode: has not begun"
	kill -INT $pid
	wait $pid && fail "$mode: interrupted, but status 0"
	[ "$(tail -1 "$out")" = "demo: FAILED: interrupted" ] ||
		fail "$mode: does not say that it was interrupted"
	[ -z "$(left $pid)" ] || fail "$mode: left: $(left $pid)"
	echo "ok: $mode, interrupted"
done

# Whatever it takes when it is not told.
timeout 60 "$demo" "$build" --seconds 1 >"$out" 2>&1 &&
	[ "$(tail -1 "$out")" = "demo: ok" ] || fail "without options"
exit $failed
