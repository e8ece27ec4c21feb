/* SPDX-License-Identifier: MIT */
/* Who has an XDP program: what a message can say of it. */
#include "nic/xdp_owner.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void read_name(u32 id, char name[XDP_OWNER_NAME])
{
	struct bpf_prog_info info = { 0 };
	u32 len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	*name = 0;
	if (fd < 0)
		return;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len))
		snprintf(name, XDP_OWNER_NAME, "%s", info.name);
	close(fd);
}

/* The kernel says of a descriptor of a program, and of a link to one, which it
 * is. */
static bool refers_to(const char *path, u32 id)
{
	FILE *f = fopen(path, "re");
	char line[128];
	bool found = false;
	u32 got;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "prog_id: %u", &got) == 1 && got == id;
	if (f)
		fclose(f);
	return found;
}

static bool has_program(int pid, u32 id)
{
	char dir[32], path[sizeof(dir) + 260];
	bool found = false;
	struct dirent *e;
	DIR *fds;

	snprintf(dir, sizeof(dir), "/proc/%d/fdinfo", pid);
	fds = opendir(dir);
	while (fds && !found && (e = readdir(fds))) {
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		found = refers_to(path, id);
	}
	if (fds)
		closedir(fds);
	return found;
}

/* The first that has it open: its children are younger. 0: none, or none that
 * we can see. */
static int find_process(u32 id)
{
	DIR *processes = opendir("/proc");
	struct dirent *e;
	int pid = 0;

	while (processes && !pid && (e = readdir(processes))) {
		int n = atoi(e->d_name);

		if (n > 0 && n != getpid() && has_program(n, id))
			pid = n;
	}
	if (processes)
		closedir(processes);
	return pid;
}

static void read_comm(int pid, char comm[XDP_OWNER_NAME])
{
	char path[32];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (f && fgets(comm, XDP_OWNER_NAME, f))
		comm[strcspn(comm, "\n")] = 0;
	if (f)
		fclose(f);
}

void xdp_owner_find(struct xdp_owner *o, int ifindex)
{
	memset(o, 0, sizeof(*o));
	if (bpf_xdp_query_id(ifindex, 0, &o->id))
		return;
	read_name(o->id, o->program);
	o->pid = find_process(o->id);
	if (o->pid)
		read_comm(o->pid, o->comm);
}
