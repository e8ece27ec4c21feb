#!/bin/bash
# SPDX-License-Identifier: MIT
# The status page in a browser, with a dataplane at work behind it. All in a
# network namespace of its own: whatever the page wants from elsewhere, it does
# not get. Screenshots are kept in BUILDDIR/status/.
LIMIT=150
. "$(dirname "$0")/lib.sh"

browser=$(command -v chromium) || skip "chromium is missing: apt-get install chromium"
# What it is called is the affair of who runs it.
hostile='<img src=x onerror=hurt()>'
threads=1
[ "$(nproc)" = 1 ] || threads=2

topology $threads
serve 7 --name "$hostile" --cores $(seq -s, 0 $((threads - 1))) -- \
	"$echo" --port 7
metrics --listen 127.0.0.1:0
"${on_b[@]}" ping -q -i 0.02 $ip_ix >/dev/null &
jobs="$jobs $!"
mkdir -p "$build/status"
HOME=$tmp python3 "$here/status.py" "$url" "$browser" "$ix" "$tmp" \
	"$build/status" "$hostile" "$server" "$(pgrep -P $metrics)" || failed=1
exit $failed
