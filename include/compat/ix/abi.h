/* SPDX-License-Identifier: MIT */
/* So that include/ix is found with -Iinclude/compat alone; installed side by
 * side, too. */
#include "../../ix/abi.h"
