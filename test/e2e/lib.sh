# SPDX-License-Identifier: MIT
# Sourced by the tests of this directory, each called as
#
#	NAME.sh BUILDDIR xdp|tap
#
#   xdp    netns a                            netns b
#          IX 10.81.0.10  ix0 ===== veth ===== ix0  10.81.0.2 Linux: the peer
#          Linux 10.81.0.1
#
#   tap    IX 10.81.0.10  TAP ix0 ============ 10.81.0.2 Linux: the peer
#          all in a user and network namespace, without root
#
# Names are unique, so that tests may run side by side; everything is removed
# at the end, whatever happens.
set -u
build=$1 nic=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ "$nic" = tap ] && [ -z "${IX_TEST_INSIDE:-}" ]; then
	unshare -Urn true 2>/dev/null || {
		echo "skipped: no user namespaces here"
		exit 77
	}
	[ -w /dev/net/tun ] || {
		echo "skipped: /dev/net/tun cannot be opened"
		exit 77
	}
	IX_TEST_INSIDE=1 exec unshare -Urn "$0" "$@"
fi

ix=$build/cp/ix echo=$build/app/echo kv=$build/app/kv
IX_RUN_OPTIONS="${IX_RUN_OPTIONS:-} $("$here/../../tool/user-option" "$echo")"
xfer=$build/test/e2e/xfer ixload=$build/bench/ixload
tag=ix-e2e-$$
tmp=$(mktemp -d /tmp/$tag-XXXXXX)
ip_ix=10.81.0.10 ip_peer=10.81.0.2
limit=${LIMIT:-100} # seconds, for anything that is started
failed=0
jobs=

skip() {
	echo "skipped: $1"
	exit 77
}

# ok DESCRIPTION COMMAND...
ok() {
	what=$1
	shift
	began=$(date +%s.%N)
	if "$@" >"$tmp/out" 2>&1; then
		echo "ok: $what ($(echo "$(date +%s.%N) $began" |
			awk '{ printf "%.1f", $1 - $2 }') s)" \
			$(tail -1 "$tmp/out" | cut -c 1-100)
	else
		echo "FAILED: $what"
		tail -40 "$tmp/out" | sed 's/^/    /'
		[ ! -s "$tmp/server" ] || tail -5 "$tmp/server" | sed 's/^/    IX: /'
		failed=1
	fi
}

# says PATTERN COMMAND...: succeeds, and prints that
says() {
	pattern=$1
	shift
	"$@" >"$tmp/says" 2>&1
	status=$?
	cat "$tmp/says"
	[ $status = 0 ] && grep -q -e "$pattern" "$tmp/says"
}

# exits STATUS WORDS COMMAND...: with that status, and says so
exits() {
	want=$1 words=$2
	shift 2
	"$@" >"$tmp/text" 2>&1
	status=$?
	head -3 "$tmp/text"
	[ $status = $want ] && grep -qa -e "$words" "$tmp/text"
}

fails() {
	! "$@"
}

# Commands on IX's side, and on the peer's. In the background: "${on_b[@]}" X &
# so that $! is to be killed.
on_a=(timeout -k 1 $limit)
on_b=("${on_a[@]}")
if [ "$nic" = xdp ]; then
	on_a=(ip netns exec $tag-a "${on_a[@]}")
	on_b=(ip netns exec $tag-b "${on_b[@]}")
fi

on_a() {
	"${on_a[@]}" "$@"
}

on_b() {
	"${on_b[@]}" "$@"
}

# The peer's `ip`.
ip_b() {
	if [ "$nic" = xdp ]; then
		ip -n $tag-b "$@"
	else
		ip "$@"
	fi
}

peer() {
	on_b python3 "$here/peer" "$@"
}

# The same in the background, until it is ready; $peer
peer_start() {
	"${on_b[@]}" python3 "$here/peer" "$@" >"$tmp/peer" 2>&1 &
	peer=$!
	jobs="$jobs $peer"
	for i in $(seq 100); do
		grep -q ready "$tmp/peer" 2>/dev/null && return
		sleep 0.1
	done
	echo "FAILED: peer $*: $(cat "$tmp/peer")"
	failed=1
}

# How it ended: status, and what it said.
peer_ends() {
	wait $peer
	status=$?
	cat "$tmp/peer"
	return $status
}

# topology [QUEUES]: the picture above, but for IX and its TAP
topology() {
	if [ "$nic" = tap ]; then
		ip link set lo up
		return
	fi
	[ "$(id -u)" = 0 ] || skip "needs root"
	ip netns add $tag-a 2>/dev/null || skip "may not make network namespaces"
	ip netns add $tag-b
	for n in a b; do
		ip -n $tag-$n link set lo up
	done
	ip link add ix0 netns $tag-a numrxqueues ${1:-1} numtxqueues ${1:-1} \
		type veth peer name ix0 netns $tag-b \
		numrxqueues ${1:-1} numtxqueues ${1:-1} ||
		skip "may not make a veth pair"
	ip -n $tag-a addr add 10.81.0.1/24 dev ix0
	ip -n $tag-b addr add $ip_peer/24 dev ix0
	ip -n $tag-a link set ix0 up
	ip -n $tag-b link set ix0 up
}

