/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/signed.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#define HOST_KEYS CORDON_SYSCONF_DIR "/policy.pub"

static bool has_key(const struct policy_keys *keys, const struct policy_key *key)
{
	for (size_t i = 0; i < keys->count; i++) {
		if (memcmp(&keys->items[i], key, sizeof(*key)) == 0)
			return true;
	}
	return false;
}

/* What was asked for on the command line cannot widen what root asked for. */
static int keep_common(const struct policy_keys *host, struct policy_keys *keys, struct error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < keys->count; i++) {
		if (has_key(host, &keys->items[i]))
			keys->items[kept++] = keys->items[i];
	}
	keys->count = kept;
	return kept ? 0
		    : error_set(err, EPERM,
				"--policy-key %s: none of its keys is in " HOST_KEYS
				", by which policies have to be signed on this host; leave the "
				"option away, or have root put the key there",
				keys->from);
}

/* In a user namespace root may have no number; then it is the owner of "/". */
static int check_root(const struct policy_keys *host, struct error *err)
{
	struct stat top;

	if (host->owner == 0 || (stat("/", &top) == 0 && host->owner == top.st_uid))
		return 0;
	return error_set(err, EPERM,
			 HOST_KEYS " belongs to user %u; it says for all which policies are "
				   "loaded, so chown it to root",
			 (unsigned)host->owner);
}

/* A link that leads nowhere is no leave to load anything. */
static bool is_nothing_there(void)
{
	struct stat st;

	if (lstat(HOST_KEYS, &st) == 0)
		return false;
	return lstat(CORDON_SYSCONF_DIR, &st) < 0 || stat(CORDON_SYSCONF_DIR, &st) == 0;
}

static int host_keys(struct policy_keys *ret, struct error *err)
{
	const int r = policy_keys_read(HOST_KEYS, ret, err);

	if (r == -ENOENT && is_nothing_there())
		return 0;
	return r < 0 ? r : check_root(ret, err);
}

int signed_keys(const char *path, struct policy_keys *ret, struct error *err)
{
	struct policy_keys host;
	int r = host_keys(&host, err);

	*ret = host;
	if (r < 0 || !path)
		return r;
	r = policy_keys_read(path, ret, err);
	return r < 0 || !host.count ? r : keep_common(&host, ret, err);
}
