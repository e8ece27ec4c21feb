#!/bin/bash
# SPDX-License-Identifier: MIT
# Manual pages: no mistake that groff knows of, and nothing left out of what
# they describe.
#	man.sh SOURCE_DIR BUILD_DIR
set -u
src=$1 build=$2
failed=0
declare -A pages # by name.section

fail() {
	echo "FAILED: $*"
	failed=1
}

for page in "$src"/man/*.[1-9] "$build"/man/*.[1-9]; do
	pages[${page##*/}]=$page
done
[ ${#pages[@]} -ge 8 ] || fail "only ${#pages[@]} pages"

# text PAGE: as a reader sees it
text() {
	groff -mandoc -Tascii -P-cbou -rLL=200n "${pages[$1]}" 2>/dev/null
}

# names PAGE WHAT NAME...: each is in it, as a word
names() {
	page=$1 what=$2
	shift 2
	[ $# -gt 1 ] || fail "$what: not understood"
	text=$(text "$page")
	for name in "$@"; do
		grep -qE -e "(^|[^A-Za-z0-9_.-])$name([^A-Za-z0-9_]|$)" \
			<<<"$text" || fail "$page: no $what $name"
	done
}

functions() { # HEADER
	tr '\n' ' ' <"$src/include/ix/$1.h" | sed 's|/\*[^*]*\*/||g' |
		grep -oE '[ *](ix|ixev|mempool)_[a-z0-9_]+\([a-z]' |
		tr -d ' *(' | sed 's/.$//' | sort -u
}

listed() { # LIST of abi.h
	sed -n "/^#define $1(X)/,/[^\\]\$/p" "$src/include/ix/abi.h" |
		grep -oE 'X\([A-Z_]+[,)]' | tr -d ',)' | sed 's/^X(//'
}

options() { # COMMAND...
	"$@" --help | grep -oE '^ +(-[a-z], +)?--[a-z-]+' | grep -oE -- '--.*'
}

for page in "${!pages[@]}"; do
	said=$(groff -ww -mandoc -Tutf8 -z "${pages[$page]}" 2>&1)
	[ -z "$said" ] || fail "$page: $said"
	text "$page" | grep -n '@[A-Z]*@' && fail "$page: not filled in"
	text "$page" | grep -nE '\{"[a-z]+": [a-z]+[,}]' &&
		fail "$page: JSON has lost its quotes"
	# Others of ours that it refers to.
	while read -r _ name section _; do
		[ "${pages[$name.$section]:-}" ] ||
			fail "$page: no page $name($section)"
	done < <(grep -E '^\.Xr ix' "${pages[$page]}")
done

names ix-run.1 setting $(sed -n 's/^[SL]("\([^"]*\)".*/--\1/p' \
	"$src/conf/conf.def")
names ix.1 command $("$build/cp/ix" help | sed -n 's/^  \([a-z]*\) .*/\1/p')
for c in ps stat metrics top flows set log move cores park drain pcap; do
	names ix-$c.1 option $(options "$build/cp/ix" $c)
done
names ixcpd.8 option $(options "$build/cp/daemon/ixcpd")
names ixcpd.conf.5 setting $(sed -n 's/^[MPR]("\([^"]*\)".*/\1/p' \
	"$src/cp/daemon/settings.def")
names ixload.1 option $(options "$build/bench/ixload")
names ix.3 function $(functions ix) $(functions sendq)
names ixev.3 function $(functions ixev) $(functions mempool)
names ix_abi.7 call $(listed IX_CALLS)
names ix_abi.7 event $(listed IX_EVENTS)

# Counters that it explains exist.
for name in $(sed -n 's/^\.It Va //p' "${pages[ix-stat.1]}" |
	grep -oE '[a-z]+_[a-z_]+[a-z]( |$)'); do
	grep -q "X(${name% }," "$src/include/ix/stat.h" || fail "no counter $name"
done

# doc/programming.md: all examples, and nothing that does not exist.
doc=$src/doc/programming.md
for file in "$src"/example/*; do
	grep -qF "**\`example/${file##*/}\`**" "$doc" ||
		fail "$doc: not a word of ${file##*/}"
done
for name in $(grep -oE '\b(ix|ixev)_[a-z_]+' "$doc" | sort -u); do
	grep -qw "$name" "$src"/include/ix/*.h || fail "$doc: $name"
done
for name in $(grep -oE -- '--[a-z]+[a-z_.]+' "$doc" | sort -u); do
	grep -qE "Fl ${name#--}( |\$)" "${pages[ix-run.1]}" \
		"${pages[ix-stat.1]}" "${pages[ix-metrics.1]}" \
		"${pages[ixload.1]}" || case $name in
	--prefix | --destdir | --cflags | --libs | --dump) ;;
	*) fail "$doc: no option $name" ;;
	esac
done
for name in $(grep -oE '`[a-z]+_[a-z_]+`' "$doc" | tr -d '\`' | grep -v '^ix'); do
	grep -q "X($name," "$src/include/ix/stat.h" || fail "$doc: $name"
done

# The example is a settings file.
conf=$(mktemp)
sed -n '/^\.Bd -literal$/,/^\.Ed/p' "${pages[ix.conf.5]}" | grep -v '^\.' >"$conf"
"$build/cp/ix" conf --check "$conf" >/dev/null || fail "the example of ix.conf.5"
rm -f "$conf"

conf=$(mktemp)
sed -n '/^\.Bd -literal$/,/^\.Ed/p' "${pages[ixcpd.conf.5]}" | grep -v '^\.' \
	>"$conf"
"$build/cp/daemon/ixcpd" --check --conf "$conf" | grep -q "ok, 2 dataplanes" ||
	fail "the example of ixcpd.conf.5"
rm -f "$conf"

[ $failed = 0 ] && echo "man: ${#pages[@]} pages"
exit $failed
