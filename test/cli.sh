#!/bin/sh
# SPDX-License-Identifier: MIT
# The `ix` command as a user meets it: help, what it says about mistakes, exit
# codes, what a program is handed.
#	cli.sh IX SOURCE_DIR
set -u
ix=$1 src=$2
dir=$(mktemp -d)
chmod 755 "$dir" # domain process: the program runs as nobody
trap 'rm -rf "$dir"' EXIT
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

# expect STATUS WORDS COMMAND...: exit status, and words in what it prints
expect() {
	want=$1 words=$2
	shift 2
	out=$("$@" 2>&1 </dev/null)
	got=$?
	[ "$got" = "$want" ] || fail "$*: exit $got, not $want: $out"
	case $out in
	*"$words"*) ;;
	*) fail "$*: no \"$words\" in: $out" ;;
	esac
}

wire="--nic wire:$dir/w --ip 10.0.0.1/24"
proc="$wire --domain process"
me="--user $(id -un)" # nobody may not look everywhere

expect 2 "Usage: ix COMMAND" "$ix"
expect 2 "no command frob" "$ix" frob
expect 0 "Usage: ix COMMAND" "$ix" help
expect 0 "Usage: ix COMMAND" "$ix" --help
expect 0 "ABI 6" "$ix" --version

# Every setting is in the help, with its default and range.
help=$("$ix" run --help) || fail "ix run --help"
names=$(sed -n 's/^[SL]("\([^"]*\)".*/\1/p' "$src/conf/conf.def")
[ "$(echo "$names" | wc -l)" -gt 40 ] || fail "conf/conf.def not understood"
for n in $names; do
	echo "$help" | grep -q -- "^  --$n " || fail "help lacks $n"
done
echo "$help" | awk 'length > 80 { exit 1 }' || fail "help is too wide"
expect 0 "[50ms]" "$ix" run --help

# Mistakes.
expect 2 "did you mean tcp.rto_min?" "$ix" run --tcp.rto_mni 5ms -- true
expect 2 "did you mean cores?" "$ix" run --core 1 -- true
expect 2 "mtu: \"big\" is not a number" "$ix" run --mtu big -- true
expect 2 "batch: 1000 is out of range 1 to 256" \
	"$ix" run --batch=1000 -- true
expect 2 "such as 50ms" "$ix" run --tcp.rto_min 50 -- true
expect 2 "such as 50ms (100us to 1min)" "$ix" run --tcp.rto_min -5ms -- true
expect 2 "tcp.rto_initial, tcp.rto_min or tcp.rto_max?" \
	"$ix" run --tcp.rto 5ms -- true
expect 2 "a multicast address" \
	"$ix" run --nic tap:t --ip 224.0.0.9/24 -- true
expect 2 "gateway: 10.0.0.255 is the broadcast address" \
	"$ix" run $wire --gateway 10.0.0.255 -- true
expect 2 "value is missing" "$ix" run --mtu
expect 2 "nic is missing" "$ix" run -- true
expect 2 "ip is missing" "$ix" run --nic tap:t -- true
expect 2 "which program" "$ix" run $wire
expect 2 "which program" "$ix" run $wire --
expect 2 "--conf: a file is missing" "$ix" run --conf
expect 2 "cannot be read" "$ix" run --conf "$dir/absent" -- true
expect 1 "no 921" "$ix" run $wire --arena 900G -- true
expect 1 "there is no core 1023 here" "$ix" run $wire --cores 1023 -- true
# Where /dev/kvm runs rings 0 and 3, vm can be had, and auto takes it; elsewhere
# both say why not.
if out=$("$ix" run $wire --domain vm -- true 2>&1); then
	expect 0 "wall 2: guest page tables" "$ix" run $wire -- true
else
	case $out in
	"ix: domain vm: "*) ;;
	*) fail "domain vm: $out" ;;
	esac
	expect 0 "cannot have domain vm: " "$ix" run $wire -- true
	expect 0 "wall 2: separate processes" "$ix" run $wire -- true
fi
expect 127 "No such file" "$ix" run $wire -- "$dir/absent"
expect 126 "Permission denied" "$ix" run $wire -- "$dir"

