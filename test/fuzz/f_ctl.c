/* SPDX-License-Identifier: MIT */
/*
 * The control socket's requests, any line of anybody's. The first byte says
 * whether he may change something. Whatever he sends, the answer is one line,
 * an object with "ok" or "error"; and settings change only for who may, and to
 * what the checks of a settings file would take.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dom/host/ctl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct host_domain domain = { "fuzz", "none", false };
static char dir[] = "/tmp/f_ctl.XXXXXX";
static struct host *h;

int __wrap_ctl_call(struct ctl_request *r, u32 thread, host_call_fn *fn,
		    void *arg);

/* There are no threads: what they would do is done here. */
int __wrap_ctl_call(struct ctl_request *r, u32 thread, host_call_fn *fn,
		    void *arg)
{
	struct dp *dp = r->host->threads[thread].dp;

	if (thread >= r->host->nthreads)
		abort();
	fn(dp, arg, dp->now);
	return 0;
}

static void end(void)
{
	char path[64];

	host_close(h);
	snprintf(path, sizeof(path), "%s/wire", dir);
	unlink(path);
	rmdir(dir);
}

static void set(struct conf *c, const char *name, const char *text)
{
	struct conf_err e;

	if (conf_set(c, name, text, &e))
		abort();
}

static void open_once(void)
{
	struct tcp_conn *conn;
	struct conf c;
	char nic[64], why[256];

	if (h)
		return;
	if (!mkdtemp(dir))
		abort();
	snprintf(nic, sizeof(nic), "wire:%s/wire", dir);
	conf_init(&c);
	set(&c, "nic", nic);
	set(&c, "ip", "10.0.0.1/24");
	set(&c, "arena", "2M");
	set(&c, "mbufs", "512");
	set(&c, "tcp.max_conns", "64");
	set(&c, "stat_dir", dir);
	c.cores.n = 2;
	if (host_open(&h, &c, &domain, why, sizeof(why)))
		abort();
	atexit(end);
	for (u16 i = 0; i < 40; i++)
		tcp_connect(&h->threads[0].dp->net, be32(0x0a000002), i + 7, 0,
			    &conn, h->threads[0].dp->now);
}

static void check_answer(const char *text)
{
	cJSON *o = text ? cJSON_Parse(text) : NULL;

	if (!cJSON_IsObject(o) || strchr(text, '\n') ||
	    cJSON_HasObjectItem(o, "ok") == cJSON_HasObjectItem(o, "error"))
		abort();
	cJSON_Delete(o);
}

/* Packets are for who may change something, by one descriptor, and all is as it
 * was when the connection has gone. */
static void end_capture(struct ctl *ctl, const struct lines_peer *peer,
			const struct lines_fds *pass)
{
	bool on = h->threads[0].dp->capture.ring;

	if (pass->n != on || (on && !peer->trusted))
		abort();
	if (on)
		close(pass->fd[0]);
	ctl_capture_gone(ctl, peer->id);
	for (u32 i = 0; i < h->nthreads; i++)
		if (h->threads[i].dp->capture.ring)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lines_peer peer = { .id = 1, .uid = 7 };
	struct lines_fds pass = { 0 };
	struct conf before;
	struct conf_err e;
	struct ctl ctl = { 0 };
	char *line, *text;

	open_once();
	if (!size || size > LINES_REQUEST || memchr(data, '\n', size))
		return 0;
	ctl.host = h;
	peer.trusted = data[0] & 1;
	before = h->conf;
	line = malloc(size); /* as lines.c has it: with a zero behind */
	memcpy(line, data + 1, size - 1);
	line[size - 1] = 0;
	text = ctl_answer(&ctl, &peer, line, size - 1, &pass);
	check_answer(text);
	if (!peer.trusted && memcmp(&before, &h->conf, sizeof(before)))
		abort();
	if (conf_check(&h->conf, &e))
		abort();
	end_capture(&ctl, &peer, &pass);
	free(text);
	free(line);
	return 0;
}
