/* SPDX-License-Identifier: MIT */
/*
 * What the HTTP server answers:
 *
 *   GET /             the status page
 *   GET /status.json  ... what it reads
 *   GET /metrics      Prometheus's text
 */
#include "cp/web.h"

#include <stdlib.h>
#include <string.h>

static const unsigned char page[] = {
#include "status_page.h"
};

static int find_pages(struct web_source *s)
{
	const struct stat_options o = { .dir = s->dir };

	return metrics_unique(s->pages, stat_find(&o, s->pages));
}

static void write_metrics(struct web_source *s, FILE *out)
{
	metrics_write(out, s->pages, find_pages(s));
}

static void write_status(struct web_source *s, FILE *out)
{
	status_write(out, s->pages, find_pages(s), web_seconds());
}

static void write_page(struct web_source *s, FILE *out)
{
	(void)s;
	fwrite(page, sizeof(page), 1, out);
}

static void write_wrong_method(struct web_source *s, FILE *out)
{
	(void)s;
	fprintf(out, "only GET and HEAD\n");
}

static void write_not_found(struct web_source *s, FILE *out)
{
	(void)s;
	fprintf(out, "there are /, /metrics and /status.json\n");
}

static void write_foreign(struct web_source *s, FILE *out)
{
	(void)s;
	fprintf(out, "this is localhost, and goes by no other name\n");
}

struct route {
	const char *path, *type;
	void (*write)(struct web_source *s, FILE *out);
	unsigned int status;
};

static const struct route routes[] = {
	{ "/metrics", "text/plain; version=0.0.4; charset=utf-8", write_metrics,
	  MHD_HTTP_OK },
	{ "/status.json", "application/json", write_status, MHD_HTTP_OK },
	{ "/", "text/html; charset=utf-8", write_page, MHD_HTTP_OK },
};

static const struct route wrong_method = { "", "text/plain", write_wrong_method,
					   MHD_HTTP_METHOD_NOT_ALLOWED };
static const struct route foreign = { "", "text/plain", write_foreign,
				      MHD_HTTP_FORBIDDEN };
static const struct route not_found = { "", "text/plain", write_not_found,
					MHD_HTTP_NOT_FOUND };

/* A page from elsewhere whose name is made to lead here (DNS rebinding) may
 * ask, but by its own name. Without Host it is no browser. */
static bool is_local_name(const char *host)
{
	static const char *const names[] = { "localhost", "[::1]" };

	for (size_t i = 0; host && i < ARRAY_SIZE(names); i++) {
		size_t n = strlen(names[i]);

		if (!strncmp(host, names[i], n) && (!host[n] || host[n] == ':'))
			return true;
	}
	return !host || !host[strspn(host, "0123456789.:")];
}

static const struct route *find_route(const struct web_source *s,
				      struct MHD_Connection *c,
				      const char *method, const char *path)
{
	if (s->local && !is_local_name(MHD_lookup_connection_value(
				c, MHD_HEADER_KIND, "Host")))
		return &foreign;
	if (strcmp(method, MHD_HTTP_METHOD_GET) &&
	    strcmp(method, MHD_HTTP_METHOD_HEAD))
		return &wrong_method;
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (!strcmp(path, routes[i].path))
			return &routes[i];
	}
	return &not_found;
}

/* The page loads nothing from elsewhere, and nobody frames it. */
static const char *const headers[][2] = {
	{ "Connection", "close" },
	{ "Cache-Control", "no-store" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "Content-Security-Policy",
	  "default-src 'none'; script-src 'unsafe-inline'; "
	  "style-src 'unsafe-inline'; connect-src 'self'; "
	  "frame-ancestors 'none'; base-uri 'none'; form-action 'none'" },
};

static struct MHD_Response *respond(struct web_source *s, const struct route *r)
{
	struct MHD_Response *response;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	r->write(s, out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	response = MHD_create_response_from_buffer(len, text,
						   MHD_RESPMEM_MUST_FREE);
	if (!response)
		return NULL;
	MHD_add_response_header(response, "Content-Type", r->type);
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
		MHD_add_response_header(response, headers[i][0], headers[i][1]);
	return response;
}

/* MHD_NO ends the connection. */
enum MHD_Result web_answer(void *source, struct MHD_Connection *c,
			   const char *path, const char *method,
			   const char *version, const char *upload,
			   size_t *upload_len, void **request)
{
	const struct route *r = find_route(source, c, method, path);
	struct MHD_Response *response = respond(source, r);
	enum MHD_Result result;

	(void)version;
	(void)upload;
	(void)upload_len;
	(void)request;
	if (!response)
		return MHD_NO;
	result = MHD_queue_response(c, r->status, response);
	MHD_destroy_response(response);
	return result;
}
