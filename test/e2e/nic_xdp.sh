#!/bin/bash
# SPDX-License-Identifier: MIT
# AF_XDP between two network namespaces, against Linux and against itself.
#
#   a: 10.77.0.1 Linux, 10.77.0.11 xdp_raw --- veth --- b: 10.77.0.2 Linux,
#                                                          10.77.0.12 xdp_raw
. "$(dirname "$0")/nic_lib.sh"

[ "$(id -u)" = 0 ] || skip "needs root"
ip netns add $tag-a 2>/dev/null || skip "may not make network namespaces"
ip netns del $tag-a

on_a() { ip netns exec $tag-a "$@"; }
on_b() { ip netns exec $tag-b "$@"; }
raw_b() { on_b timeout 20 "$raw" --nic xdp:ix0 --ip 10.77.0.12 "$@"; }
attached() { ip -n $tag-a link show ix0 | grep -q 'prog/xdp'; }
counts() # FILE: all answered
{
	cat "$1"
	grep -q '"lost": 0,' "$1" && ! grep -q '"packets": 0,' "$1"
}

veth_pair || skip "may not make a veth pair"
serve $tag-a --nic xdp:ix0 --ip 10.77.0.11
if grep -q 'not permitted' /tmp/$tag.server; then
	skip "$(cat /tmp/$tag.server)"
fi

# Whole address.
ok "Linux client, echo of 64 B" udp_echo $tag-b 10.77.0.11 9 64
ok "Linux client, echo of 1400 B" udp_echo $tag-b 10.77.0.11 9 1400
ok "Linux beside it answers pings" on_b ping -c 2 -i 0.2 -W 2 10.77.0.1
ok "Linux beside it can ping" on_a ping -c 2 -i 0.2 -W 2 10.77.0.2
ok "Linux beside it answers TCP" refused $tag-b 10.77.0.1 22
ok "Linux does not see our packets" fails on_b ping -c 1 -W 1 10.77.0.11
for mode in pingpong flood; do
	raw_b --peer 10.77.0.11 --seconds 1 --json $mode >/tmp/$tag.says 2>&1
	ok "$mode loses nothing" counts /tmp/$tag.says
done

# What cannot work says why.
ok "second program is told" says "another dataplane of IX .*process [0-9]*, xdp_raw) has" \
	on_a timeout 10 "$raw" --nic xdp:ix0 --ip 10.77.0.13 --seconds 1 echo
ok "missing interface" says "no interface .nix9.; there are: .*ix0" \
	on_a timeout 10 "$raw" --nic xdp:nix9 --ip 10.77.0.13 echo
ok "too many queues" says "ethtool -L ix0" \
	raw_b --queues 4 echo
ok "no zero copy on veth" says "zero-copy" raw_b --zero-copy echo
# The tree may lie where that user may not look.
install -m 755 "$raw" /tmp/$tag.raw
ok "unprivileged user is told" says "not permitted" \
	on_b setpriv --reuid 65534 --clear-groups --inh-caps=-all \
	timeout 10 /tmp/$tag.raw --nic xdp:ix0 --ip 10.77.0.12 echo
ok "memory limit is told" says "ulimit -l" \
	on_b setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock \
	prlimit --memlock=65536 \
	timeout 10 "$raw" --nic xdp:ix0 --ip 10.77.0.12 echo
ip -n $tag-b link set ix0 down
ok "interface down" says "link set dev ix0 up" raw_b echo
ip -n $tag-b link set ix0 up

# Nothing stays behind.
ok "program is attached" attached
kill -9 $child
wait $server 2>/dev/null
ok "detached after kill -9" fails attached
serve $tag-a --nic xdp:ix0 --ip 10.77.0.11
ok "opens again at once" udp_echo $tag-b 10.77.0.11 9 64
stop_server
ok "detached after close" fails attached

# Generic mode.
serve $tag-a --nic xdp:ix0 --ip 10.77.0.11 --generic
ok "generic mode, echo" udp_echo $tag-b 10.77.0.11 9 1400
stop_server

# Given ports of the host's address.
serve $tag-a --nic xdp:ix0 --ip 10.77.0.1 --ports 9,7777
ok "our port" udp_echo $tag-b 10.77.0.1 9 64
ok "our other port" udp_echo $tag-b 10.77.0.1 7777 64
ok "Linux's port" refused $tag-b 10.77.0.1 22
ok "Linux's pings" on_b ping -c 2 -i 0.2 -W 2 10.77.0.1
if command -v iperf3 >/dev/null; then
	on_a timeout 20 iperf3 -s -1 >/dev/null 2>&1 &
	pids="$pids $!"
	sleep 0.5
	ok "Linux's TCP stream" on_b timeout 15 iperf3 -c 10.77.0.1 -t 1
fi
stop_server
veth_drop

# Two queues.
veth_pair 2
ok "queue without thread is told" says "ethtool -L ix0" raw_b echo
serve $tag-a --nic xdp:ix0 --ip 10.77.0.11 --queues 2
eight_flows()
{
	for port in 10 11 12 13 14 15 16 17; do
		udp_echo $tag-b 10.77.0.11 $port 100 || return 1
	done
}
ok "two queues, eight flows" eight_flows
# Whoever has the interface is not reached then.
ok "queue without thread is told before the interface is touched" \
	says "ethtool -L ix0" on_a timeout 20 "$raw" --nic xdp:ix0 \
	--ip 10.77.0.13 echo
stop_server
veth_drop

# Jumbo frames: several buffers per packet.
veth_pair 1 9000
serve $tag-a --nic xdp:ix0 --ip 10.77.0.11
if grep -q multi-buffer /tmp/$tag.server; then
	ok "jumbo, echo of 64 B" udp_echo $tag-b 10.77.0.11 9 64
	ok "jumbo, echo of 1800 B" udp_echo $tag-b 10.77.0.11 9 1800
	ok "jumbo, echo of 8900 B" udp_echo $tag-b 10.77.0.11 9 8900
else
	ok "jumbo refused with advice" grep -q "mtu 1500" /tmp/$tag.server
fi
stop_server

exit $failed
