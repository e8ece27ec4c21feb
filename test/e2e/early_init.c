/* SPDX-License-Identifier: MIT */
/* For a program of others, linked with --wrap=ix_init: it is told to end when
 * it has found its dataplane, and has not attached. */
#include <signal.h>

int __real_ix_init(void);
int __wrap_ix_init(void);

int __wrap_ix_init(void)
{
	int err = __real_ix_init();

	raise(SIGTERM);
	return err;
}
