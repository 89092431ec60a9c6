/* SPDX-License-Identifier: Apache-2.0 */

/* Reading policy files: how much of them, in which order. */

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/input.h"
#include "common/limits.h"
#include "monitor/policy/source.h"
#include "monitor/policy/trusted.h"

#define MAX_FILES 1024u

void sources_done(struct sources *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->items[i].name);
		free(s->items[i].text);
		json_free(s->items[i].doc);
	}
	free(s->items);
}

const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int by_name(const void *a, const void *b)
{
	const struct source *x = a;
	const struct source *y = b;
	const int r = strcmp(base_of(x->name), base_of(y->name));

	return r ? r : strcmp(x->name, y->name);
}

int sources_add_text(struct sources *s, const char *name, const char *text, size_t len,
		     struct error *err)
{
	struct source *source;

	if (s->count == MAX_FILES)
		return error_set(err, E2BIG, "more than %u policy files", MAX_FILES);
	s->items = xrealloc_array(s->items, s->count + 1, sizeof(*s->items));
	source = &s->items[s->count++];
	*source = (struct source){.name = xstrdup(name), .text = xcalloc(len + 1, 1), .len = len};
	if (len)
		memcpy(source->text, text, len); /* whatever is in it: errors show it */
	return source_parse(source, err);
}

static int add_fd(struct sources *s, int fd, const char *path, struct error *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT(MAX_JSON_BYTES + INPUT_ROOM);
	const struct policy_key *signer = NULL;
	int r = input_read_document(fd, path, MAX_JSON_BYTES, &text, err);

	/* Before anything else looks at it. */
	if (r == 0 && s->keys)
		r = signature_check(s->keys, path, text.data, text.len, &signer, err);
	if (r == 0)
		r = sources_add_text(s, path, text.data, text.len, err);
	if (r == 0)
		s->items[s->count - 1].signer = signer;
	return r;
}

static bool is_policy_name(const char *name)
{
	const size_t len = strlen(name);

	return name[0] != '.' && len > 5 && strcmp(name + len - 5, ".json") == 0;
}

/* A file: a pipe is not found by chance, but named. */
static int add_entry(struct sources *s, const char *path, struct error *err)
{
	struct stat st = {0};
	_cleanup_close_ int fd = trusted_open("policy", path, &st, err);

	if (fd >= 0 && !S_ISREG(st.st_mode))
		return error_set(err, EINVAL, "policy %s: not a file", path);
	return fd < 0 ? fd : add_fd(s, fd, path, err);
}

/* Every file or none: a folder that cannot be read to its end is an error, not a shorter policy. */
static int add_entries(struct sources *s, DIR *dir, const char *path, struct error *err)
{
	for (;;) {
		_cleanup_free_ char *file = NULL;
		const struct dirent *e;
		int r;

		errno = 0;
		e = readdir(dir);
		if (!e && errno)
			return error_errno(err, errno, "cannot read policy folder %s", path);
		if (!e)
			return 0;
		if (!is_policy_name(e->d_name))
			continue;
		file = xasprintf("%s/%s", path, e->d_name);
		r = add_entry(s, file, err);
		if (r < 0)
			return r;
	}
}

static int add_folder(struct sources *s, int *dir_fd, const char *path, struct error *err)
{
	const size_t before = s->count;
	DIR *dir = fdopendir(*dir_fd);
	int r;

	if (!dir)
		return error_errno(err, errno, "cannot open policy folder %s", path);
	(void)take_fd(dir_fd); /* the stream's now */
	r = add_entries(s, dir, path, err);
	(void)closedir(dir);
	if (r == 0 && s->count == before)
		return error_set(err, ENOENT, "policy folder %s: no *.json in it", path);
	return r;
}

int sources_add_path(struct sources *s, const char *path, struct error *err)
{
	struct stat st = {0};
	_cleanup_close_ int fd = trusted_open("policy", path, &st, err);
	int r;

	if (fd >= 0 && S_ISDIR(st.st_mode))
		return add_folder(s, &fd, path, err);
	r = fd < 0 ? fd : input_check(fd, "policy ", path, err);
	return r < 0 ? r : add_fd(s, fd, path, err);
}

void sources_sort(struct sources *s)
{
	if (s->count)
		qsort(s->items, s->count, sizeof(*s->items), by_name);
}

void sources_hash(const struct sources *s, char ret[65])
{
	unsigned char hash[crypto_generichash_BYTES];
	crypto_generichash_state h;

	(void)crypto_generichash_init(&h, NULL, 0, sizeof(hash));
	for (size_t i = 0; i < s->count; i++) {
		const char *name = base_of(s->items[i].name);
		const uint64_t len = s->items[i].len;

		(void)crypto_generichash_update(&h, (const unsigned char *)name, strlen(name) + 1);
		(void)crypto_generichash_update(&h, (const unsigned char *)&len, sizeof(len));
		(void)crypto_generichash_update(&h, (const unsigned char *)s->items[i].text, len);
	}
	(void)crypto_generichash_final(&h, hash, sizeof(hash));
	(void)sodium_bin2hex(ret, 65, hash, sizeof(hash));
}
