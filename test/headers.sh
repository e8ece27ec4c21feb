#!/bin/bash
# SPDX-License-Identifier: MIT
# Each header of include/ix compiles alone, as C11 and as C++17, with gcc and
# clang, without a warning; a C++ program links; and each header of the core
# compiles alone: headers.sh SOURCE LIBIX
set -u
src=$1
lib=$2
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
bad=0
strict="-Wall -Wextra -Wpedantic -Wno-unused-parameter -Werror"

# compile LANGUAGE STANDARD COMPILER...: every header, first and twice
compile() {
	language=$1
	standard=$2
	shift 2
	for compiler in "$@"; do
		for header in "$src"/include/ix/*.h; do
			name=ix/${header##*/}
			printf '#include "%s"\n#include "%s"\n' "$name" \
				"$name" >"$dir/x"
			# shellcheck disable=SC2086
			"$compiler" -x "$language" -std="$standard" $strict \
				-I"$src/include" -fsyntax-only "$dir/x" ||
				{ echo "$name: $compiler $standard"; bad=1; }
		done
	done
}

compile c c11 gcc clang
compile c++ c++17 g++ clang++

# Of the core, a header includes all that it needs.
for header in "$src"/{base,net,dp,nic}/*.h; do
	printf '#include "%s"\n#include "%s"\n' "$header" "$header" >"$dir/x.c"
	gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror \
		-Wno-unused-parameter -Wno-address-of-packed-member -I"$src" \
		-I"$src/include" -fsyntax-only "$dir/x.c" ||
		{ echo "$header: not alone"; bad=1; }
done

cat >"$dir/x.cc" <<'EOF'
#include "ix/ix.h"
#include "ix/ixev.h"
#include "ix/mempool.h"
int main()
{
	struct ix_addr a;
	char s[IX_ADDR_STRLEN];

	return ix_addr_parse(&a, "10.0.0.1") || ix_nthreads() ||
	       ix_addr_to_v4(&a) != 0x0a000001 ||
	       *ix_addr_format(&a, s) != '1' || ixev_init_thread() >= 0;
}
EOF
for compiler in g++ clang++; do
	# shellcheck disable=SC2086
	"$compiler" -std=c++17 $strict -I"$src/include" -o "$dir/x" \
		"$dir/x.cc" "$lib" -Wl,-rpath,"${lib%/*}" && "$dir/x" ||
		{ echo "a C++ program: $compiler"; bad=1; }
done
exit $bad
