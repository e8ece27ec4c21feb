#!/bin/bash
# SPDX-License-Identifier: MIT
# The installed package: what is where, and a newcomer's programs on it, each
# built with no more than pkg-config tells, and talked to by Linux's clients.
#
#	install.sh BUILDDIR tap PREFIX LIBDIR
. "$(dirname "$0")/lib.sh"
prefix=$3 libdir=$4
dest=$tmp/dest
root=$dest$prefix
lib=$root/$libdir
example=$root/share/doc/ix/examples

# Who installs at the same time, typed.py, writes the same log.
exec {lock}>"$build/meson-logs/install.lock"
flock "$lock"
meson install -C "$build" --no-rebuild --destdir "$dest" >"$tmp/log" 2>&1 || {
	tail -5 "$tmp/log"
	echo "FAILED: meson install"
	exit 1
}
cp "$build/meson-logs/install-log.txt" "$tmp/installed"
exec {lock}>&-
chmod 755 "$tmp" "$dest"
ix=$root/bin/ix
export PKG_CONFIG_SYSROOT_DIR=$dest PKG_CONFIG_LIBDIR=$lib/pkgconfig
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1

all_below() {
	! grep -v -e '^#' -e "^$dest" "$tmp/installed" &&
		grep -c . "$tmp/installed"
}

present() {
	for f in bin/{ix,ixload,ix-echo,ix-kv,ix-pingpong} sbin/ixcpd \
		lib/systemd/system/ixcpd.service \
		include/ix/{ix,ixev,abi,capture,dom,mempool,sendq,stat}.h \
		include/ix-compat/{ix.h,ixev.h,ix/stddef.h} \
		"$libdir"/{libix.so,libix.so.0} \
		"$libdir"/ix/{libix-{inline,process}.so,ix-metrics,ix-pcap,ix-top} \
		"$libdir"/pkgconfig/{ix,ix-compat}.pc \
		share/man/man1/{ix,ix-{run,ps,stat,metrics,top,flows,set,log,move,cores,park,drain,pcap},ixload}.1 \
		share/bash-completion/completions/ix \
		share/ix/{ix.rules.yml,grafana-ix.json} \
		share/man/man3/{ix,ixev}.3 share/man/man5/{ix,ixcpd}.conf.5 \
		share/man/man7/ix_abi.7 share/man/man8/ixcpd.8 \
		share/doc/ix/examples/{echo.c,echo_ix.c,http.c,proxy.c,udp.c,clock.cc}
	do
		[ -e "$root/$f" ] || {
			echo "$f is missing"
			return 1
		}
	done
}

# A command of Linux or of another package.
no_others() {
	! ls "$root"/bin | grep -v '^ix'
}

headers_alone() { # COMPILER...
	for h in "$root"/include/ix/*.h; do
		echo "#include <ix/${h##*/}>"
	done | "$@" -Wall -Wextra -Werror -fsyntax-only \
		$(pkg-config --cflags ix) -
}

builds() { # NAME SOURCE PACKAGE COMPILER...
	name=$1 source=$2 package=$3
	shift 3
	"$@" -Wall "$source" -o "$tmp/$name" \
		$(pkg-config --cflags --libs "$package")
}

said_by() { # PATTERN COMMAND...
	pattern=$1
	shift
	timeout 20 "$@" 2>&1 | grep -m 1 -e "$pattern"
}

echoes() {
	timeout 60 socat -t 20 - TCP:$ip_ix:$1 <"$tmp/data" | cmp - "$tmp/data"
}

# Every byte is compared: connections that stay, and some that do not.
loaded() { # PORT
	for how in "-c 50 -s 3000 -P 4" "-c 20 -m 2"; do
		timeout 90 "$root/bin/ixload" -q -w 0 -d 1 --timeout 40 \
			--connect-timeout 40 $how $ip_ix:$1 || return 1
	done
}

# Two requests on one connection.
hello() {
	curl -sSv --max-time 20 http://$ip_ix:80/{a,b} >"$tmp/got" 2>"$tmp/trace"
	grep -qi 're-using.* connection' "$tmp/trace" &&
		[ "$(cat "$tmp/got")" = $'Hello from IX\nHello from IX' ]
}

# Its last request may come with the FIN.
hello_pipelined() {
	n=$(for _ in $(seq 100); do printf 'GET / HTTP/1.1\r\n\r\n'; done |
		timeout 20 socat -t 10 - TCP:$ip_ix:80 | grep -c '^Hello')
	echo "$n answers"
	[ "$n" = 100 ]
}

through_proxy() {
	curl -sS --max-time 60 http://$ip_ix:8080/data | cmp - "$tmp/data"
}

ticks() {
	timeout 20 nc -d $ip_ix 37 | head -3 >"$tmp/got"
	cat "$tmp/got"
	[ "$(wc -l <"$tmp/got")" = 3 ]
}

# Asked again: there is no telling when it has bound its port.
whoami() {
	for _ in $(seq 100); do
		echo hello | timeout 20 socat -t 0.2 - \
			UDP:$ip_ix:9,sourceport=4321 >"$tmp/got" 2>&1
		[ "$(cat "$tmp/got")" != "$ip_peer 4321" ] || return 0
	done
	cat "$tmp/got"
	return 1
}

ends() {
	stop_server
}

