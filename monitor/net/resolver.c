/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <ares.h>
#include <uthash.h>
#include <utlist.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/net/names.h"
#include "monitor/net/resolver_internal.h"

#define DEFAULT_TIMEOUT_MS 10000u
#define MIN_TTL_S	   1u /* one page's connections are one lookup, whatever its owner says */
#define MAX_TTL_S	   3600u
#define FAILURE_TTL_S	   5u
#define MS_PER_S	   1000u

struct resolver_lookup {
	struct entry *entry; /* borrowed */
	resolver_cb done;
	void *ctx;
	struct resolver_lookup *next, *prev;
};

void resolver_handle_closed(struct resolver *resolver)
{
	if (--resolver->handles > 0)
		return;
	if (resolver->closed)
		resolver->closed(resolver->closed_ctx);
	free(resolver);
}

static void on_timer_closed(uv_handle_t *handle)
{
	resolver_handle_closed(handle->data);
}

static void tell(struct resolver_lookup *lookup)
{
	const struct entry *entry = lookup->entry;
	const resolver_cb done = lookup->done;
	void *ctx = lookup->ctx;

	resolver_cancel(lookup);
	done(ctx, entry->error, entry->addresses, entry->error ? 0 : entry->count);
}

static void settle(struct entry *entry, int error, uint64_t ttl_s)
{
	entry->is_answered = true;
	entry->error = error;
	entry->expires_ms = uv_now(entry->resolver->loop) + ttl_s * MS_PER_S;
}

/* It does not exist, or nobody answers: what a program makes of it differs. */
static int error_of(int status)
{
	switch (status) {
	case ARES_ETIMEOUT:
		return -ETIMEDOUT;
	case ARES_ECANCELLED:
	case ARES_EDESTRUCTION:
		return -ECANCELED;
	default:
		return -EHOSTUNREACH;
	}
}

static bool put_address(const struct ares_addrinfo_node *node, uint8_t ret[16])
{
	if (node->ai_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)node->ai_addr;

		memset(ret, 0, 16);
		ret[10] = ret[11] = 0xff;
		memcpy(ret + 12, &in->sin_addr, 4);
		return true;
	}
	if (node->ai_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)node->ai_addr;

		memcpy(ret, &in6->sin6_addr, 16);
		return true;
	}
	return false;
}

static unsigned lesser_ttl(unsigned ttl, int other)
{
	return other >= 0 && (unsigned)other < ttl ? (unsigned)other : ttl;
}

static void on_answer(void *ctx, int status, int timeouts, struct ares_addrinfo *found)
{
	struct entry *entry = ctx;
	unsigned ttl = MAX_TTL_S;

	(void)timeouts;
	entry->is_pending = false;
	for (const struct ares_addrinfo_node *node = found ? found->nodes : NULL;
	     node && entry->count < MAX_RESOLVER_ADDRESSES; node = node->ai_next) {
		if (put_address(node, entry->addresses[entry->count]))
			entry->count++;
		ttl = lesser_ttl(ttl, node->ai_ttl);
	}
	for (const struct ares_addrinfo_cname *alias = found ? found->cnames : NULL; alias;
	     alias = alias->next)
		ttl = lesser_ttl(ttl, alias->ttl);
	if (found)
		ares_freeaddrinfo(found);
	if (entry->count > 0)
		settle(entry, 0, ttl > MIN_TTL_S ? ttl : MIN_TTL_S);
	else
		settle(entry, status == ARES_SUCCESS ? -EHOSTUNREACH : error_of(status),
		       FAILURE_TTL_S);
}

/* When its waiting lookups are to be told; now is as good as before. */
static uint64_t due_at(const struct entry *entry)
{
	if (!entry->waiting)
		return UINT64_MAX;
	return entry->is_answered ? 0 : entry->asked_ms + entry->resolver->timeout_ms;
}

/* Return: the entry whose lookups are to be told next, or NULL. */
static struct entry *first_due(struct resolver *resolver)
{
	struct entry *first = &resolver->refused;

	for (struct entry *entry = resolver->entries; entry; entry = entry->hh.next) {
		if (due_at(entry) < due_at(first))
			first = entry;
	}
	return first->waiting ? first : NULL;
}

static void on_timer(uv_timer_t *timer)
{
	struct resolver *resolver = timer->data;
	struct entry *entry;

	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	for (;;) {
		entry = resolver->is_stopping ? NULL : first_due(resolver);
		if (!entry || due_at(entry) > uv_now(resolver->loop))
			break;
		if (!entry->is_answered)
			settle(entry, -ETIMEDOUT, FAILURE_TTL_S);
		tell(entry->waiting);
	}
	resolver_arm(resolver);
}

void resolver_arm(struct resolver *resolver)
{
	const uint64_t now = uv_now(resolver->loop);
	const struct entry *entry;
	uint64_t due, wait = UINT64_MAX;
	struct timeval next;

	if (resolver->is_stopping)
		return;
	entry = first_due(resolver);
	due = entry ? due_at(entry) : UINT64_MAX;
	if (due != UINT64_MAX)
		wait = due > now ? due - now : 0;
	if (ares_timeout(resolver->channel, NULL, &next)) {
		const uint64_t resend =
			(uint64_t)next.tv_sec * MS_PER_S + (uint64_t)next.tv_usec / MS_PER_S + 1;

		wait = resend < wait ? resend : wait;
	}
	if (wait == UINT64_MAX)
		(void)uv_timer_stop(&resolver->timer);
	else
		(void)uv_timer_start(&resolver->timer, on_timer, wait, 0);
}

