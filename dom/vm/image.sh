#!/bin/sh
# SPDX-License-Identifier: MIT
# image.sh FILE: its bytes, as an initialiser in C.
od -An -v -tu1 -w16 "$1" | sed 's/ *\([0-9][0-9]*\)/\1,/g'
