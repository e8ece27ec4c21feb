#!/bin/bash
# SPDX-License-Identifier: MIT
# What tshark has to say about our packets: nothing.
. "$(dirname "$0")/lib.sh"

command -v tshark >/dev/null || skip "tshark is missing"
topology
serve 5001 -- "$xfer"
at_rest
# So that what Linux sends is complete, checksums and all, when captured.
on_b ethtool -K ix0 tx off gso off tso off >/dev/null 2>&1
"${on_b[@]}" dumpcap -q -i ix0 -B 64 -w "$tmp/pcap" >"$tmp/dumpcap" 2>&1 &
dumpcap=$!
jobs="$jobs $dumpcap"
for i in $(seq 50); do
	grep -q 'Capturing on' "$tmp/dumpcap" && break
	sleep 0.1
done

ok "bulk" peer send $ip_ix 5001 5000000
ok "bulk" peer recv $ip_ix 5001 5000000
ok "half-close" peer half_closed $ip_ix 5001
ok "resets" peer abort $ip_ix 5001 5
ok "resets" peer aborted $ip_ix 5001 5
for i in $(seq 10); do
	peer both $ip_ix 5001 $((i * 1000)) >/dev/null
done
ok "slow writer" peer slow_ix_writer $ip_ix 5001 100000
ok "pings" on_b ping -q -c 10 -i 0.05 -s 1000 $ip_ix
ok "closed UDP port" peer udp_refused $ip_ix 8
sleep 0.5
kill -INT $(pgrep -P $dumpcap)
wait $dumpcap
cat "$tmp/dumpcap" | grep -i 'received/dropped'

# tshark_counts FILTER: packets that match
tshark_counts() {
	tshark -r "$tmp/pcap" -o ip.check_checksum:TRUE \
		-o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE \
		-Y "$1" 2>/dev/null >"$tmp/matches"
	head -20 "$tmp/matches"
	wc -l <"$tmp/matches"
}
none() {
	n=$(tshark_counts "$1")
	echo "$n"
	[ "$(echo "$n" | tail -1)" = 0 ]
}
from_ix="ip.src == $ip_ix"
total=$(tshark_counts "$from_ix" | tail -1)
ok "$total packets from IX captured" test "$total" -gt 5000
ok "none malformed" none \
	"_ws.malformed || _ws.expert.severity == error && $from_ix"
ok "IP checksums" none "ip.checksum.status == Bad"
ok "TCP checksums" none "tcp.checksum.status == Bad"
ok "UDP checksums" none "udp.checksum.status == Bad"
ok "ICMP checksums" none "icmp.checksum.status == Bad"
ok "no spurious retransmission" none \
	"$from_ix && tcp.analysis.spurious_retransmission"
if grep -q ' 0 (0.0%)' "$tmp/dumpcap" || ! grep -q dropped "$tmp/dumpcap"; then
	ok "no retransmission at all" none "$from_ix && tcp.analysis.retransmission"
fi
ok "none out of order" none "$from_ix && tcp.analysis.out_of_order"
ok "all in the window" none "$from_ix && tcp.analysis.window_full && tcp.len > 1460"
exit $failed
