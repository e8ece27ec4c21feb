#!/bin/bash
# SPDX-License-Identifier: MIT
# A hostile host on the link of an IX server, beside honest clients.
#
#	run.sh IX ECHO KV xdp|tap|tap6 [ATTACK...]
#
#   xdp    netns a                         netns b: honest clients, attacker
#          IX 10.81.0.10  ix0 == veth == ix0  10.81.0.2, .3 (a router, to
#                                             10.99.0.2)
#   tap    IX 10.81.0.10  TAP ix0 ======= the same
#          all in a user and network namespace, without root
#
#   tap6   the same with IPv6: 10.81.x.y is fd81:0:a51:xxyy::1/48
#
# The attacker (beside this script in the build tree) plays hosts of 10.81.16.0/22
# and forges everybody. Each attack's line says PASS, or FAIL and what it
# achieved, and the honest clients' pace before and during it.
set -u
ix_path=$1 echo_path=$2 kv_path=$3 kind=$4 nic=${4%6}
shift 4
if [ "$nic" = tap ] && [ -z "${IX_TEST_INSIDE:-}" ]; then
	unshare -Urn true 2>/dev/null ||
		{ echo "skipped: no user namespaces here"; exit 77; }
	[ -w /dev/net/tun ] ||
		{ echo "skipped: /dev/net/tun cannot be opened"; exit 77; }
	IX_TEST_INSIDE=1 exec unshare -Urn "$0" \
		"$ix_path" "$echo_path" "$kv_path" $kind "$@"
fi
attacker=${ATTACKER:-$(dirname "$ix_path")/../test/hostile/net/attacker}
LIMIT=600
net=$(cd "$(dirname "$0")" && pwd)
. "$net/../../e2e/lib.sh" "$(dirname "$ix_path")/.." "$nic"
ix=$ix_path echo=$echo_path kv=$kv_path

# Small tables, so that they can be filled (ixev's transmit memory, too: 1100
# hoarders may queue 256 KB each), and short times for what only time ends.
settings="--domain process --mbufs 8192 --arena 256M
	--tcp.max_conns 2048 --tcp.retries 12 --tcp.rto_max 400ms
	--tcp.syn_retries 2 --tcp.fin_timeout 1s --frag.timeout 1s"

# Orphans have an absolute end where the setting is known.
if "$ix" run --help | grep -q 'tcp\.orphan_timeout'; then
	settings="$settings --tcp.orphan_timeout 3s"
fi

[ $kind = tap6 ] && ip_ix=fd81:0:a51:a::1

# The topology of lib.sh, with a wider net.
run_options() {
	if [ "$nic" = xdp ]; then
		echo "--nic xdp:ix0"
	else
		echo "--nic tap:ix0,$ip_peer/16"
	fi
	if [ $kind = tap6 ]; then
		# Who claims an address in time has it (RFC 4862): an attacker
		# could take the server's.
		echo "--ip $ip_ix/48 --gateway fd81:0:a51:3::1"
		echo "--ip6_detect false"
	else
		echo "--ip $ip_ix/16 --gateway 10.81.0.3"
	fi
	echo "--cores 0 --stat_dir $tmp $IX_RUN_OPTIONS"
}

addresses() {
	[ "$nic" = tap ] || ip_b addr flush dev ix0
	ip_b addr add $ip_peer/16 dev ix0 2>/dev/null
	ip_b addr add 10.81.0.3/16 dev ix0
	ip_b addr add 10.99.0.2/32 dev lo 2>/dev/null
	[ $kind = tap6 ] || return
	ip_b addr add fd81:0:a51:2::1/48 dev ix0 nodad
	ip_b addr add fd81:0:a51:3::1/48 dev ix0 nodad
	ip_b addr add fd81:0:a63:2::1/128 dev lo nodad 2>/dev/null
}

start() { # echo|kv
	if [ $1 = echo ]; then
		at=7
		serve 0 $settings -- "$echo" --port 7 --udp
	else
		at=11211
		serve 0 $settings -- "$kv" -m 32
	fi
	[ "$nic" = xdp ] || addresses
	for i in $(seq 100); do
		on_b bash -c ": </dev/tcp/$ip_ix/$at" 2>/dev/null && return
		sleep 0.05
	done
	echo "FAIL: nobody listens"
	exit 1
}

# After a success of the attacker the server may be in any state: a new one.
attack() { # echo|kv ATTACK
	[ "$server" ] || start $1
	"${on_b[@]}" "$attacker" ix0 $ip_ix $at $1 \
		"$ix stat --dir $tmp --json $server" $2 | sed "s/^\(....\)/\1 $1/"
	[ "${PIPESTATUS[0]}" = 0 ] && return
	failed=1
	"$ix" stat --dir "$tmp" $server | sed 's/^/    /'
	grep -v '^ix: domain' "$tmp/server" | sed 's/^/    IX: /'
	stop_server
	server=
}

all() { # LIST echo|kv
	server=
	for name in $("$attacker" --list $1); do
		[ "$wanted" ] && ! [[ " $wanted " = *" $name "* ]] && continue
		attack $2 $name
	done
	[ "$server" ] || return
	stop_server
	status=$?
	[ $status = 0 ] || { echo "FAIL: $2 ends with $status"; failed=1; }
}

wanted=$*
topology
[ "$nic" = tap ] || addresses
if [ $kind = tap6 ]; then
	all echo6 echo
else
	all echo echo
	all kv kv
fi
exit $failed