# The program's arguments and exit status are its own; options end at it.
expect 7 "" "$ix" run $proc -- sh -c 'exit 7'
expect 0 "got --mtu 5" "$ix" run $proc echo got --mtu 5
expect 0 "wall 2: separate processes" "$ix" run $proc -- true
expect 0 "wall 2: separate processes" "$ix" run --domain process $wire -- true
expect 1 "user nosuch: there is none" "$ix" run --user nosuch $proc -- true
if [ "$(id -u)" = 0 ]; then
	mkdir -m 700 "$dir/home"
	cp /bin/true "$dir/home"
	expect 126 ") may not execute it" \
		"$ix" run $proc -- "$dir/home/true"
	expect 126 "nobody may not execute it" \
		"$ix" run --user nobody $proc -- "$dir/home/true"
	expect 0 "uid 0 as ix" "$ix" run --user root $proc -- "$dir/home/true"
fi
expect 0 "Seccomp:	2" "$ix" run $proc -- cat /proc/self/status
expect 139 "was ended by signal 11" "$ix" run $proc -- sh -c 'kill -11 $$'
out=$("$ix" run --quiet $proc -- true 2>&1)
[ -z "$out" ] || fail "--quiet says: $out"

# A signal at any moment, the first included, is obeyed as by any program.
for sig in 2 15; do
	python3 -c 'import os, signal, sys
sig = int(sys.argv[1])
signal.pthread_sigmask(signal.SIG_BLOCK, [sig])
os.kill(os.getpid(), sig)
os.execv(sys.argv[2], sys.argv[2:])' $sig \
		"$ix" run $proc -- touch "$dir/began" 2>/dev/null
	got=$?
	[ $got = $((128 + sig)) ] || fail "signal $sig: exit $got"
	[ ! -e "$dir/began" ] || fail "signal $sig: the program began"
done
# A program that never comes.
expect 0 "sleep has not attached to its dataplane for 5 s" \
	"$ix" run --quiet $proc -- sleep 6

# Which system calls it may make.
printf '# no directories\n-mkdir\n+ptrace\n' >"$dir/calls"
expect 0 "" "$ix" run --quiet $proc -- mkdir -p /tmp/.
expect 1 "not permitted" "$ix" run --quiet --seccomp "$dir/calls" $proc -- \
	mkdir "$dir/new"
echo nonsense >>"$dir/calls"
expect 1 "calls:4" "$ix" run --seccomp "$dir/calls" $proc -- true

# What the program is handed: all settings, a directory with the domain.
cat >"$dir/show" <<'END'
cat "/proc/self/fd/$IX_SETTINGS"
echo "domain $IX_DOMAIN"
ls "$IX_LIBDIR"
END
expect 0 "tcp.rto_min = 7ms" \
	"$ix" run $proc $me --tcp.rto_min 7ms -- sh "$dir/show"
expect 0 "name = sh" "$ix" run $proc $me -- sh "$dir/show"
expect 0 "domain process" "$ix" run $proc $me -- sh "$dir/show"
expect 0 "domain inline" \
	"$ix" run --domain inline $wire $me -- sh "$dir/show"
expect 0 "libix-process.so" "$ix" run $proc $me -- sh "$dir/show"

# ... and cannot change: whoever holds them shares them with others.
for domain in inline process; do
	for change in ': >' 'echo mtu = 9 >>' 'echo tcp >'; do
		expect 5 "" "$ix" run --quiet --domain $domain $wire $me -- \
			sh -c "($change\"/proc/self/fd/\$IX_SETTINGS\") || exit 5"
	done
done

# The settings file; options override it wherever they stand.
cat >"$dir/conf" <<END
nic = "wire:$dir/none";
ip = "10.0.0.1/24";
mtu = 1400;
tcp: { rto_min = "9ms"; };
END
expect 0 "tcp.rto_min = 9ms" \
	"$ix" run $me --conf "$dir/conf" -- sh "$dir/show"
expect 0 "mtu = 1300" \
	"$ix" run $me --mtu 1300 --conf "$dir/conf" -- sh "$dir/show"
expect 0 "mtu = 1300" \
	"$ix" run $me --conf="$dir/conf" --mtu 1300 -- sh "$dir/show"
expect 0 "ok" "$ix" conf --check "$dir/conf"
echo 'mtuu = 3;' >>"$dir/conf"
expect 2 "$dir/conf:5: there is no setting mtuu; did you mean mtu?" \
	"$ix" conf --check "$dir/conf"
expect 2 "Usage" "$ix" conf

# A dump is a settings file that says the same.
"$ix" conf --dump >"$dir/a" || fail "dump"
"$ix" conf --dump "$dir/a" >"$dir/b" || fail "dump of a dump"
cmp -s "$dir/a" "$dir/b" || fail "a dump changes when it is read"
for n in $names; do
	grep -q "^[[:space:]]*${n##*.} = " "$dir/a" || fail "dump lacks $n"
done

