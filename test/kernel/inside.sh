#!/bin/sh
# SPDX-License-Identifier: MIT
# In a machine with Debian's kernel (../vm/bed.py): IX against a Linux that has
# CUBIC, DCTCP, netem, fq and fq_codel, which the kernel outside may lack.
#
#	netns a             netns m                 Linux
#	IX  ix0 ==veth== ea  bridge  eb ==veth== c0  peer
#	10.81.0.10                                   10.81.0.2
#	fd81::10                                     fd81::2
#
# The bridge (../path/bridge.c) limits, delays and marks; qdiscs of Linux do on
# c0, for what Linux sends. Every mark is accounted for: what the path says that
# it has marked, the receiver has seen, and the sender has been told. No time is
# judged: the machine is an emulated one.
#
#	inside.sh BUILD: exit 0 or 1
build=$1
ix=$build/cp/ix xfer=$build/test/e2e/xfer peer=$build/test/kernel/peer
ip=/usr/sbin/ip tc=/usr/sbin/tc
sysctl=/proc/sys/net/ipv4
run="$ix run --domain inline --nic xdp:ix0 --tso false
	--ip 10.81.0.10/24,fd81::10/64 --cores 0 --mbufs 4096 --arena 32M
	--tcp.max_conns 256"
failed=0
bulk=600000

# Only marks: nothing is lost in so long a queue.
marks=,rate=20m,queue=2000000,mark=15000,delay=2ms
# Only losses.
losses=,loss=1%,delay=2ms,jitter=1ms

ok() { echo "ok: $*"; }
bad() {
	echo "FAILED: $*"
	failed=1
}

# is WHAT EXPRESSION: of the shell's arithmetic
is() {
	[ $(($2)) != 0 ] && ok "$1: $2" || bad "$1: $2"
}

topology() {
	mkdir -p /run/netns
	$ip netns add a
	$ip netns add m
	$ip link add c0 type veth peer name eb netns m
	$ip -n a link add ix0 type veth peer name ea netns m
	for l in ea eb; do
		$ip -n m link set $l up
		$ip netns exec m ethtool -K $l gro off >/dev/null 2>&1
	done
	ethtool -K c0 tx off tso off gso off gro off >/dev/null 2>&1
	$ip addr add 10.81.0.2/24 dev c0
	$ip -6 addr add fd81::2/64 dev c0 nodad
	$ip link set c0 up
	$ip -n a link set ix0 up
	echo reno cubic dctcp >$sysctl/tcp_allowed_congestion_control
}

linux() { # SETTING=VALUE...: net.ipv4.tcp_SETTING
	for s in "$@"; do
		echo "${s#*=}" >$sysctl/tcp_"${s%%=*}"
	done
}

# serve OPTIONS...: xfer on IX, in the background
serve() {
	$ip netns exec a timeout 60 $run "$@" -- "$xfer" >/tmp/server 2>&1 &
	server=$!
	until grep -q '^ix: domain' /tmp/server; do
		kill -0 $server 2>/dev/null || {
			bad "no server"
			cat /tmp/server
			return
		}
		sleep 0.1
	done
}

leave() {
	kill $server 2>/dev/null
	wait $server
}

bridge() { # OPTIONS [OPTIONS]
	: >/tmp/bridge
	$ip netns exec m "$build/test/path/bridge" ea eb "$@" >/tmp/bridge 2>&1 &
	bridge=$!
	until grep -q ready /tmp/bridge; do
		kill -0 $bridge 2>/dev/null || {
			bad "no bridge: $(cat /tmp/bridge)"
			return
		}
		sleep 0.1
	done
}

# It ends; $marked_out and $marked_in: what IX sent, what was sent to it
unbridge() {
	kill $bridge
	wait $bridge
	marked_out=$(fate there marked) marked_in=$(fate back marked)
	lost=$(($(fate there overflow) + $(fate back overflow)))
}

