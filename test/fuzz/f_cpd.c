/* SPDX-License-Identifier: MIT */
/* Requests to ixcpd: the first byte says who asks, each line is a request.
 * Whatever they are, every one has an answer, and who may not change anything
 * has not. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "cp/daemon/cpd.h"

enum { PLANES = 3, NOBODY = 65534 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rig {
	struct cpd_conf conf;
	struct plane_conf declared[PLANES];
	struct plane plane[PLANES];
	struct cpd cpd;
};

static void build(struct rig *r)
{
	static const char *const names[PLANES] = { "a", "kv", "web-1" };

	r->cpd.conf = &r->conf;
	r->cpd.path = "/dev/null/none";
	r->cpd.now = 1000000000;
	for (u32 i = 0; i < PLANES; i++) {
		struct plane *p = &r->plane[i];

		strcpy(r->declared[i].name, names[i]);
		p->conf = &r->declared[i];
		p->declared = i < 2;
		p->state = i ? PLANE_UP : PLANE_DOWN;
		p->running.cores = (struct conf_cores){ 2, { 1, 2 } };
		p->has = i;
		p->pid_fd = p->lock_fd = p->link.fd = -1;
		p->conf->min_cores = 1;
		p->conf->any_program = !i;
		plane_argument(p->conf, "declared");
		policy_init(
			&p->policy,
			&(struct policy_want){ .min_cores = 1, .max_cores = 2 },
			0);
		r->cpd.plane[r->cpd.n++] = p;
	}
}

/* What requests may change. */
static u32 wishes(const struct rig *r)
{
	u32 sum = 0;

	for (u32 i = 0; i < PLANES; i++) {
		const struct plane *p = &r->plane[i];

		sum = sum * 64 + (u32)(p->wanted * 32 + p->held * 16 +
				       p->again * 8 + p->conf->policy);
	}
	return sum;
}

static void request(struct rig *r, const char *line, size_t len, bool trusted)
{
	struct lines_peer peer = { .uid = trusted ? 0 : NOBODY,
				   .trusted = trusted };
	u32 before = wishes(r);
	char *exact = malloc(len + 1), *out;
	cJSON *answer;

	memcpy(exact, line, len);
	exact[len] = 0;
	out = verb_answer(&r->cpd, &peer, exact, len, NULL);
	invariant(out && !strchr(out, '\n'));
	answer = cJSON_Parse(out);
	invariant(answer);
	invariant(cJSON_HasObjectItem(answer, "ok") !=
		  cJSON_HasObjectItem(answer, "error"));
	invariant(trusted || wishes(r) == before);
	invariant(r->cpd.n == PLANES);
	for (u32 i = 0; i < PLANES; i++)
		invariant(r->declared[i].argc);
	invariant(trusted || !strcmp(r->declared[0].argv[0], "declared"));
	cJSON_Delete(answer);
	free(out);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rig *r = calloc(1, sizeof(*r));
	const char *p = (const char *)data + 1, *end = p + size - 1;

	build(r);
	while (size && p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;

		if (stop - p <= LINES_REQUEST)
			request(r, p, (size_t)(stop - p), data[0] & 1);
		p = stop + 1;
	}
	free(r);
	return 0;
}
