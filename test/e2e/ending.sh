#!/bin/bash
# SPDX-License-Identifier: MIT
# SIGTERM and Ctrl-C: connections are closed in order, nothing stays behind.
. "$(dirname "$0")/lib.sh"

clean() {
	if [ "$nic" = xdp ]; then
		ip -n $tag-a link show ix0
		! ip -n $tag-a link show ix0 | grep xdp
	else
		! ip link show ix0
	fi
}
no_page() {
	ls "$tmp"
	! ls "$tmp" | grep "^$server\."
}

topology
for signal in TERM INT; do
	serve 5001 -- "$xfer"
	at_rest
	peer_start idle $ip_ix 5001 5
	kill -$signal $server
	wait $job
	ok "SIG$signal: exit status 0" test $? = 0
	ok "SIG$signal: its connections end by FIN" peer_ends
	ok "SIG$signal: the interface is clean" clean
	ok "SIG$signal: no counter page" no_page
done
serve 5001 -- "$xfer"
kill -KILL $server
wait $job
ok "SIGKILL: the interface is clean" clean
serve 5001 -- "$xfer"
ok "starts again" peer send $ip_ix 5001 1000
exit $failed
