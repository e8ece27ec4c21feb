#!/bin/bash
# SPDX-License-Identifier: MIT
# Frames of 9000 bytes: packets of several buffers.
. "$(dirname "$0")/lib.sh"

[ "$nic" = xdp ] || skip "TAP gets its MTU when IX makes it"
topology
for n in a b; do
	ip -n $tag-$n link set ix0 mtu 9000
done
serve 5001 -- "$xfer"
ok "Linux to IX" peer send $ip_ix 5001 200000000
ok "IX to Linux" peer recv $ip_ix 5001 200000000
ok "both at once" peer both $ip_ix 5001 50000000
ok "fewer, larger packets" test "$(stat tx_packets)" -lt 150000
ok "nothing leaked" at_rest
stop_server
serve 5001 --xdp_gather on --tso false -- "$xfer"
ok "IX to Linux, in place" peer recv $ip_ix 5001 100000000
ok "... nearly all of it" test "$(stat tx_gathered_bytes)" -gt 98000000
ok "... and none is lost" test "$(stat drop_nic)" = 0
ok "nothing leaked" at_rest
stop_server
serve 7 -- "$echo" --port 7 --udp
ok "ping of 8972 bytes" on_b ping -q -c 5 -i 0.1 -s 8972 -M do $ip_ix
ok "UDP" peer udp $ip_ix 7 9000
exit $failed
