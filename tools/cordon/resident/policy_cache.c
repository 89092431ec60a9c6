/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/resident/policy_cache.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <utlist.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/hex.h"
#include "monitor/policy/signature.h"
#include "tools/toolkit/agent_session.h"
#include "tools/toolkit/signed.h"

/* Policies that nobody uses at the moment, beyond which the oldest go. */
#define MAX_IDLE 8u
/*
 * A file that was touched this short before it was read could be touched again within one tick of
 * the file system's clock, and look the same: such a policy serves once and is not kept.
 */
#define SETTLED_NS 1000000000

struct stamp {
	char *path;
	struct stat st;
};

struct entry {
	char *key; /* paths and labels, as asked for */
	struct policy *policy;
	struct stamp *stamps;
	size_t stamp_count;
	unsigned users;
	bool stale; /* goes with its last user */
	struct entry *next, *prev;
};

struct policy_cache {
	struct entry *entries; /* the latest first */
};

static void entry_free(struct policy_cache *cache, struct entry *entry)
{
	DL_DELETE(cache->entries, entry);
	for (size_t i = 0; i < entry->stamp_count; i++)
		free(entry->stamps[i].path);
	free(entry->stamps);
	free(entry->key);
	(void)policy_free(entry->policy);
	free(entry);
}

struct policy_cache *policy_cache_new(void)
{
	return xcalloc(1, sizeof(struct policy_cache));
}

void policy_cache_free(struct policy_cache *cache)
{
	while (cache && cache->entries)
		entry_free(cache, cache->entries);
	free(cache);
}

static char *make_key(const struct session_options *options, const struct policy_keys *keys)
{
	struct buf key = BUF_INIT(0);

	/* Each part with its length before it, so that no two lists make one key. */
	for (size_t i = 0; i < options->policy_count; i++)
		buf_printf(&key, "p%zu:%s", strlen(options->policies[i]), options->policies[i]);
	for (size_t i = 0; i < options->label_count; i++)
		buf_printf(&key, "l%zu:%s", strlen(options->labels[i].name),
			   options->labels[i].name);
	buf_printf(&key, "k%zu:", keys->count);
	for (size_t i = 0; i < keys->count; i++) {
		char hex[2 * sizeof(keys->items[i]) + 1];

		hex_put((const unsigned char *)&keys->items[i], sizeof(keys->items[i]), hex);
		buf_put(&key, hex, sizeof(hex) - 1);
	}
	buf_printf(&key, "t:%s", options->policy_text ? options->policy_text : "");
	return take_ptr(key.data);
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_untouched(const struct stamp *stamp)
{
	const struct stat *old = &stamp->st;
	struct stat now;

	return stat(stamp->path, &now) == 0 && now.st_dev == old->st_dev &&
	       now.st_ino == old->st_ino && now.st_size == old->st_size &&
	       now.st_mode == old->st_mode && now.st_uid == old->st_uid &&
	       same_time(now.st_mtim, old->st_mtim) && same_time(now.st_ctim, old->st_ctim);
}

static bool is_fresh(const struct entry *entry)
{
	for (size_t i = 0; i < entry->stamp_count; i++)
		if (!is_untouched(&entry->stamps[i]))
			return false;
	return true;
}

/* Return: false if the file cannot be told from a later version of itself. */
static bool add_stamp(struct entry *entry, const char *path, const struct timespec *before)
{
	struct stamp stamp;
	const struct timespec *touched = &stamp.st.st_ctim;
	int64_t age_ns;

	if (stat(path, &stamp.st) < 0)
		return false;
	age_ns = (int64_t)(before->tv_sec - touched->tv_sec) * 1000000000 +
		 (before->tv_nsec - touched->tv_nsec);
	stamp.path = xstrdup(path);
	entry->stamps =
		xrealloc_array(entry->stamps, entry->stamp_count + 1, sizeof(*entry->stamps));
	entry->stamps[entry->stamp_count++] = stamp;
	return age_ns >= SETTLED_NS;
}

/* A pipe is read once and waited for: its client does that, while this loop goes on. */
static int check_kinds(const struct session_options *options, struct error *err)
{
	for (size_t i = 0; i < options->policy_count; i++) {
		struct stat st;

		if (stat(options->policies[i], &st) == 0 && !S_ISREG(st.st_mode) &&
		    !S_ISDIR(st.st_mode))
			return error_set(err, EINVAL, "policy %s: neither a file nor a folder",
					 options->policies[i]);
	}
	return 0;
}

/* A signature that is taken away, or is another, is looked at anew. */
static bool add_file(struct entry *entry, const char *path, bool is_signed,
		     const struct timespec *before)
{
	_cleanup_free_ char *signature = xasprintf("%s" SIGNATURE_SUFFIX, path);

	return add_stamp(entry, path, before) &&
	       (!is_signed || add_stamp(entry, signature, before));
}

static int load(struct policy_cache *cache, const struct session_options *options,
		const struct policy_keys *keys, struct entry **ret, struct error *err)
{
	struct entry *entry = xcalloc(1, sizeof(*entry));
	struct timespec before;
	const char *file;
	int r;

	(void)clock_gettime(CLOCK_REALTIME, &before);
	entry->key = make_key(options, keys);
	DL_PREPEND(cache->entries, entry);
	r = check_kinds(options, err);
	if (r == 0)
		r = load_policies_signed(options, keys->count ? keys : NULL, &entry->policy, err);
	if (r < 0) {
		entry_free(cache, entry);
		return r;
	}
	for (size_t i = 0; i < options->policy_count; i++)
		entry->stale |= !add_stamp(entry, options->policies[i], &before);
	for (size_t i = 0; (file = policy_file(entry->policy, i)); i++)
		entry->stale |= !add_file(entry, file, keys->count > 0, &before);
	*ret = entry;
	return 0;
}

static void drop_idle(struct policy_cache *cache)
{
	struct entry *entry = NULL;
	struct entry *next = NULL;
	unsigned idle = 0;

	DL_FOREACH_SAFE (cache->entries, entry, next) {
		if (!entry->users && (entry->stale || ++idle > MAX_IDLE))
			entry_free(cache, entry);
	}
}

int policy_cache_get(struct policy_cache *cache, const struct session_options *options,
		     const struct policy **ret, struct error *err)
{
	_cleanup_free_ char *key = NULL;
	struct policy_keys keys;
	struct entry *entry = NULL;
	int r = signed_keys(options->policy_key, &keys, err);

	if (r < 0)
		return r;
	key = make_key(options, &keys);
	DL_FOREACH (cache->entries, entry) {
		if (!entry->stale && strcmp(entry->key, key) == 0)
			break;
	}
	if (entry && !is_fresh(entry)) {
		entry->stale = true;
		entry = NULL;
	}
	if (!entry)
		r = load(cache, options, &keys, &entry, err);
	if (r < 0)
		return r;
	entry->users++;
	drop_idle(cache);
	*ret = entry->policy;
	return 0;
}

void policy_cache_put(struct policy_cache *cache, const struct policy *policy)
{
	struct entry *entry;

	DL_SEARCH_SCALAR(cache->entries, entry, policy, policy);
	if (entry)
		entry->users--;
	drop_idle(cache);
}