fate() { # WAY WHAT
	sed -n "s/.*\"$1\":{[^}]*\"$2\":\\([0-9]*\\).*/\\1/p" /tmp/bridge
}

# IX's counters that are not 0, as $tcp_...
counters() {
	for name in ecn ce_in ece_out cwr_in ece_in ece_bytes cwr_out retransmits \
		dsacks timeouts tail_probes spurious_timeouts passive_opens out_of_order; do
		eval "tcp_$name=0"
	done
	eval "$("$ix" stat | awk '$1 ~ /^tcp_[a-z_]*$/ { print $1 "=" $2 }')"
}

# Linux's: $ce_seen, of both families, $dups_told, $dups_heard (also of what the
# path has doubled, which TCP_INFO leaves out) and $undone. Of netstat, names
# and values are lines of the same fields.
linux_counters() {
	eval "$(awk '!($1 in seen) { for (i = 2; i <= NF; i++) at[$1 i] = $i
			seen[$1] = 1; next }
		{ for (i = 2; i <= NF; i++) n[at[$1 i]] = $i }
		END { print "ce4=" n["InCEPkts"] " undone=" n["TCPSpuriousRTOs"] \
			" dups_told=" n["TCPDSACKOldSent"] + n["TCPDSACKOfoSent"] \
			" dups_heard=" n["TCPDSACKRecv"] + n["TCPDSACKOfoRecv"] }' \
		/proc/net/netstat)"
	ce_seen=$((ce4 + $(awk '$1 == "Ip6InCEPkts" { print $2 }' \
		/proc/net/snmp6)))
}

# talk WHAT PEER-ARGUMENTS...: a transfer; $ecn, $sack, $retrans, $ce, $dsacks
talk() {
	what=$1
	shift
	ecn= sack= retrans= ce= dsacks= reordered=
	timeout 50 "$peer" "$@" >/tmp/peer 2>&1
	said=$(tail -1 /tmp/peer)
	case $said in
	"ok "*)
		ok "$what: $said"
		for word in ${said#ok }; do
			eval "$word"
		done
		;;
	*) bad "$what: $said" ;;
	esac
}

# A server of its own for each transfer: counters from 0.
begin() { # PATH OPTIONS...
	how=$1
	shift
	serve "$@"
	bridge $how
	linux_counters
	ce_before=$ce_seen dups_before=$dups_told undone_before=$undone
	heard_before=$dups_heard
}

# What has been counted; then all ends.
end() {
	counters
	linux_counters
	linux_ce=$((ce_seen - ce_before)) linux_dups=$((dups_told - dups_before))
	linux_undone=$((undone - undone_before))
	linux_heard=$((dups_heard - heard_before))
	leave
	unbridge
}

# ---- marks

# clean PATH OPTIONS WHAT PEER-ARGUMENTS...: a transfer in which nothing is sent
# again. On a machine that is busy timers may fire without need: once more then.
clean() {
	path=$1 options=$2
	shift 2
	for try in 1 2 3 4 5; do
		begin "$path" $options
		talk "$@"
		end
		[ $((lost + retrans + tcp_retransmits)) != 0 ] || return
		echo "once more: $retrans and $tcp_retransmits sent again"
	done
	is "$1: nothing was lost" "$lost + $retrans + $tcp_retransmits == 0"
}

# DCTCP: of each mark the sender hears, and of nothing else.
dctcp() { # HOST FAMILY
	clean "$marks" "--tcp.cc dctcp" "DCTCP, Linux to IX, $2" \
		-c dctcp send $1 5001 $bulk
	is "both agree on ECN" "$tcp_ecn == 1 && $ecn == 1"
	is "marked: by the path, at IX, told to Linux" \
		"$marked_in > 5 && $marked_in == $tcp_ce_in && $marked_in == $ce"

	clean "$marks" "--tcp.cc dctcp" "DCTCP, IX to Linux, $2" \
		-c dctcp recv $1 5001 $bulk
	is "marked: by the path, at Linux" \
		"$marked_out > 5 && $marked_out == $linux_ce"
	mss=$((1448 - (($2 == 6) * 20)))
	is "... and told to IX, to the byte" \
		"$tcp_ece_bytes <= $marked_out * $mss &&
		 $tcp_ece_bytes > ($marked_out - 1) * $mss"
	is "IX says when it reduces" \
		"$tcp_cwr_out > 0 && $tcp_cwr_out <= $tcp_ece_in"
}

