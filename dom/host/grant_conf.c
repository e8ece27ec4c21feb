/* SPDX-License-Identifier: MIT */
/* What is asked of ixcpd, and what is given: as text, a setting each. */
#include "dom/host/grant_conf.h"

#include <errno.h>
#include <string.h>

const char *const grant_asked[] = {
	"nic",	      "ip",	     "ports_only", "port",	"tcp.port_min",
	"mbufs",      "arena",	     "ring_size",  "xdp_mode",	"tcp.port_max",
	"busy_poll",  "xdp_generic", "app_memory", "nic_queue", "tcp.max_conns",
	"nic_shared", "xdp_gather",  "pages",
};
const char *const grant_given[] = {
	"nic",	      "cores",	      "nic_queue",
	"nic_shared", "tcp.port_min", "tcp.port_max",
};
const u32 grant_nasked = ARRAY_SIZE(grant_asked);
const u32 grant_ngiven = ARRAY_SIZE(grant_given);

cJSON *grant_settings(const struct conf *c, const char *const *names, u32 n)
{
	cJSON *o = cJSON_CreateObject();
	char text[CONF_TEXT];

	for (u32 i = 0; i < n; i++) {
		conf_print(c, conf_find(names[i]), text, sizeof(text));
		cJSON_AddStringToObject(o, names[i], text);
	}
	return o;
}

static bool listed(const char *name, const char *const *names, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

int grant_apply(struct conf *c, const cJSON *settings, const char *const *names,
		u32 n, struct conf_err *e)
{
	const cJSON *s;
	int err = 0;

	/* What a list has in it has no names. */
	if (settings && !cJSON_IsObject(settings))
		return conf_error(e, -EINVAL,
				  "settings: {\"NAME\": \"VALUE\", ...}");
	cJSON_ArrayForEach(s, settings)
	{
		if (!listed(s->string, names, n) || !cJSON_IsString(s))
			return conf_error(e, -EINVAL, "%.64s: not to be asked",
					  s->string);
		err = conf_set(c, s->string, s->valuestring, e);
		if (err)
			return err;
	}
	return 0;
}