# As the unit starts it, except for its directories.
daemon_serves() {
	grep -q "^ExecStart=$prefix/sbin/ixcpd$" \
		"$root/lib/systemd/system/ixcpd.service" || return 1
	cat >"$tmp/ixcpd.conf" <<-EOF
		cores = "$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')";
		dataplanes: { echo: {
			program = "$root/bin/ix-echo";
			nic = "tap:ix0,10.77.0.1/24";
			ip = "10.77.0.2/24";
			port = "7";
			memory = "1G";
			domain = "inline";
		}; };
	EOF
	mkdir -p "$tmp/cpd"
	timeout 60 unshare -n bash -c '
		ixcpd=$1 ix=$2 conf=$3 dir=$4
		"$ixcpd" --check --conf "$conf" || exit 1
		"$ixcpd" --conf "$conf" --dir "$dir" &
		trap "\"\$ix\" down echo --dir \"\$dir\"; kill %1; wait %1" EXIT
		for i in $(seq 100); do
			"$ix" up echo --dir "$dir" && break
			kill -0 %1 && [ $i -lt 100 ] || exit 1
			sleep 0.1
		done
		"$ix" daemon --dir "$dir"
		ping -c 1 -W 10 10.77.0.2
		status=$?
		"$ix" down echo --dir "$dir" && kill %1 && wait %1 || exit 1
		trap - EXIT
		exit $status' _ \
		"$root/sbin/ixcpd" "$ix" "$tmp/ixcpd.conf" "$tmp/cpd"
}

ok "is all below the directory it was told" all_below
ok "is complete" present
ok "brings no program of another's name" no_others
ok "the library has a soname" said_by 'SONAME.*libix\.so\.0\]' \
	readelf -d "$lib/libix.so"
ok "headers are C11" headers_alone cc -std=c11 -x c
ok "headers are C++17" headers_alone c++ -std=c++17 -x c++
ok "the version is told" said_by "$("$build/cp/ix" version |
	sed 's/ix \(.*\),.*/^\1$/')" pkg-config --modversion ix
for name in echo echo_ix http proxy udp; do
	ok "$name.c is C11" builds $name "$example/$name.c" ix cc -std=c11 -Wextra \
		-Werror -Wno-unused-parameter
done
ok "clock.cc is C++17" builds clock "$example/clock.cc" ix c++ -std=c++17 \
	-Wextra -Werror
for name in echoserver echoclient; do
	ok "the original's $name" builds $name "$here/../compat/$name.c" \
		ix-compat cc -std=gnu11
done
[ $failed = 0 ] || exit 1

head -c 3000000 /dev/urandom >"$tmp/data"
topology

# The package's own programs find the library and the modules.
for domain in process inline; do
	IX_RUN_OPTIONS="$IX_RUN_OPTIONS --domain $domain" \
		serve 7 --port 7 -- "$root/bin/ix-echo"
	ok "ix-echo, domain $domain" echoes 7
	ok "... and ends" ends
done
[ "$(id -u)" != 0 ] || ok "ixcpd finds ix, and starts ix-echo" daemon_serves

# Others' as those of any library in a directory of one's own.
export LD_LIBRARY_PATH=$lib
for name in echo echo_ix; do
	serve 7 --port 7 -- "$tmp/$name"
	ok "$name" echoes 7
	ok "$name, under load" loaded 7
	ok "$name, messages of all sizes" peer echo_sizes $ip_ix 7
	ok "$name, large ones by many" peer echo_many $ip_ix 7 20 400000
	ok "$name, half closed" peer echo_half_close $ip_ix 7 5000000
	ok "$name, resets" peer echo_vanish $ip_ix 7 30
	ok "... and has nothing left over" at_rest
	ok "... and ends" ends

	serve 7 --port 7 --tcp.snd_buf 20000 -- "$tmp/$name"
	ok "$name, sends taken in part" peer echo_many $ip_ix 7 20 400000
	ok "... as they were" [ "$(stat calls_short)" -gt 10 ]
	ok "$name, readers that wait" peer echo_stall $ip_ix 7 4
	ok "... and has nothing left over" at_rest
	ok "... and ends" ends
done
serve 80 --port 80 -- "$tmp/http"
ok "http" hello
ok "http, pipelined" hello_pipelined
ok "... and ends" ends

# Behind the proxy, once the TAP is there that has the address.
serve 8080 --port 8080 -- "$tmp/proxy" $ip_peer 8000
python3 -m http.server -d "$tmp" -b $ip_peer 8000 >"$tmp/peer" 2>&1 &
jobs="$jobs $!"
peer wait $ip_peer 8000
ok "proxy" through_proxy
ok "proxy, again" through_proxy
ok "... and has nothing left over" at_rest
ok "... and ends" ends

serve 8080 --port 8080 -- "$tmp/proxy" $ip_peer 5007
"${on_b[@]}" "$build/bench/linux_echo" --port 5007 >"$tmp/peer" 2>&1 &
jobs="$jobs $!"
peer wait $ip_peer 5007
ok "proxy, under load" loaded 8080
ok "... and has nothing left over" at_rest
ok "... and ends" ends

serve 37 --port 37 -- "$tmp/clock"
ok "clock" ticks
ok "... and ends" ends

serve 0 --port 9 -- "$tmp/udp"
ok "udp" whoami
ok "... and ends" ends
exit $failed
