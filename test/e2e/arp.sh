#!/bin/bash
# SPDX-License-Identifier: MIT
# Neighbours: a peer whose Ethernet address changes is found again when its
# entry has aged; static entries need no ARP.
. "$(dirname "$0")/lib.sh"

found_again() { # WAIT, ms: at most so long without an answer
	peer_ends | awk -v most=$1 '{ print } /longest/ { worst = $(NF - 1) }
		END { exit !(worst > 0 && worst < most) }'
}

topology
serve 7 --arp.timeout 500ms --arp.retry 100ms -- "$echo"
at_rest
peer_start trickle $ip_ix 7 5
sleep 1.5
ip_b link set dev ix0 address 02:00:00:00:00:77
ok "address changed, traffic goes on" found_again 3000
ok "nothing leaked" no_leak
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
