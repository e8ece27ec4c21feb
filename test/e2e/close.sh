#!/bin/bash
# SPDX-License-Identifier: MIT
# How connections end: half-closed by either side with data still to come, and
# reset by either side in the middle of it.
. "$(dirname "$0")/lib.sh"

topology
serve 5001 -- "$xfer"
ok "Linux sends FIN first" peer half_close $ip_ix 5001
ok "IX sends FIN first" peer half_closed $ip_ix 5001
ok "... and gets all that follows" \
	said '^shut: 100000 5000000 0'
ok "Linux sends RST" peer abort $ip_ix 5001 50
ok "IX counts it" reaches tcp_rst_in 50
ok "IX sends RST" peer aborted $ip_ix 5001 50
ok "nothing leaked" at_rest
exit $failed