/* NOLINTNEXTLINE(readability-function-size): what uthash's macro is made of */
static void keep(struct entry *entry)
{
	struct resolver *resolver = entry->resolver;

	HASH_ADD_STR(resolver->entries, name, entry);
}

static void drop(struct entry *entry)
{
	struct resolver *resolver = entry->resolver;

	HASH_DEL(resolver->entries, entry);
}

static struct entry *find(const struct resolver *resolver, const char *name)
{
	struct entry *entry;

	HASH_FIND_STR(resolver->entries, name, entry);
	return entry;
}

/* Return: the one that was used longest ago and that nobody waits for, or NULL. */
static struct entry *oldest_idle(const struct resolver *resolver)
{
	struct entry *entry = resolver->entries;

	while (entry && (entry->is_pending || entry->waiting))
		entry = entry->hh.next;
	return entry;
}

/* Return: a new entry for the name; NULL: all are in use. */
static struct entry *entry_make(struct resolver *resolver, const char *name)
{
	struct entry *entry;

	if (HASH_COUNT(resolver->entries) >= MAX_RESOLVER_ENTRIES) {
		entry = oldest_idle(resolver);
		if (!entry)
			return NULL;
		drop(entry);
		free(entry);
	}
	entry = xcalloc(1, sizeof(*entry));
	entry->resolver = resolver;
	(void)snprintf(entry->name, sizeof(entry->name), "%s", name);
	keep(entry);
	return entry;
}

static void ask(struct entry *entry)
{
	const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC,
						  .ai_socktype = SOCK_STREAM};

	entry->is_answered = false;
	entry->count = 0;
	entry->asked_ms = uv_now(entry->resolver->loop);
	entry->is_pending = true;
	ares_getaddrinfo(entry->resolver->channel, entry->name, NULL, &hints, on_answer, entry);
}

struct resolver_lookup *resolver_lookup(struct resolver *resolver, const char *name,
					resolver_cb done, void *ctx)
{
	struct resolver_lookup *lookup = xcalloc(1, sizeof(*lookup));
	struct entry *entry = NULL;

	uv_update_time(resolver->loop);
	if (!resolver->is_stopping && resolver->lookups < MAX_RESOLVER_LOOKUPS) {
		entry = find(resolver, name);
		if (entry) { /* the last to be dropped now */
			drop(entry);
			keep(entry);
		} else {
			entry = entry_make(resolver, name);
		}
	}
	if (!entry)
		entry = &resolver->refused;
	else if (!entry->is_pending &&
		 (!entry->is_answered || entry->expires_ms <= uv_now(resolver->loop)))
		ask(entry);
	*lookup = (struct resolver_lookup){.entry = entry, .done = done, .ctx = ctx};
	DL_APPEND(entry->waiting, lookup);
	resolver->lookups++;
	resolver_arm(resolver);
	return lookup;
}

void resolver_cancel(struct resolver_lookup *lookup)
{
	DL_DELETE(lookup->entry->waiting, lookup);
	lookup->entry->resolver->lookups--;
	free(lookup);
}

int resolver_start(const struct resolver_config *config, struct resolver **ret, struct error *err)
{
	struct resolver *resolver = xcalloc(1, sizeof(*resolver));
	int r;

	resolver->loop = config->loop;
	resolver->timeout_ms = config->timeout_ms ? config->timeout_ms : DEFAULT_TIMEOUT_MS;
	resolver->refused =
		(struct entry){.resolver = resolver, .is_answered = true, .error = -EAGAIN};
	r = resolver_open_channel(resolver, config->server, err);
	if (r < 0) {
		if (resolver->channel)
			ares_destroy(resolver->channel);
		free(resolver);
		return r;
	}
	(void)uv_timer_init(resolver->loop, &resolver->timer);
	resolver->timer.data = resolver;
	resolver->handles = 1;
	*ret = resolver;
	return 0;
}

void resolver_stop(struct resolver *resolver, void (*closed)(void *ctx), void *ctx)
{
	resolver->is_stopping = true;
	resolver->closed = closed;
	resolver->closed_ctx = ctx;
	ares_destroy(resolver->channel); /* calls back for all that is pending */
	/* NOLINTBEGIN(clang-analyzer-unix.Malloc): the analyzer does not follow uthash in drop() */
	while (resolver->entries) {
		struct entry *entry = resolver->entries;

		entry->error = -ECANCELED;
		entry->count = 0;
		while (entry->waiting)
			tell(entry->waiting);
		drop(entry);
		free(entry);
	}
	/* With those who asked once more when they were told. */
	resolver->refused.error = -ECANCELED;
	while (resolver->refused.waiting)
		tell(resolver->refused.waiting);
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
	uv_close((uv_handle_t *)&resolver->timer, on_timer_closed);
}
