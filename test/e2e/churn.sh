#!/bin/bash
# SPDX-License-Identifier: MIT
# Connections by the thousand: opened and closed, a hundred at a time, by FIN
# and RST; a thousand open at once; opened by IX.
. "$(dirname "$0")/lib.sh"

topology
serve 7 -- "$echo"
opened=$(stat tcp_passive_opens)
ok "1000 opened and closed" peer churn $ip_ix 7 1000 100
ok "none lost, none twice" reaches tcp_passive_opens $((opened + 1000))
ok "1000 open at once" peer hold_many $ip_ix 7 1000
ok "counted" reaches tcp_passive_opens $((opened + 2000))
ok "all ended" reaches tcp_closed $((opened + 2000))
ok "nothing leaked" at_rest
stop_server

"${on_b[@]}" "$build/bench/linux_echo" --port 7 >/dev/null 2>&1 &
jobs="$jobs $!"
if [ "$nic" = xdp ]; then # on a TAP there is no peer before IX opens it
	ok "Linux listens" peer wait $ip_peer 7
fi
for how in "" --rst; do
	ok "opened by IX $how" on_a "$ix" run $(run_options) -- "$ixload" \
		--quiet --conns 100 --msgs-per-conn 1 $how --duration 2 \
		--warmup 0 $ip_peer:7
done
exit $failed
