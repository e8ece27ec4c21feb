#!/bin/bash
# SPDX-License-Identifier: MIT
# Readers and writers that take their time: the window closes and opens again,
# nothing is lost, nothing is held for long.
. "$(dirname "$0")/lib.sh"

topology
serve 5001 -- "$xfer"
ok "Linux reads slowly" peer slow_reader $ip_ix 5001 10000000
ok "IX probed the closed window" test "$(stat tcp_zero_window_probes)" -gt 0
ok "IX reads slowly" peer slow_ix $ip_ix 5001 10000000
ok "Linux writes slowly" peer slow_writer $ip_ix 5001 40000
ok "IX writes slowly" peer slow_ix_writer $ip_ix 5001 200000
ok "nothing leaked" at_rest
exit $failed
