#!/bin/bash
# SPDX-License-Identifier: MIT
# More SYNs at once than the backlog holds: nobody is lost. Those that found it
# full succeed when Linux repeats its SYN, after a second.
. "$(dirname "$0")/lib.sh"

topology
serve 5001 -- "$xfer" --backlog 4
at_rest
ok "burst of 500" peer burst $ip_ix 5001 500
ok "the backlog was full" test "$(stat drop_tcp_backlog)" -gt 0
ok "nothing leaked" no_leak
ok "goes on" peer recv $ip_ix 5001 1000
exit $failed
