#!/bin/bash
# SPDX-License-Identifier: MIT
# Bulk transfer between IX and Linux, every byte compared: each way, both ways
# at once, connections opened by either side.
. "$(dirname "$0")/lib.sh"

size=1000000000
[ "$nic" = xdp ] || size=200000000

# What TAP hands over are packets of many segments.
in_pieces() {
	packets=$(stat rx_packets)
	echo $packets packets
	[ $nic = xdp ] || [ $((packets * 3)) -lt $((size / 1448)) ]
}

topology
serve 5001 -- "$xfer"
ok "Linux to IX" peer send $ip_ix 5001 $size
ok "in large pieces where they need not be cut" in_pieces
ok "IX to Linux" peer recv $ip_ix 5001 $size
ok "both at once" peer both $ip_ix 5001 $((size / 10))
ok "odd sizes" peer send $ip_ix 5001 1
ok "odd sizes" peer recv $ip_ix 5001 1234567
ok "nothing leaked" at_rest
ok "nothing dropped as damaged" reaches drop_checksum 0
stop_server

peer_start serve 0.0.0.0 5002 3
for command in send recv both; do
	ok "IX opens: $command" on_a "$ix" run $(run_options) -- \
		"$xfer" --dial $ip_peer:5002 $command $((size / 10))
done
ok "Linux is content" peer_ends
exit $failed