# RFC 3168: the first mark is told until the sender says that it has reduced,
# which it does once in a round trip.
cubic() { # HOST
	clean "$marks" "" "CUBIC, Linux to IX" -c cubic send $1 5001 $bulk
	is "both agree on ECN" "$tcp_ecn == 1 && $ecn == 1"
	is "marked: by the path, at IX" "$marked_in > 0 && $marked_in == $tcp_ce_in"
	is "told until Linux has heard" \
		"$tcp_ece_out >= $tcp_cwr_in && $tcp_cwr_in > 0 &&
		 $tcp_cwr_in <= $tcp_ce_in"

	clean "$marks" "" "CUBIC, IX to Linux" -c cubic recv $1 5001 $bulk
	is "marked: by the path, at Linux" \
		"$marked_out > 0 && $marked_out == $linux_ce"
	is "IX answers" "$tcp_ece_in >= $tcp_cwr_out && $tcp_cwr_out > 0 &&
		$tcp_cwr_out <= $marked_out"
}

# Who does not want it gets none, and no packet can be marked.
refused() {
	linux ecn=0
	begin "$marks" --tcp.ecn on
	talk "Linux without ECN" both 10.81.0.10 5001 $bulk
	end
	is "no ECN" "$tcp_ecn + $ecn + $marked_in + $marked_out == 0"
	linux ecn=1
	begin "$marks" --tcp.ecn off
	talk "IX without ECN" both 10.81.0.10 5001 $bulk
	end
	is "no ECN" "$tcp_ecn + $ecn + $marked_in + $marked_out == 0"
}

# ---- qdiscs of Linux

ecn_marks() { # that fq_codel has made
	$tc -s qdisc show dev c0 | sed -n 's/.*ecn_mark \([0-9]*\).*/\1/p'
}

fq_codel() {
	$tc qdisc add dev c0 root handle 1: tbf rate 10mbit burst 3000 limit 3000000
	$tc qdisc add dev c0 parent 1:1 fq_codel ecn target 2ms interval 10ms
	at_qdisc=0
	for try in 1 2 3 4 5; do
		before=$(ecn_marks)
		begin ,delay=1ms
		talk "through fq_codel" -c cubic send 10.81.0.10 5001 $((2 * bulk))
		end
		at_qdisc=$(($(ecn_marks) - before))
		[ $retrans != 0 ] || break
	done
	is "fq_codel's marks are what IX has seen" \
		"$at_qdisc > 0 && $at_qdisc == $tcp_ce_in"
	$tc qdisc del dev c0 root
}

paced() {
	$tc qdisc add dev c0 root fq
	for algorithm in cubic dctcp; do
		clean "$marks" "--tcp.pacing true --tcp.cc $algorithm" \
			"both pace: $algorithm, fq" \
			-c $algorithm both 10.81.0.10 5001 $bulk
		is "marks on both ways" \
			"$marked_in == $tcp_ce_in && $marked_out == $linux_ce"
	done
	$tc qdisc del dev c0 root
}

# What netem doubles, IX tells Linux about (RFC 2883).
doubled() {
	$tc qdisc add dev c0 root netem delay 2ms duplicate 5%
	begin ,delay=1ms,rate=10m # not many in one batch, which has one ACK
	talk "doubled" send 10.81.0.10 5001 $bulk
	end
	is "Linux hears of it" "$sack == 1 && $linux_heard > 3"
	$tc qdisc del dev c0 root
	begin ",delay=2ms,dup=5% ,delay=2ms"
	talk "doubled, to Linux" recv 10.81.0.10 5001 $bulk
	end
	# Of the last segments Linux may tell when the connection has ended.
	is "IX hears of each" "$linux_dups > 2 &&
		$tcp_dsacks <= $linux_dups && $tcp_dsacks >= $linux_dups - 2"
}