# topology_path: the same, with a place for a bad path in between:
#
#   xdp    netns a           netns m           netns b
#          IX  ix0 == veth == ea  eb == veth == ix0  Linux: the peer
#
#   tap    IX  TAP ea          eb == veth == ix0  Linux: the peer, in netns b
topology_path() {
	path=yes
	if [ "$nic" = xdp ]; then
		[ "$(id -u)" = 0 ] || skip "needs root"
		for n in a m b; do
			ip netns add $tag-$n 2>/dev/null ||
				skip "may not make network namespaces"
		done
		ip link add ix0 netns $tag-a type veth peer name ea \
			netns $tag-m || skip "may not make a veth pair"
		ip link add ix0 netns $tag-b type veth peer name eb netns $tag-m
		ip -n $tag-a addr add 10.81.0.1/24 dev ix0
		ip -n $tag-a link set ix0 up
		ip -n $tag-m link set ea up
		on_m=(ip netns exec $tag-m timeout -k 1 $limit)
	else
		# Without names, which user namespaces cannot give.
		unshare -n sleep 1000 &
		jobs="$jobs $!"
		while [ "$(readlink /proc/$!/ns/net)" = \
			"$(readlink /proc/$$/ns/net)" ]; do
			sleep 0.05
		done
		ip link add eb type veth peer name ix0 netns $!
		on_m=(timeout -k 1 $limit)
		on_b=(nsenter -t $! -n "${on_b[@]}")
	fi
	"${on_m[@]}" ip link set eb up
	for command in "link set lo up" "addr add $ip_peer/24 dev ix0" \
		"link set ix0 up"; do
		on_b ip $command
	done
	# Frames as they are on a wire.
	on_b ethtool -K ix0 tx off tso off gso off gro off >/dev/null 2>&1
}

# bad_path OPTIONS [OPTIONS]: begins to carry, from IX and to it; see
# test/path/bridge.c. IX runs.
bad_path() {
	"${on_m[@]}" sh -c 'ip link set ea up
		ethtool -K ea gro off
		ethtool -K eb gro off' >/dev/null 2>&1
	: >"$tmp/bridge"
	"${on_m[@]}" "$build/test/path/bridge" ea eb "$@" >"$tmp/bridge" 2>&1 &
	bridge_job=$!
	jobs="$jobs $bridge_job"
	for i in $(seq 100); do
		grep -q ready "$tmp/bridge" && return
		sleep 0.05
	done
	echo "FAILED: bridge: $(cat "$tmp/bridge")"
	exit 1
}

# It ends, and says what happened.
good_path() {
	kill $(pgrep -P $bridge_job)
	wait $bridge_job
	tail -1 "$tmp/bridge"
}

# The options of `ix run` for this topology.
run_options() {
	if [ "$nic" = xdp ]; then
		echo "--nic xdp:ix0"
	elif [ "${path:-}" ]; then
		echo "--nic tap:ea"
	else
		echo "--nic tap:ix0,$ip_peer/24"
	fi
	# A bad path counts frames.
	[ -z "${path:-}" ] || echo "--tso false"
	echo "--ip $ip_ix/24 --cores 0 --stat_dir $tmp ${IX_RUN_OPTIONS:-}"
}

# serve PORT OPTIONS... -- PROGRAM ARGS...: a server on IX, until it answers on
# PORT. $server is its process.
serve() {
	port=$1
	shift
	# Now, not when the job begins: what the last server said counts no more.
	: >"$tmp/server"
	"${on_a[@]}" "$ix" run $(run_options) "$@" >>"$tmp/server" 2>&1 &
	job=$!
	jobs="$jobs $job"
	for i in $(seq 100); do
		grep -q '^ix: domain' "$tmp/server" 2>/dev/null && break
		kill -0 $job 2>/dev/null || break
		sleep 0.1
	done
	if [ "$nic" = xdp ] && grep -q 'not permitted' "$tmp/server"; then
		skip "$(cat "$tmp/server")"
	fi
	server=$(pgrep -P $job)
	[ "$server" ] && { [ "$port" = 0 ] || peer wait $ip_ix $port; } && return
	echo "FAILED: the server does not come up"
	cat "$tmp/server"
	exit 1
}

# metrics [OPTIONS]: ix metrics, until it says where: $url. $metrics is its
# process.
metrics() {
	: >"$tmp/url"
	timeout -k 1 $limit "$ix" metrics --dir "$tmp" "$@" >"$tmp/url" 2>"$tmp/said" &
	jobs="$jobs $!"
	for i in $(seq 100); do
		grep -q http "$tmp/url" && break
		sleep 0.05
	done
	metrics=$! url=$(cat "$tmp/url")
}

# The exit status of the server, ended by SIGTERM.
stop_server() {
	kill $server 2>/dev/null
	wait $job
}

# stat NAME: a counter of the server (or a sum of several), all threads together
stat() {
	"$ix" stat --dir "$tmp" --json $server | python3 -c '
import json, sys
threads = json.load(sys.stdin)
print(sum(eval(sys.argv[1], t) for t in threads) if threads else "unknown")' "$1"
}

# reaches NAME VALUE: within five seconds
reaches() {
	for i in $(seq 50); do
		[ "$(stat "$1")" = "$2" ] && return
		sleep 0.1
	done
	echo "$1 is $(stat "$1"), not $2"
	return 1
}

# said PATTERN: the server does so, within 15 seconds
said() {
	for i in $(seq 150); do
		grep "$1" "$tmp/server" && return
		sleep 0.1
	done
	return 1
}

# No connection is left, and every packet buffer is where it belongs.
at_rest() {
	reaches tcp_conns 0 || return 1
	for i in $(seq 50); do
		held=$(($(stat "mbufs_total - mbufs_free - mbufs_posted")))
		[ $held = 0 ] && return
		sleep 0.1
	done
	echo "$held packet buffers are missing"
	return 1
}

finish() {
	for j in $jobs; do
		kill $j 2>/dev/null
	done
	for j in $jobs; do
		wait $j 2>/dev/null
	done
	if [ "$nic" = xdp ]; then
		for n in a b m; do
			ip netns del $tag-$n 2>/dev/null
		done
	fi
	rm -rf "$tmp"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP
