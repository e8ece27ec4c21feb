#!/bin/bash
# SPDX-License-Identifier: MIT
# Neighbours: a peer whose Ethernet address changes is found again when its
# entry has aged, or when it says so; not for what somebody else says. Static
# entries need no ARP.
. "$(dirname "$0")/lib.sh"

asks() { # AT LEAST, AT MOST
	n=$(awk '/requests/ { print $1 }' "$tmp/peer")
	echo "$n requests"
	[ "$n" -ge $1 ] && [ "$n" -le $2 ]
}

topology
serve 7 --arp.timeout 500ms --arp.retry 100ms -- "$echo"
"${on_b[@]}" python3 "$here/peer" trickle $ip_ix 7 5 >/dev/null &
traffic=$!
jobs="$jobs $traffic"
peer_start count_arp $ip_ix 0 3
peer_ends >/dev/null
ok "asks again when entries have aged" asks 3 30
wait $traffic

# Linux is kept from asking us at this moment, which would tell us.
mac=$(ip_b neigh show $ip_ix | sed 's/.*lladdr \([^ ]*\).*/\1/')
peer_start trickle $ip_ix 7 5
sleep 1.5
ip_b -batch - <<END
link set dev ix0 address 02:00:00:00:00:77
neigh replace $ip_ix lladdr $mac dev ix0 nud permanent
END
ok "address changed, traffic goes on" peer_ends
ok "nothing leaked" at_rest
stop_server

# The entry does not age: nothing else than what is heard changes it.
serve 7 --arp.timeout 3600s -- "$echo"
ok "an impostor by ARP gets nothing" peer claim $ip_ix 7 100
ok "one by SYNs gets nothing either" peer forge $ip_ix 7 20
peer_start trickle $ip_ix 7 5
ip_b -batch - <<END
link set dev ix0 address 02:00:00:00:00:78
neigh replace $ip_ix lladdr $mac dev ix0 nud permanent
END
peer announce $ip_ix 0
ok "address changed and announced: followed" peer_ends
ok "nothing leaked" at_rest
stop_server

if [ "$nic" = xdp ]; then
	mac=$(ip_b -br link show ix0 | awk '{ print $3 }')
	serve 0 --arp.static $ip_peer=$mac --mac 02:00:00:00:00:10 -- "$echo" \
		--port 7
	ip_b link set ix0 arp off
	ip_b neigh replace $ip_ix lladdr 02:00:00:00:00:10 dev ix0
	ip -n $tag-a link set ix0 promisc on
	ok "static entries on both sides" peer churn $ip_ix 7 10 10
fi
exit $failed
