# SPDX-License-Identifier: MIT
# Sourced by nic_*.sh. Names are unique, so that tests may run side by side.
set -u
raw=${XDP_RAW:?path of bench/xdp_raw}
tag=ix-$$
pids=
failed=0

skip()
{
	echo "skipped: $1"
	exit 77
}

# ok DESCRIPTION COMMAND...
ok()
{
	what=$1
	shift
	if "$@" >/tmp/$tag.out 2>&1; then
		echo "ok: $what"
	else
		echo "FAILED: $what"
		sed 's/^/    /' /tmp/$tag.out
		failed=1
	fi
}

fails()
{
	! "$@"
}

# says PATTERN COMMAND...: fails, and names the reason
says()
{
	pattern=$1
	shift
	"$@" >/tmp/$tag.says 2>&1 && return 1
	cat /tmp/$tag.says
	grep -q -e "$pattern" /tmp/$tag.says
}

# in_ns NETNS COMMAND...; an empty name is our own namespace
in_ns()
{
	ns=$1
	shift
	if [ -n "$ns" ]; then
		ip netns exec "$ns" "$@"
	else
		"$@"
	fi
}

# serve NETNS ARGS...: starts an echo server, waits until it is open; $server
serve()
{
	ns=$1
	shift
	if [ -n "$ns" ]; then
		set -- ip netns exec "$ns" timeout 60 "$raw" "$@" echo
	else
		set -- timeout 60 "$raw" "$@" echo
	fi
	"$@" >/tmp/$tag.server 2>&1 &
	server=$!
	pids="$pids $server"
	for i in $(seq 300); do
		grep -q '^xdp_raw:' /tmp/$tag.server && break
		kill -0 $server 2>/dev/null || break
		sleep 0.1
	done
	# The child of timeout, for signals that timeout cannot pass on.
	child=$(ps -o pid= --ppid $server | tr -d ' ')
	kill -0 $server 2>/dev/null || cat /tmp/$tag.server
}

stop_server()
{
	kill $server 2>/dev/null
	wait $server 2>/dev/null
	return 0
}

# udp_echo NETNS ADDRESS PORT BYTES: is answered with as many bytes
udp_echo()
{
	in_ns "$1" timeout 5 bash -c '
		exec 3<>/dev/udp/$0/$1
		for try in 1 2 3; do
			head -c $2 /dev/zero | dd bs=65536 iflag=fullblock \
				>&3 2>/dev/null
			n=$(timeout 1 dd bs=65536 count=1 <&3 2>/dev/null |
				wc -c)
			[ "$n" = $2 ] && exit 0
		done
		echo "$n bytes came back"
		exit 1' "$2" "$3" "$4"
}

# refused NETNS ADDRESS PORT: Linux answers a connection attempt by a reset
refused()
{
	in_ns "$1" timeout 5 bash -c \
		'exec 3<>/dev/tcp/$0/$1' "$2" "$3" 2>&1 | grep -q refused
}

finish()
{
	for p in $pids; do
		kill $p 2>/dev/null
	done
	wait 2>/dev/null
	for ns in a b; do
		ip netns del $tag-$ns 2>/dev/null
	done
	rm -f /tmp/$tag.out /tmp/$tag.says /tmp/$tag.server /tmp/$tag.raw
}
trap finish EXIT
trap 'exit 1' INT TERM

# a and b joined by a veth pair: veth_pair [QUEUES [MTU]]
veth_pair()
{
	q=${1:-1}
	for ns in a b; do
		ip netns add $tag-$ns || return 1
		ip -n $tag-$ns link set lo up
	done
	ip link add ix0 netns $tag-a numrxqueues $q numtxqueues $q type veth \
		peer name ix0 netns $tag-b numrxqueues $q numtxqueues $q ||
		return 1
	for ns in a b; do
		ip -n $tag-$ns link set ix0 mtu ${2:-1500} up
	done
	ip -n $tag-a addr add 10.77.0.1/24 dev ix0
	ip -n $tag-b addr add 10.77.0.2/24 dev ix0
}

veth_drop()
{
	for ns in a b; do
		ip netns del $tag-$ns
	done
}
