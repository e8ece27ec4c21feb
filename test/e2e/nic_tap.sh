#!/bin/bash
# SPDX-License-Identifier: MIT
# TAP without root: all in a user and network namespace of our own.
#
#   xdp_raw 10.78.0.2 === TAP ix0 === 10.78.0.1 Linux
if [ "${1:-}" != inside ]; then
	unshare -Urn true 2>/dev/null || {
		echo "skipped: no user namespaces here"
		exit 77
	}
	exec unshare -Urn "$0" inside
fi
. "$(dirname "$0")/nic_lib.sh"

[ -w /dev/net/tun ] || skip "/dev/net/tun cannot be opened"
ip link set lo up
mtu() { ip link set dev ix0 mtu "$1"; }

serve "" --nic tap:ix0,10.78.0.1/24 --ip 10.78.0.2
ok "opens" grep -q "TAP, 1 queue, MTU 1500" /tmp/$tag.server
ok "echo of 64 B" udp_echo "" 10.78.0.2 9 64
ok "echo of 1472 B" udp_echo "" 10.78.0.2 9 1472
ok "the address is Linux's" refused "" 10.78.0.1 22
ok "same device twice is told" says "in use" \
	timeout 10 "$raw" --nic tap:ix0 --ip 10.78.0.3 --seconds 1 echo
ok "bad address is told" says "tap:NAME,ADDRESS/PREFIX" \
	timeout 10 "$raw" --nic tap:ix0,10.78.0.1 --ip 10.78.0.3 echo
stop_server
ok "device is gone" fails ip link show ix0

serve "" --nic tap:ix0,10.78.0.1/24 --ip 10.78.0.2 --queues 2
eight_flows()
{
	for port in 10 11 12 13 14 15 16 17; do
		udp_echo "" 10.78.0.2 $port 100 || return 1
	done
}
ok "two queues, eight flows" eight_flows
[ "$(cat /proc/sys/kernel/unprivileged_bpf_disabled)" = 0 ] ||
	ok "who steers is told" grep -q "2 queues.*no RSS control (Op.*permitted)" \
		/tmp/$tag.server
stop_server

# A device made before us, with jumbo frames.
ip tuntap add dev ix0 mode tap vnet_hdr
ip link set dev ix0 mtu 9000
serve "" --nic tap:ix0,10.78.0.1/24 --ip 10.78.0.2
ok "echo of 8900 B" udp_echo "" 10.78.0.2 9 8900
ok "echo of 2000 B" udp_echo "" 10.78.0.2 9 2000
kill -9 $child
wait $server 2>/dev/null
ok "device stays" ip link show ix0
ip link del ix0

exit $failed
