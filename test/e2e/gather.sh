#!/bin/bash
# SPDX-License-Identifier: MIT
# AF_XDP sends the application's memory in place: over veth, whose driver has no
# zero copy, but takes packets of several descriptors. Every byte compared by
# Linux, also over a path that loses, reorders and damages; and a hostile program
# behind the wall has nothing sent that is not its own.
. "$(dirname "$0")/lib.sh"

[ "$nic" = xdp ] || skip "AF_XDP's"
hostile=$build/test/hostile/hostile
size=20000000
in_place="--xdp_gather on"

# Nearly all of @1 bytes, headers of the test's own apart.
gathered() {
	echo "in place: $(stat tx_gathered_bytes), copied: $(stat tx_copied_bytes)"
	[ "$(stat tx_gathered_bytes)" -gt $(($1 / 100 * 98)) ] &&
		[ "$(stat tx_copied_bytes)" -lt $(($1 / 50)) ]
}

topology_path
serve 0 $in_place -- "$xfer"
! grep -q "no multi-buffer AF_XDP" "$tmp/server" || skip "Linux is older than 6.6"
ok "it is said at the start" grep "payload sent in place" "$tmp/server"
bad_path ",seed=1"
peer wait $ip_ix 5001
ok "IX to Linux" peer recv $ip_ix 5001 $size
ok "in place" gathered $size
ok "both at once" peer both $ip_ix 5001 $((size / 10))
ok "odd sizes" peer recv $ip_ix 5001 1234567
ok "... and one byte" peer recv $ip_ix 5001 1
ok "nothing leaked" at_rest
good_path >/dev/null
stop_server

serve 0 $in_place -- "$xfer"
bad_path ",loss=2%,burst=0.2%,delay=1ms,jitter=1ms,reorder=2%,reorder-time=3ms,dup=1%,corrupt=1%,seed=2"
peer wait $ip_ix 5001
for i in 1 2 3 4 5; do
	ok "IX to Linux, losses" peer recv $ip_ix 5001 400000
	ok "both at once, losses" peer both $ip_ix 5001 100000
done
ok "some of it more than once" test "$(stat tcp_retransmits)" -gt 50
ok "... in place, too" test "$(stat tx_gathered_bytes)" -gt 2500000
ok "nothing leaked" at_rest
good_path >/dev/null
stop_server

serve 0 $in_place --port 7 --domain process --timers 4096 \
	--tcp.max_conns 2048 --mbufs 4096 -- "$hostile"
bad_path ",seed=3"
"${on_b[@]}" python3 "$here/../hostile/peer.py" $ip_ix 60 "$tmp/stop" \
	>"$tmp/bystanders" 2>&1 &
peer=$!
jobs="$jobs $peer"
for i in $(seq 600); do
	grep -q ' believed' "$tmp/server" && break
	sleep 0.1
done
: >"$tmp/stop"
ok "no bystander is harmed" wait $peer
ok "no lie is believed" grep 'hostile: 0 believed' "$tmp/server"
good_path >/dev/null
stop_server

serve 0 --xdp_gather off -- "$xfer"
ok "the copy is said, too" grep "payload copied" "$tmp/server"
bad_path ",seed=4"
peer wait $ip_ix 5001
ok "IX to Linux, copied" peer recv $ip_ix 5001 $size
ok "... all of it" test "$(stat tx_gathered_bytes)" = 0
good_path >/dev/null
stop_server
exit $failed
