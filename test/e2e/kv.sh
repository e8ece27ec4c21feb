#!/bin/bash
# SPDX-License-Identifier: MIT
# kv against the clients that people use, and against a stock memcached, which
# is the control: what fails there, too, says nothing about kv. IX_SEED=N: other
# random commands to both.
LIMIT=200
. "$(dirname "$0")/lib.sh"

stock=11311
memcached=$(command -v memcached)
# Debian's: its modules are not those of another python3
python=/usr/bin/python3
topology 2

# One for each thread, on both sides: a veth cannot steer, and takes XDP in its
# driver only if the other one has no more than it has.
queues() {
	[ "$nic" = tap ] && return
	on_b ethtool -L ix0 rx $1 tx $1
	on_a ethtool -L ix0 rx $1 tx $1
}

# Fresh, on the peer's side. One thread, and none that works by itself.
stock_start() {
	"${on_b[@]}" "$memcached" -u root -l 127.0.0.1 -p $stock -t 1 -m 64 \
		-o no_modern -W >"$tmp/stock" 2>&1 &
	stock_job=$!
	jobs="$jobs $stock_job"
	peer wait 127.0.0.1 $stock
}

stock_stop() {
	kill $stock_job
	wait $stock_job
}

all_pass() {
	says "All tests passed" on_b memccapable -h $1 -p $2
}

# on_both DESCRIPTION PROGRAM: HOST and PORT follow
on_both() {
	both=$1
	shift
	[ -z "$memcached" ] || ok "stock memcached: $both" "$@" 127.0.0.1 $stock
	ok "kv: $both" "$@" $ip_ix 11211
}

clients() {
	if command -v memccapable >/dev/null; then
		on_both "memccapable, text and binary" all_pass
	fi
	if $python -c "import pylibmc, pymemcache" 2>/dev/null; then
		on_both "pylibmc and pymemcache" \
			on_b $python "$here/kv_clients.py"
	fi
	on_both "what memtier_benchmark asks" on_b python3 "$here/memtier.py"
	ok "kv: kv_check" on_b python3 "$here/kv_check.py" $ip_ix 11211
}

# Connections go to and fro while their values come.
moving() {
	on_b python3 "$here/kv_pieces.py" $ip_ix 11211 3 &
	pieces=$!
	while kill -0 $pieces 2>/dev/null; do
		"$ix" cores --dir "$tmp" $server 1 >/dev/null &&
			"$ix" cores --dir "$tmp" $server 2 >/dev/null || break
	done
	wait $pieces && [ "$(stat moved_in)" -gt 0 ]
}

[ -z "$memcached" ] || stock_start
for threads in 1 2; do
	[ "$(nproc)" -ge $threads ] || break
	queues $threads
	serve 11211 --cores $(seq -s, 0 $((threads - 1))) -- "$kv"
	clients
	[ $threads = 1 ] || ok "values in pieces, moving" moving
	ok "$threads threads: nothing leaked" at_rest
	stop_server
done

# Both fresh, the same commands to both.
compare() {
	stock_stop
	stock_start
	serve 11211 -- "$kv"
	on_b python3 "$here/kv_diff.py" $ip_ix 11211 127.0.0.1 $stock \
		${IX_SEED:-1} >"$tmp/compare" 2>&1
	compared=$?
	cat "$tmp/compare"
	stop_server
	return $compared
}

# memcached's own threads race with its commands, once in some hundred runs: a
# difference is kv's if it is there again. kv has one thread here, and does the
# same for the same commands.
compare_twice() {
	compare && return
	echo "once more, both fresh:"
	compare
}

if [ -n "$memcached" ]; then
	queues 1
	ok "kv answers as stock memcached does" compare_twice
	[ "$(grep -c seed "$tmp/out")" = 1 ] || cat "$tmp/out"
fi

# ---- the command line

# exits STATUS PATTERN COMMAND...: says so on stderr, or for 0 on stdout
exits() {
	want=$1 pattern=$2
	shift 2
	on_a "$@" >"$tmp/stdout" 2>"$tmp/stderr"
	status=$?
	cat "$tmp/stdout" "$tmp/stderr"
	[ $want = 0 ] && said_in=stdout || said_in=stderr
	[ $status = $want ] && grep -q -e "$pattern" "$tmp/$said_in"
}

ok "--help" exits 0 "usage: kv" "$kv" --help
ok "-m 0" exits 2 "memory in MB: 0" "$kv" -m 0
ok "-m 64x" exits 2 "memory in MB: 64x" "$kv" -m 64x
ok "-m less than an item" exits 2 "less than the largest" "$kv" -m 1 -I 2m
ok "-p 70000" exits 2 "port: 70000" "$kv" -p 70000
ok "an unknown option" exits 2 "usage: kv" "$kv" --threads 4
ok "an argument too many" exits 2 "unexpected argument: x" "$kv" -m 8 x
ok "a port that is taken" exits 1 "kv: port 11211: Address already in use" \
	"$ix" run $(run_options) --port 11211 -- "$kv" -p 11211
exit $failed