reordered() {
	$tc qdisc add dev c0 root netem delay 5ms reorder 80% 50%
	begin ,delay=1ms,reorder=5%,reorder-time=5ms
	talk "out of order" both 10.81.0.10 5001 $bulk
	end
	is "it was" "$tcp_out_of_order > 0"
	$tc qdisc del dev c0 root
}

# What Linux sends takes 400 ms longer for a while, time and again: ACKs to IX,
# data to IX. Who sends finds out that nothing was lost (F-RTO, RFC 5682).
spikes() {
	for i in 1 2 3; do
		sleep 0.4
		$tc qdisc change dev c0 root netem delay 400ms
		sleep 0.2
		$tc qdisc change dev c0 root netem delay 5ms
	done
}

stalls() {
	$tc qdisc add dev c0 root netem delay 5ms
	for try in 1 2 3 4; do # a machine that is slow has long timeouts
		begin ,delay=1ms,rate=6m,queue=200000,mark=10000
		spikes &
		talk "IX to Linux, stalls" recv 10.81.0.10 5001 $((3 * bulk))
		wait $!
		end
		echo "IX: $tcp_timeouts timeouts, $tcp_tail_probes probes," \
			"$tcp_spurious_timeouts spurious"
		[ $tcp_spurious_timeouts = 0 ] || break
	done
	is "IX finds its timeouts spurious" "$tcp_spurious_timeouts > 0"
	begin ,delay=1ms,rate=6m,queue=200000,mark=10000
	spikes &
	talk "Linux to IX, stalls" send 10.81.0.10 5001 $((3 * bulk))
	wait $!
	end
	echo "Linux: $linux_undone timeouts spurious"
	$tc qdisc del dev c0 root
}

lossy() { # WHAT SETTING=VALUE
	linux $2
	begin "$losses"
	talk "$1" both 10.81.0.10 5001 $bulk
	end
	linux sack=1 timestamps=1 window_scaling=1
}

# A cookie is asked for, or data comes in a SYN without: neither is taken, and
# nothing is lost by it.
fast_open() {
	begin ,delay=1ms
	linux fastopen=3
	talk "Fast Open asked for" -f send 10.81.0.10 5001 $bulk
	linux fastopen=5
	talk "Fast Open without a cookie" -f send 10.81.0.10 5001 $bulk
	linux fastopen=1
	end
	is "opened the slow way" "$tcp_passive_opens == 2"
}

# IX opens.
dialed() { # WORD
	timeout 50 "$peer" -c cubic serve 5002 >/tmp/peer 2>&1 &
	job=$!
	bridge "$marks"
	$ip netns exec a timeout 50 $run --tcp.ecn on -- "$xfer" \
		--dial 10.81.0.2:5002 $1 $bulk >/tmp/server 2>&1 &&
		ok "IX opens, $1" || bad "IX opens, $1: $(cat /tmp/server)"
	wait $job
	unbridge
	said=$(tail -1 /tmp/peer)
	ecn=0
	for word in ${said#ready}; do
		case $word in *=*) eval "$word" ;; esac
	done
	is "Linux agreed on ECN" "$ecn == 1"
	is "nothing was lost" "$lost == 0"
}

topology
linux ecn=1
dctcp 10.81.0.10 4
dctcp fd81::10 6
cubic 10.81.0.10
refused
fq_codel
paced
doubled
reordered
stalls
lossy "losses" sack=1
lossy "losses, without SACK" sack=0
lossy "losses, without timestamps" timestamps=0
lossy "losses, without scaling" window_scaling=0
fast_open
dialed send
dialed recv
exit $failed
