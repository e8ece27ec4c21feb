#!/bin/bash
# SPDX-License-Identifier: MIT
# IX takes one port of the host's address: all else there stays Linux's.
. "$(dirname "$0")/lib.sh"

[ "$nic" = xdp ] || skip "AF_XDP only"
topology
ip_ix=10.81.0.1
run_options() {
	echo "--nic xdp:ix0 --ports_only --port 7,5001 --cores 0" \
		"--stat_dir $tmp ${IX_RUN_OPTIONS:-}"
}
serve 5001 -- "$xfer"
on_b=("${on_a[@]}") # a service of Linux, beside IX
peer_start serve $ip_ix 5002 3
on_b[3]=$tag-b
ok "IX's port" peer send $ip_ix 5001 10000000
ok "Linux's service" peer send $ip_ix 5002 10000000
ok "IX's port" peer both $ip_ix 5001 10000000
both_at_once() {
	peer recv $ip_ix 5001 50000000 &
	peer recv $ip_ix 5002 50000000 && wait $!
}
ok "both at once" both_at_once
ok "Linux's service" peer both $ip_ix 5002 10000000
ok "Linux's service is content" peer_ends
# The peer moves to another card: Linux hears of it, and so IX.
ip -n $tag-b link set ix0 address 02:00:00:00:77:01
ok "Linux hears of it" on_b ping -q -c 1 -W 2 $ip_ix
sleep 1.5
ok "IX follows" peer both $ip_ix 5001 1000000
ok "Linux answers pings" on_b ping -q -c 5 -i 0.1 -W 2 $ip_ix
ok "Linux refuses other ports" peer refused $ip_ix 6
ok "nothing leaked" at_rest
stop_server
ok "IX gone: Linux refuses its port, too" peer refused $ip_ix 5001
exit $failed
