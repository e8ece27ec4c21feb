#!/bin/bash
# SPDX-License-Identifier: MIT
# ix metrics beside a dataplane at work: what it says is true and well formed,
# and nobody who connects keeps it from saying so.
. "$(dirname "$0")/lib.sh"

promtool=$(command -v promtool) || echo "promtool is missing: prom.py alone"

# status CODE CURL_ARGS...
status() {
	want=$1
	shift
	got=$(curl -s -o "$tmp/body" -w '%{http_code}' -m 20 "$@")
	[ "$got" = "$want" ] || {
		echo "$got, not $want: $*"
		return 1
	}
}

checked() {
	PYTHONDONTWRITEBYTECODE=1 python3 "$here/metrics_check.py" "$url" \
		"$ix" "$tmp" $promtool
}

local_only() {
	ss -Hltn | awk '{ print $4 }' | grep ":$(echo "$url" |
		sed 's/.*:\([0-9]*\).$/\1/')\$" >"$tmp/listening" &&
		! grep -v '^127\.0\.0\.1:' "$tmp/listening"
}

serves_on() {
	kill -0 $metrics && status 200 "${url}metrics" &&
		grep -q '^ix_rx_packets_total{dataplane="echo"' "$tmp/body"
}

# What a request must not do: garbage, half of one and no more, too long, no
# reading of the answer, an upload; more connections than it takes, at once.
hostile() {
	python3 "$here/metrics_hostile.py" "$url" "$1"
}

same_bytes() {
	head=$(curl -s -I "${url}status.json" | grep -ci '^content-length: [1-9]')
	[ "$head" = 1 ]
}

topology
serve 7 -- "$echo" --port 7
metrics --listen 127.0.0.1:0
ok "it says where" test "$url"
ok "loopback alone" local_only
ok "at rest, all is true" checked
for i in 1 2 3; do
	peer wait $ip_ix 7 >/dev/null
done
"${on_b[@]}" ping -q -i 0.01 -c 300 $ip_ix >"$tmp/ping" &
jobs="$jobs $!"
ok "at work, all is true" checked
ok "once, without a server" sh -c "'$ix' metrics --once --dir '$tmp' |
	python3 '$here/prom.py'"
ok "nothing runs: all families all the same" sh -c "mkdir -p '$tmp/none' &&
	'$ix' metrics --once --dir '$tmp/none' | python3 '$here/prom.py' |
	grep -v ' 0 families'"
ok "the status page" status 200 "$url"
ok "... is a page" grep -q '<title>IX</title>' "$tmp/body"
ok "... what it reads is JSON" sh -c "curl -s -m 10 '${url}status.json' |
	python3 -m json.tool"
ok "HEAD" same_bytes
ok "no such path" status 404 "${url}metrics/x"
ok "no such path" status 404 "${url}../../etc/passwd" --path-as-is
ok "no other method" status 405 -X POST -d x=1 "${url}metrics"
ok "no other method" status 405 -X DELETE "${url}metrics"
ok "by another name: refused" status 403 -H "Host: pages.example:80" \
	"${url}status.json"
ok "... that only begins like it" status 403 -H "Host: localhost.example" \
	"${url}metrics"
for host in localhost localhost:1 [::1]:80 127.0.0.1; do
	ok "by $host" status 200 -H "Host: $host" "${url}metrics"
done
# Its clients wait for its time limits, and know nothing of the dataplane's NIC.
if [ "$nic" = tap ]; then
	for attack in garbage half long deaf upload; do
		ok "$attack" hostile $attack
		ok "... and it serves on" serves_on
	done
	ok "all connections taken by who says nothing: others wait, then served" \
		hostile flood
	ok "... and it serves on" serves_on
fi
ok "no address" exits 2 "nowhere:1 is no address" \
	"$ix" metrics --listen nowhere:1
ok "no port" exits 2 "127.0.0.1 is no address" \
	"$ix" metrics --listen 127.0.0.1
ok "a port beyond the last" exits 2 "127.0.0.1:65536 is no address" \
	timeout 10 "$ix" metrics --listen 127.0.0.1:65536
ok "not numeric: IPv6 without brackets" exits 2 "::1:0 is no address" \
	"$ix" metrics --listen ::1:0
ok "taken" exits 1 "Address already in use" \
	"$ix" metrics --listen "$(echo "$url" | sed 's|http://\(.*\)/|\1|')"
kill $(pgrep -P $metrics)
ok "ends at SIGTERM" wait $metrics
metrics --listen 0.0.0.0:0
ok "not loopback: said out loud" grep -q 'whoever reaches' "$tmp/said"
url=$(echo "$url" | sed s/0.0.0.0/127.0.0.1/)
ok "... and serves" serves_on
ok "... by any name" status 200 -H "Host: pages.example" "${url}metrics"
stop_server
sleep 0.2
ok "the dataplane ended: no series of it" sh -c "! curl -s -m 10 '${url}metrics' |
	grep -q '^ix_rx_packets_total{'"
exit $failed
