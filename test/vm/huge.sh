#!/bin/sh
# SPDX-License-Identifier: MIT
# In the machine of bed.py, which is given huge pages: ixcpd shares them out,
# and counts those that others have.
#
#	kv wants 10, any says nothing, late wants 11, and an ix run of root's
#	own takes 4: of 24 there are 10 left for late, until kv has ended; a
#	user, whom a rule grants 4, has them, or none
#
# huge.sh BUILD: exit 0 or 1
. "${0%/*}/lib.sh"
dir=/tmp/ixcpd
nobody="su -s /bin/sh nobody -c"

plane() { # NAME N SETTINGS: 2 pages for packets, and the arena
	echo "$1: { program = \"$build/app/echo\"; nic = \"tap:$1\";
		ip = \"10.9.$2.1/24\"; domain = \"process\"; mbufs = 2048;
		tcp: { max_conns = 256; }; $3 };"
}

daemon() {
	"$build/cp/daemon/ixcpd" --conf /tmp/ixcpd.conf --dir $dir 2>>/tmp/said &
	daemon=$!
}

says() { "$ix" daemon --dir $dir 2>/dev/null | grep -q "$1"; }

expect() { # WHAT WORDS
	if soon 150 says "$2"; then
		ok "$1"
	else
		bad "$1"
		"$ix" daemon --dir $dir
	fi
}

has() { # NAME N [AS DIR]
	n=$(${3:-sh -c} "$ix ps $1 --dir ${4:-$dir}" |
		awk -v name="$1" '$1 == name { print $8 }')
	[ "$n" = "$2" ] && ok "$1 has $2" || bad "$1 has $n, not $2"
}

user() { # PAGES: as nobody, for whom ixcpd opens the device
	$nobody "exec $ix run --daemon $dir --stat_dir /tmp/user \
		--domain process --nic tap:user --ip 10.9.8.2/24 $small \
		--arena 4M --pages $1 --name user -- $build/app/echo" &
	user=$!
	expect "a user with --pages $1 is up" '^rule-1  *up '
	soon 50 $nobody "$ix stat user --dir /tmp/user" >/dev/null 2>&1
}

left() { # N: free, and promised to nobody
	n=$(awk '/^HugePages_Free/ { n += $2 } /^HugePages_Rsvd/ { n -= $2 }
		END { print n }' /proc/meminfo)
	[ "$n" = "$1" ] && ok "the kernel has $1 left" ||
		bad "the kernel has $n left, not $1"
}

echo 24 >/proc/sys/vm/nr_hugepages
left 24
{
	echo "ix = \"$ix\"; cores = \"0-7\"; dataplanes: {"
	plane kv 1 'arena = "16M"; pages = "huge";'
	plane any 2 'arena = "4M";'
	plane late 3 'arena = "18M"; pages = "huge"; start = false;'
	echo '}; rules: { rule: { user = "nobody"; nic = "tap:user,10.9.8.1/24";
		ip = "10.9.8.2/24"; huge_pages = 4; }; };'
} >/tmp/ixcpd.conf
mkdir /tmp/user
chown nobody /tmp/user
daemon
expect "who asks for huge pages is up" '^kv  *up '
expect "... and who does not" '^any  *up '
has kv 10
has any 0
left 14
expect "the daemon says so" 'huge pages 24, free 14$'

"$ix" run --domain process --nic tap:own --ip 10.9.9.1/24 --cores 1 $small \
	--arena 4M --pages huge --stat_dir $dir --name own -- "$build/app/echo" &
expect "a dataplane of root's own is counted" 'huge pages 24, free 10$'
has own 4
late='11 are wanted, 10 of 24 can be had (kv has 10, others have 4)'
"$ix" up --no-wait --dir $dir late
expect "who wants more than is left is told who has them" "$late"

kill -9 $daemon
wait $daemon
daemon
expect "another daemon finds them" '^kv  *up .* 10 '
expect "... and that there are 10 left" 'huge pages 24, free 10$'
"$ix" up --no-wait --dir $dir late
expect "... and refuses the same" "$late"
left 10

"$ix" down --dir $dir kv
expect "what was given back is had" '^late  *up '
has late 11
left 9
expect "... and counted" 'huge pages 24, free 9$'

"$ix" down --dir $dir any
expect "a core is free for a user" '^any  *down '
user auto
has user 0 "$nobody" /tmp/user
left 9
kill $user
wait $user
user huge
has user 4 "$nobody" /tmp/user
left 5
expect "... and counted, too" 'huge pages 24, free 5$'
kill -9 $user
wait $user
expect "... until it ends" 'huge pages 24, free 9$'

# Lowered while in use: those are surplus ones then.
echo 0 >/proc/sys/vm/nr_hugepages
expect "what nobody has can be taken away" 'huge pages 15, free 0$'
"$ix" up --no-wait --dir $dir kv
expect "... from who wants some" \
	'10 are wanted, 0 of 15 can be had (late has 11, others have 4)'
has late 11
echo 25 >/proc/sys/vm/nr_hugepages
expect "... and be given back" '^kv  *up '
has kv 10
left 0
cat /tmp/said
exit $failed
