/* SPDX-License-Identifier: MIT */
/* Asking a dataplane for its packets. */
#include "cp/capture.h"
#include "cp/ctl.h"

#include <errno.h>
#include <unistd.h>

/* What it is called, for the file. */
static int ask_name(struct capture_link *l, struct conf_err *e)
{
	cJSON *about = ctl_ask(l->fd, ctl_request("about"), e);

	if (!about)
		return -EREMOTEIO;
	ctl_show(ctl_get_text(about, "name"), l->name, sizeof(l->name));
	cJSON_Delete(about);
	return 0;
}

static int ask_rings(struct capture_link *l, const struct capture_want *w,
		     struct conf_err *e)
{
	cJSON *request = ctl_request("capture"), *answer;
	double n;

	cJSON_AddNumberToObject(request, "snap", w->snap);
	cJSON_AddNumberToObject(request, "bytes", (double)w->bytes);
	answer = ctl_ask_for(l->fd, request, &l->rings, e);
	if (!answer)
		return -EREMOTEIO;
	n = ctl_get_number(answer, "threads");
	cJSON_Delete(answer);
	if (l->rings < 0 || n < 1 || n > IX_MAX_THREADS)
		return conf_error(e, -EPROTO, "the dataplane gives no packets");
	l->n = (u32)n;
	return 0;
}

int capture_ask(struct capture_link *l, const struct capture_want *w,
		struct conf_err *e)
{
	int err;

	*l = (struct capture_link){ .rings = -1 };
	l->fd = ctl_connect_to(w->dir, w->who, e);
	if (l->fd < 0)
		return l->fd;
	err = ask_name(l, e);
	if (!err)
		err = ask_rings(l, w, e);
	if (!err)
		return 0;
	close(l->fd);
	if (l->rings >= 0)
		close(l->rings);
	return err;
}