expect 0 "Usage: ix stat" "$ix" stat --help
expect 2 "Usage: ix stat" "$ix" stat --nonsense
expect 1 "no dataplane" "$ix" stat --dir "$dir" nobody
expect 1 "[]" "$ix" stat --dir "$dir" --json

expect 2 "ix: --state bogus: states are such as" "$ix" flows --state bogus
expect 2 "ix: --addr 1.2.3: not an address" "$ix" flows --addr 1.2.3
expect 2 "ix: --port 0: ports are from" "$ix" flows --port 0
for what in "--state closed" "--state syn-received" "--addr 1.2.3.4" \
	"--addr fe80::1"; do
	expect 1 "no dataplane" "$ix" flows --dir "$dir" $what
done

# A page says what it likes, and is cut while it is read.
esc=$(printf '\033')
"$ix" run --quiet --domain process $wire $me --stat_dir "$dir/s" \
	--name "bad$esc[2Jname" -- sleep 20 &
job=$!
for _ in $(seq 100); do
	page=$(echo "$dir"/s/*.0)
	[ -e "$page" ] && [ -e "$(echo "$dir"/s/*.sock)" ] && break
	sleep 0.05
done
expect 0 "bad?[2Jname, process $job (ix)" "$ix" stat --dir "$dir/s"
expect 0 '"bad?[2Jname"' "$ix" stat --dir "$dir/s" --json
"$ix" stat --dir "$dir/s" --json | python3 -c 'import json, os, sys
thread, = json.load(sys.stdin)
assert thread["user"] == os.geteuid() and thread["rx_packets"] == 0' ||
	fail "stat --json"
"$ix" ps --dir "$dir/s" >"$dir/ps"
grep -q "wire:$dir/w " "$dir/ps" || fail "ps: $(cat "$dir/ps")"
awk 'NR == 1 { n = length } length != n { exit 1 } END { if (NR != 2) exit 1 }' \
	"$dir/ps" || fail "ps: columns are not straight: $(cat "$dir/ps")"
"$ix" stat --dir "$dir/s" --watch=10 >"$dir/watch" 2>&1 &
watch=$!
for _ in $(seq 100); do
	[ "$(wc -l <"$dir/watch")" -gt 25 ] && break
	sleep 0.05
done
# A table: header, twenty lines, header; as many columns in all.
awk 'NR % 21 == 1 { if (!/rx pkt\/s .*batch .*conns .*drops\/s/) exit 1; next }
	!/^bad\?/ || NF != 9 || length > 80 { exit 1 }
	END { if (NR < 25) exit 1 }' "$dir/watch" ||
	fail "--watch: $(cat "$dir/watch")"
timeout 2 "$ix" stat --dir "$dir/s" --all --watch=10 >"$dir/watch_all"
grep -q 'bad?.*mbufs_total=' "$dir/watch_all" ||
	fail "--all --watch: $(cat "$dir/watch_all")"
for ms in 0 5 -1 x 10x 99999999999; do
	expect 2 "milliseconds are from 10 to" "$ix" stat --watch=$ms
done
truncate -s 0 "$page"
wait $watch
got=$?
[ $got = 0 ] || fail "--watch of a page that is cut: exit $got"
expect 1 "no dataplane" "$ix" stat --dir "$dir/s"
kill $job
wait $job

# /run/ix may be somebody else's; then the path is named.
if [ "$(id -u)" = 0 ]; then
	mkdir -m 755 "$dir/root"
	expect 1 "counter page $dir/root/" setpriv --reuid 4242 \
		--regid 4242 --clear-groups "$ix" run --quiet \
		--nic wire:/tmp/ix-cli-$$ --ip 10.0.0.1/24 \
		--stat_dir "$dir/root" -- true
	rm -f /tmp/ix-cli-$$
fi

# Who may not make a TAP device is told from who may not open its maker.
tap_as_user() {
	unshare -m sh -c 'mount -t tmpfs none /mnt && mknod /mnt/tun c 10 200 &&
		chmod "$1" /mnt/tun && mount --bind /mnt/tun /dev/net/tun &&
		shift && exec setpriv --reuid 4242 --regid 4242 --clear-groups \
			"$@" --nic tap:ix-cli --ip 10.0.0.1/24 -- true' \
		sh "$1" "$ix" run --quiet --stat_dir "/tmp/ix-cli-$$.d"
}
if [ "$(id -u)" = 0 ] && [ -c /dev/net/tun ]; then
	expect 1 "/dev/net/tun may not be opened by us" tap_as_user 600
	expect 1 "making TAP device ix-cli is not permitted" tap_as_user 666
fi

[ "$failed" = 0 ] && echo "cli: ok"
exit "$failed"
