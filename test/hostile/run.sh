#!/bin/bash
# SPDX-License-Identifier: MIT
# The hostile application against the dataplane and its peers.
#
#	hostile on IX 10.81.0.10 ====== TAP ====== 10.81.0.2 Linux: peer.py
#
#	run.sh IX HOSTILE same|nobody [IX OPTIONS]
#
# same: it runs as the dataplane's own user, in a user namespace without root;
# nobody: as root gives it away.
set -u
if [ -z "${HOSTILE_INSIDE:-}" ]; then
	[ -w /dev/net/tun ] || { echo "skipped: no /dev/net/tun"; exit 77; }
	flags=-Urn
	if [ "$3" = nobody ]; then
		[ "$(id -u)" = 0 ] || { echo "skipped: needs root"; exit 77; }
		flags=-n
	fi
	unshare $flags true 2>/dev/null ||
		{ echo "skipped: unshare $flags is not allowed"; exit 77; }
	HOSTILE_INSIDE=1 exec unshare $flags "$0" "$@"
fi
ix=$1 hostile=$2
shift 3
here=$(cd "$(dirname "$0")" && pwd)
user=$("$here/../../tool/user-option" "$hostile")
dir=$(mktemp -d /tmp/ix-hostile-XXXXXX)
chmod 755 "$dir"
server=
failed=0
trap 'exec 2>/dev/null; [ -z "$server" ] || kill -9 $server; rm -rf "$dir"' EXIT

fail() {
	echo "FAILED: $*"
	failed=1
}

counter() {
	"$ix" stat --dir "$dir" --json | tr ',' '\n' |
		sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p"
}

# With a terminal as stderr, which it stops.
ip link set lo up
"$here/on_tty.py" "$dir/err" "$ix" run --domain process --nic tap:ix0,10.81.0.2/24 --ip 10.81.0.10/24 \
	--cores 0 --stat_dir "$dir" --timers 4096 --tcp.max_conns 2048 \
	--mbufs 4096 $user \
	"$@" -- "$hostile" >"$dir/log" &
server=$!
timeout -k 1 90 "$here/peer.py" 10.81.0.10 60 "$dir/stop" &
peer=$!
timeout -k 1 90 "$here/watch.py" 10.81.0.10 0 60 "$dir/stop" "$ix" "$dir" &
watch=$!

for _ in $(seq 600); do
	grep -q 'hostile: .* believed' "$dir/log" && break
	kill -0 $server 2>/dev/null || break
	sleep 0.1
done
sleep 1
touch "$dir/stop"
wait $peer || fail "a bystander was harmed"
wait $watch || fail "the dataplane was not there"
[ "$(counter app_overruns)" -ge 1 ] || fail "the time limit was not enforced"
# SYNs to nobody wait for ARP; all else has been given back.
for _ in $(seq 100); do
	total=$(counter mbufs_total) free=$(counter mbufs_free)
	[ "$free" -gt $((total - 10)) ] && break
	sleep 0.1
done
echo "buffers: $free of $total free; errors: $(counter calls_failed)"
[ "$free" -gt $((total - 10)) ] || fail "buffers are missing"

# The dataplane's own elastic threads: none can make a call that others block.
confined=$(cat /proc/$server/task/*/status | grep -c '^Seccomp:.*2')
[ "$confined" = 1 ] || fail "$confined threads of the dataplane are confined"

# What any process of the same user can do: the counters are lost, no more.
: >"$dir/$server.0"
sleep 0.3
timeout 5 "$here/peer.py" 10.81.0.10 0.5 "$dir/never" ||
	fail "without its counter file the dataplane fails"
kill -TERM $server
wait $server
status=$?
server=
[ $status = 0 ] || fail "exit status $status"
grep -q 'hostile: 0 believed' "$dir/log" || fail "a lie was believed"
cat "$dir/err" "$dir/log"

# Attached, it becomes another program, and stderr is a pipe that nobody reads.
mkfifo "$dir/pipe"
exec 9<>"$dir/pipe"
"$ix" run --domain process --nic tap:ix0,10.81.0.2/24 --ip 10.81.0.10/24 \
	--cores 0 --stat_dir "$dir" --quiet true $user "$@" -- "$hostile" exec \
	>"$dir/log2" 2>"$dir/pipe" &
server=$!
timeout 20 "$here/peer.py" 10.81.0.10 15 "$dir/never" >/dev/null &
peer=$!
for _ in $(seq 100); do
	grep -q 'becomes another' "$dir/log2" && break
	sleep 0.1
done
sleep 1.5 # until the dataplane wants to report it
[ "$(counter app_overruns)" -ge 1 ] || fail "exec: not looked after"
ping -c 1 -w 5 10.81.0.10 >/dev/null || fail "exec: no answer to a ping"
wait $server || fail "exec: exit status $?"
server=
kill $peer 2>/dev/null
cat "$dir/log2"

# Threads that nobody is attached to: a queue's worth of peers is theirs.
if [ "$(nproc)" -ge 2 ]; then
	"$ix" run --domain process --nic tap:ix0,10.81.0.2/24 \
		--ip 10.81.0.10/24 --cores 0,1 --stat_dir "$dir" --quiet true \
		"$@" -- "$hostile" leave >"$dir/log3" 2>&1 &
	server=$!
	timeout 20 "$here/peer.py" 10.81.0.10 15 "$dir/never" >/dev/null &
	peer=$!
	for _ in $(seq 100); do
		grep -q 'has left' "$dir/log3" && break
		sleep 0.1
	done
	for i in $(seq 101 116); do
		ip addr add "10.81.0.$i/24" dev ix0
		ping -I "10.81.0.$i" -c 1 -w 10 10.81.0.10 >/dev/null ||
			{ fail "left: no answer to 10.81.0.$i"; break; }
	done
	kill -TERM $server
	wait $server || fail "left: exit status $?"
	server=
	kill $peer 2>/dev/null
	cat "$dir/log3"
fi
exit $failed
