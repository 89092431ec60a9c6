/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/decoy/decoy.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "monitor/net/decoy/visit.h"

struct tls_server *decoy_tls(struct decoy *decoy)
{
	/* Made when it is first needed: most sessions never do. */
	if (!decoy->tls && decoy->config.authority)
		(void)decoy->config.tls->server_new(decoy->config.authority, &decoy->tls, NULL);
	return decoy->tls;
}

/* ---- canaries ---- */

size_t decoy_canaries(const struct decoy *decoy, struct str texts[MAX_DECOY_CANARIES],
		      const char *names[MAX_DECOY_CANARIES])
{
	const struct made_up *m = &decoy->services.made_up;
	const struct decoy_script *script = decoy->config.script;

	const struct {
		const char *text;
		const char *name;
	} own[] = {
		{m->aws_key_id, "aws-access-key-id"},	{m->aws_secret, "aws-secret-access-key"},
		{m->aws_token, "aws-session-token"},	{m->google_token, "google-access-token"},
		{m->azure_token, "azure-access-token"},
	};

	size_t count = 0;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		texts[count] = str_of(own[i].text);
		names[count++] = own[i].name;
	}
	for (size_t i = 0; script && i < script->count && count < MAX_DECOY_CANARIES; i++) {
		if (!script->entries[i].canary)
			continue;
		texts[count] = str_of(script->entries[i].canary);
		names[count++] = script->entries[i].host;
	}
	return count;
}

static int make_canaries(struct decoy *decoy, struct error *err)
{
	struct str texts[MAX_DECOY_CANARIES];
	const char *names[MAX_DECOY_CANARIES];
	const size_t count = decoy_canaries(decoy, texts, names);
	const int r = scan_set_new(texts, count, &decoy->canaries, err);

	decoy->store.canaries = decoy->canaries;
	return r;
}

/* In what is no body. */
static uint64_t find_canaries(const struct decoy *decoy, const struct decoy_request *request)
{
	_cleanup_(scan_freep) struct scan *scan = scan_new(decoy->canaries);

	scan_feed(scan, request->path, strlen(request->path));
	scan_feed(scan, "\n", 1);
	scan_feed(scan, request->head.at, request->head.len);
	return scan_found(scan);
}

int decoy_new(const struct decoy_config *config, struct decoy **ret, struct error *err)
{
	struct decoy *decoy = xcalloc(1, sizeof(*decoy));
	int r = service_state_init(&decoy->services, err);

	decoy->config = *config;
	if (r == 0)
		r = make_canaries(decoy, err);
	if (r < 0) {
		free(decoy);
		return r;
	}
	decoy->services.evidence_fd = config->evidence_fd;
	decoy->services.script = config->script;
	decoy->store.folder_fd = config->evidence_fd;
	decoy->store.tls = config->tls;
	(void)uv_timer_init(config->loop, &decoy->life);
	decoy->life.data = decoy;
	*ret = decoy;
	return 0;
}

/* ---- flows ---- */

void visit_tell(struct visit *visit, struct decoy_request *request)
{
	struct decoy *decoy = visit->decoy;

	request->peer = &visit->peer;
	if (!request->protocol)
		request->protocol = !visit->protocol ? "tls"
				    : visit->tls     ? visit->protocol->secured_name
						     : visit->protocol->name;
	request->canaries |= find_canaries(decoy, request);
	decoy->config.ops->request(decoy->config.ctx, request);
}

int decoy_attach(struct decoy *decoy, int socket_fd, const struct decoy_peer *peer, void *flow)
{
	struct visit *visit;
	int r;

	if (decoy->stopping || decoy->count >= MAX_DECOY_FLOWS) {
		(void)close(socket_fd);
		return -ENFILE;
	}
	r = visit_start(decoy, socket_fd, peer, flow, &visit);
	if (r < 0)
		return r;
	decoy->count++;
	DL_APPEND(decoy->visits, visit);
	return 0;
}

void decoy_free_when_over(struct decoy *decoy)
{
	void (*closed)(void *ctx) = decoy->closed;
	void *ctx = decoy->closed_ctx;

	if (!decoy->life_closed || decoy->count)
		return;
	if (decoy->tls)
		(void)decoy->config.tls->server_free(decoy->tls);
	(void)scan_set_free(decoy->canaries);
	service_state_done(&decoy->services);
	free(decoy);
	if (closed)
		closed(ctx);
}

void decoy_unlist(struct visit *visit)
{
	struct decoy *decoy = visit->decoy;

	DL_DELETE(decoy->visits, visit);
	decoy->count--;
}

static void on_life_closed(uv_handle_t *handle)
{
	struct decoy *decoy = handle->data;

	decoy->life_closed = true;
	decoy_free_when_over(decoy);
}

void decoy_stop(struct decoy *decoy, void (*closed)(void *ctx), void *ctx)
{
	struct visit *visit;

	decoy->stopping = true;
	decoy->closed = closed;
	decoy->closed_ctx = ctx;
	DL_FOREACH (decoy->visits, visit)
		visit_finish(visit, "session ended");
	uv_close((uv_handle_t *)&decoy->life, on_life_closed);
}
