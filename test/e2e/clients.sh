#!/bin/bash
# SPDX-License-Identifier: MIT
# Clients that others wrote: libmemcached's tools against kv, nc and socat
# against echo.
. "$(dirname "$0")/lib.sh"

for p in memccapable memccp memccat memcstat nc socat; do
	command -v $p >/dev/null || skip "$p is missing"
done

topology
serve 11211 -- "$kv"
servers="--servers=$ip_ix:11211"
head -c 700000 /dev/urandom >"$tmp/value"
ok "memccp" on_b memccp $servers "$tmp/value"
on_b memccat $servers --file="$tmp/back" value
ok "memccat brings it back" cmp "$tmp/value" "$tmp/back"
ok "memcstat knows it" says 'curr_items: 1' on_b memcstat $servers
ok "memcping" on_b memcping $servers
ok "memcrm" on_b memcrm $servers value
ok "memcexist: gone" fails on_b memcexist $servers value
ok "memccapable" says 'All tests passed' \
	on_b memccapable -a -h $ip_ix -p 11211
ok "nothing leaked" at_rest
stop_server

serve 7 -- "$echo" --port 7 --udp
nc_back() { # OPTIONS...
	on_b nc "$@" $ip_ix 7 <"$tmp/value" >"$tmp/back"
	cmp "$tmp/value" "$tmp/back"
}
socat_back() {
	on_b socat -t 5 - TCP:$ip_ix:7 <"$tmp/value" >"$tmp/back"
	cmp "$tmp/value" "$tmp/back"
}
ok "nc" nc_back -N
ok "socat" socat_back
socat_udp() {
	[ "$(echo datagram | on_b socat -t 1 - UDP:$ip_ix:7)" = datagram ]
}
ok "socat, UDP" socat_udp
ok "nothing leaked" at_rest
exit $failed
