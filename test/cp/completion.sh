#!/bin/bash
# SPDX-License-Identifier: MIT
# Completion of `ix`: what cp/ix.bash offers is what `ix` knows.
#	completion.sh SOURCE_DIR IX
set -u
ix=$(realpath "$2")
# shellcheck source=/dev/null
. "$1/cp/ix.bash"
failed=0

# offers WANTED WORD...: for the last word; WANTED: some that must be there, or
# after a ! that must not
offers() {
	wanted=$1
	shift
	COMP_WORDS=("$ix" "$@")
	COMP_CWORD=$#
	_ix
	for w in $wanted; do
		case " ${COMPREPLY[*]} " in
		*" ${w#!} "*) [ "${w#!}" = "$w" ] && continue ;;
		*) [ "${w#!}" != "$w" ] && continue ;;
		esac
		echo "FAILED: ix $*: $w: ${COMPREPLY[*]}"
		failed=1
	done
}

offers "run ps stat top flows set log move cores park conf help" ""
offers "flows !ps" f
for c in $("$ix" help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
	offers "$c" "$c"
done
offers "--state --port --addr --json --dir !--all" flows --
offers "--nic --tcp.rto_min --domain" run --
offers "--json --count --every" top --
offers "--json --keep" drain --
offers "--json --write" pcap --
offers "inline process vm auto" run --domain ""
offers "vm !inline" run --domain v
offers "true false" run --icmp_echo ""
offers "established time-wait" flows --state ""
offers "batch= tcp.rto_min= arp.timeout= !mtu= !are=" set kv ""
offers "tcp.keep_idle= !batch=" set kv tcp.k
cd / || exit 1
offers "etc" run --conf e

# A dataplane that runs, by name and by process.
dir=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null; wait; rm -rf "$dir"' EXIT
export XDG_RUNTIME_DIR=$dir
"$ix" run --quiet --name t_completion --domain process --arena 16M \
	--nic "wire:$dir/w" --ip 10.0.0.1/24 -- sleep 20 &
pid=$!
for _ in $(seq 100); do
	"$ix" ps t_completion >/dev/null 2>&1 && break
	sleep 0.1
done
offers "t_completion $pid" flows ""
offers "t_completion" log t_c

[ $failed = 0 ] && echo "completion: ok"
exit $failed
