/* SPDX-License-Identifier: MIT */
#include "base/pid_libc.h"

#include <stdio.h>

bool pid_users(pid_t pid, struct pid_users *users)
{
	char path[32], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "Uid: %u %u", &users->real,
			       &users->effective) == 2;
	if (f)
		fclose(f);
	return found;
}
