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
at_rest
ok "memccapable" on_b memccapable -a -h $ip_ix -p 11211
ok "... says so" grep -q 'All tests passed' "$tmp/out"
servers="--servers=$ip_ix:11211"
head -c 700000 /dev/urandom >"$tmp/value"
ok "memccp" on_b memccp $servers "$tmp/value"
on_b memccat $servers --file="$tmp/back" value
ok "memccat brings it back" cmp "$tmp/value" "$tmp/back"
ok "memcstat" on_b memcstat $servers
ok "... knows the item" grep -q 'curr_items: 1' "$tmp/out"
ok "memcping" on_b memcping $servers
ok "memcrm" on_b memcrm $servers value
ok "memcexist: gone" fails on_b memcexist $servers value
ok "nothing leaked" no_leak
stop_server

serve 7 -- "$echo" --port 7 --udp
at_rest
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
ok "nothing leaked" no_leak
exit $failed
