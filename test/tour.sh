#!/bin/bash
# SPDX-License-Identifier: MIT
# Every `file:function` that a document names exists: tour.sh SOURCE_DIR
set -u
cd "${1:-.}" || exit 1
names=$(grep -ohE '`[A-Za-z0-9_./-]+\.[a-zS]+:[A-Za-z0-9_]+`' \
	doc/*.md README.md bench/README.md |
	tr -d '`' | sort -u)
bad=0

if [ "$(echo "$names" | wc -l)" -lt 20 ]; then
	echo "doc/tour.md names hardly anything"
	exit 1
fi
for name in $names; do
	file=${name%:*}
	function=${name#*:}
	if [ ! -e "$file" ]; then
		echo "$name: no such file"
		bad=1
	# A definition: at the start of a line, and not a prototype.
	elif ! grep -qE "^([A-Za-z_].*[ *])?$function(\(.*[^;]|:)\$" "$file"
	then
		echo "$name: not defined there"
		bad=1
	fi
done
exit $bad
