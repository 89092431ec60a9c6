/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/hex.h"
#include "monitor/policy/match.h"
#include "tools/toolkit/layer.h"
#include "tools/toolkit/options.h"

static int make_folders(const char *base, const char *path, struct error *err)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		_cleanup_free_ char *folder = xasprintf("%s/%.*s", base, (int)(slash - path), path);

		if (mkdir(folder, 0755) < 0 && errno != EEXIST)
			return error_errno(err, errno, "make the folder %s", folder);
	}
	return 0;
}

static int write_all(int file_fd, const char *text, size_t len)
{
	while (len) {
		const ssize_t n = write(file_fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int make_file(const char *path, const char *content, uint32_t mode, struct error *err)
{
	_cleanup_close_ int file_fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (file_fd < 0)
		return error_errno(err, errno, "make %s", path);
	r = write_all(file_fd, content, strlen(content));
	if (r == 0 && fchmod(file_fd, mode) < 0)
		r = -errno;
	return r < 0 ? error_errno(err, r, "write %s", path) : 0;
}

/* Nobody else has this text: where it turns up, it came from the canary. NULL with errno set. */
static char *make_token(void)
{
	unsigned char noise[12];
	char hex[2 * sizeof(noise) + 1];

	if (getrandom(noise, sizeof(noise), 0) != (ssize_t)sizeof(noise))
		return NULL;
	hex_put(noise, sizeof(noise), hex);
	return xasprintf("canary-%s\n", hex);
}

static void add_bind(struct stage *stage, struct spec_bind bind)
{
	struct session_options *o = &stage->options;

	o->binds = xrealloc_array(o->binds, o->bind_count + 1, sizeof(*o->binds));
	o->binds[o->bind_count++] = bind;
}

/* In the workspace by its path; else beside it under a number, and bound where it belongs. */
static int put_file(struct stage *stage, const struct setup_file *file, struct error *err)
{
	const bool is_inside = file->path[0] != '/' && file->path[0] != '~';
	_cleanup_free_ char *content = file->content ? xstrdup(file->content) : make_token();
	char *path;
	int r = 0;

	if (!content)
		return error_errno(err, errno, "make up a canary");
	if (is_inside)
		r = make_folders(stage->workspace, file->path, err);
	if (r < 0)
		return r;
	path = is_inside ? xasprintf("%s/%s", stage->workspace, file->path)
			 : xasprintf("%s/%zu", stage->dir, stage->made_count);
	stage->made = xrealloc_array(stage->made, stage->made_count + 2, sizeof(*stage->made));
	stage->made[stage->made_count++] = path;
	r = make_file(path, content, file->mode, err);
	if (r < 0 || is_inside)
		return r;
	stage->made[stage->made_count] = file->path[0] == '~'
						 ? xasprintf(SESSION_HOME "%s", file->path + 1)
						 : xstrdup(file->path);
	add_bind(stage,
		 (struct spec_bind){.source = path, .target = stage->made[stage->made_count]});
	stage->made_count++;
	return 0;
}

static int make_dir(struct stage *stage, struct error *err)
{
	const char *temp = getenv("TMPDIR");

	stage->dir = xasprintf("%s/cordon-scenario-XXXXXX", temp && temp[0] == '/' ? temp : "/tmp");
	if (!mkdtemp(stage->dir)) {
		const int r = error_errno(err, errno, "make a workspace at %s", stage->dir);

		free(take_ptr(stage->dir));
		return r;
	}
	stage->workspace = xasprintf("%s/work", stage->dir);
	return mkdir(stage->workspace, 0755) < 0
		       ? error_errno(err, errno, "make the workspace %s", stage->workspace)
		       : 0;
}

static void put_strings(const char ***to, size_t *count, char *const *from, size_t more)
{
	*to = xrealloc_array(*to, *count + more + 1, sizeof(**to));
	for (size_t i = 0; i < more; i++)
		(*to)[(*count)++] = from[i];
	(*to)[*count] = NULL;
}

static void put_options(struct stage *stage, const struct scenario *scenario,
			const struct session_options *base)
{
	const struct setup *setup = &scenario->setup;
	struct session_options *o = &stage->options;

	o->workspace_dir = stage->workspace;
	o->workspace_mode = WORKSPACE_LIVE; /* nobody else's folder: what is left is looked at */
	o->limits = setup->limits;
	o->net.mode = setup->net ? setup->net : base->net.mode;
	o->net.resolver = base->net.resolver;
	if (setup->decoys.count)
		o->net.script = &setup->decoys;
	o->timeout_ms = setup->timeout_ms ? setup->timeout_ms : base->timeout_ms;
	o->labels = xcalloc(setup->label_count, sizeof(*o->labels));
	for (size_t i = 0; i < setup->label_count; i++)
		o->labels[o->label_count++] = setup->labels[i];
	put_strings(&o->env, &o->env_count, setup->env, setup->env_count);
	for (size_t i = 0; i < setup->bind_count; i++)
		add_bind(stage, setup->binds[i]);
}

int stage_build(const struct scenario *scenario, const struct session_options *base,
		struct stage *ret, struct error *err)
{
	struct stage stage = {0};
	int r = make_dir(&stage, err);

	for (size_t i = 0; r == 0 && i < scenario->setup.file_count; i++)
		r = put_file(&stage, &scenario->setup.files[i], err);
	if (r < 0) {
		stage_remove(&stage);
		return error_prefix(err, "%s", scenario->file);
	}
	put_options(&stage, scenario, base);
	*ret = stage;
	return 0;
}

void stage_remove(struct stage *stage)
{
	if (stage->dir)
		layer_remove(stage->dir);
	session_options_done(&stage->options);
	for (size_t i = 0; i < stage->made_count; i++)
		free(stage->made[i]);
	free(stage->made);
	free(stage->workspace);
	free(stage->dir);
	*stage = (struct stage){0};
}
