#!/bin/bash
# SPDX-License-Identifier: MIT
# A peer that is suddenly no longer there: its link is down.
. "$(dirname "$0")/lib.sh"

topology
serve 5001 --tcp.retries 4 --tcp.rto_initial 50ms --tcp.syn_retries 3 \
	--tcp.rto_max 1s \
	--tcp.keep_idle 500ms --tcp.keep_interval 200ms --tcp.keep_probes 3 \
	-- "$xfer"

peer_start sink $ip_ix 5001
ip_b link set ix0 down
ok "data without answer: ETIMEDOUT" said '^send: .* ETIMEDOUT'
kill $peer
ok "retransmitted before" test "$(stat tcp_timeouts)" -ge 4
[ "$nic" = xdp ] && ok "nothing leaked" at_rest

ip_b link set ix0 up
peer_start idle $ip_ix 5001 10
sleep 2
ok "keepalive is answered" fails grep '^hold' "$tmp/server"
ok "by probes" test "$(stat tcp_keepalive_probes)" -ge 2
ip_b link set ix0 down
ok "silence: ETIMEDOUT by keepalive" said '^hold: 0 0 ETIMEDOUT'
kill $peer
ip_b link set ix0 up
ok "goes on with the next one" peer send $ip_ix 5001 1000000
ok "nothing leaked" at_rest
stop_server

dial() { # ERROR ADDRESS OPTIONS...: what connecting there ends with
	error=$1 to=$2
	shift 2
	out=$(on_a "$ix" run $(run_options) --arp.retry 100ms "$@" -- \
		"$xfer" --dial $to:9 send 1)
	echo "$out"
	echo "$out" | grep -q -E "^dial: 0 0 ($error)$"
}
ok "nobody has the address" dial 'EHOSTUNREACH|ETIMEDOUT' 10.81.0.99 \
	--tcp.syn_retries 3
ok "nobody answers" dial ETIMEDOUT 10.81.0.99 --tcp.syn_retries 2 \
	--arp.static 10.81.0.99=02:00:00:00:00:99
ok "no way there" dial EHOSTUNREACH 10.99.0.1
ok "nobody listens" dial ECONNREFUSED $ip_peer
exit $failed
