/* SPDX-License-Identifier: MIT */
/* Choosing the back end by its prefix. */
#include "nic/nic_open.h"
#include "nic/keep_msg.h"
#include "nic/linux.h"
#include "nic/wire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef int open_fn(const struct nic_config *cfg, const char *arg,
		    struct nic **out, char *why, size_t why_len);

static const struct {
	const char *prefix;
	open_fn *open;
} backends[] = {
	{ "xdp:", xdp_open },
	{ "tap:", tap_open },
	{ "wire:", wire_open },
};

int nic_fail(int err, char *why, size_t why_len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, why_len, fmt, ap);
	va_end(ap);
	return err;
}

static int check(const struct nic_config *cfg, char *why, size_t why_len)
{
	size_t frames = (size_t)cfg->frames_per_queue * MBUF_SIZE;

	if (!cfg->nqueues || cfg->nqueues > NIC_MAX_QUEUES)
		return nic_fail(-EINVAL, why, why_len,
				"%u queues asked for: 1 to %d can be had",
				cfg->nqueues, NIC_MAX_QUEUES);
	if (cfg->umem && (cfg->frames_len < frames * cfg->nqueues ||
			  cfg->umem_len < cfg->frames_len))
		return nic_fail(-EINVAL, why, why_len,
				"packet memory of %zu bytes is too small for "
				"%u queues of %u frames",
				cfg->frames_len, cfg->nqueues,
				cfg->frames_per_queue);
	return 0;
}

static int open_backend(const struct nic_config *cfg, struct nic **out,
			char *why, size_t why_len)
{
	for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
		size_t len = strlen(backends[i].prefix);

		if (!strncmp(cfg->spec, backends[i].prefix, len))
			return backends[i].open(cfg, cfg->spec + len, out, why,
						why_len);
	}
	return nic_fail(-EINVAL, why, why_len,
			"unknown NIC \"%s\": say xdp:INTERFACE, tap:NAME or "
			"wire:PATH",
			cfg->spec);
}

int nic_open(const struct nic_config *cfg, struct nic **out, char *why,
	     size_t why_len)
{
	int err = check(cfg, why, why_len);

	if (!err)
		err = cfg->grant_fd ? grant_take(cfg, out, why, why_len)
				    : open_backend(cfg, out, why, why_len);
	if (!err)
		(*out)->news_fd = (*out)->link ? linux_link_news() : -1;
	if (!err && cfg->grant_fd)
		grant_watch(*out);
	return err;
}

bool nic_link_changed(const struct nic *nic)
{
	if (nic->kept.fd)
		return grant_changed(nic);
	return nic->news_fd >= 0 && linux_link_changed(nic->news_fd);
}

void nic_close(struct nic *nic)
{
	if (!nic)
		return;
	if (nic->kept.fd)
		grant_unwatch(nic);
	if (nic->news_fd >= 0)
		close(nic->news_fd);
	grant_leave_flows(nic);
	nic->close(nic);
}
