/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spec that was printed once may be used many times, at the same time too, and by whoever: what
 * its session alone writes to, and what is removed with it, must be that session's own.
 */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "sandbox/spec.h"

/* A path at or below @from becomes the same at or below @to. @prefix_len: what stands before it. */
static void move_path(char **text, size_t prefix_len, const char *from, const char *to)
{
	const size_t len = strlen(from);
	const char *path = *text + prefix_len;
	char *moved;

	if (strncmp(path, from, len) != 0 || (path[len] != '/' && path[len] != '\0'))
		return;
	moved = xasprintf("%.*s%s%s", (int)prefix_len, *text, to, path + len);
	free(*text);
	*text = moved;
}

static void move_private(struct spec *spec, const char *session)
{
	_cleanup_free_ char *from = spec_private_dir(spec->session);
	_cleanup_free_ char *to = spec_private_dir(session);

	move_path(&spec->home, 0, from, to);
	move_path(&spec->workspace, 0, from, to);
	for (char **entry = spec->env; entry && *entry; entry++)
		move_path(entry, strcspn(*entry, "=") + 1, from, to);
	for (size_t i = 0; i < spec->mount_count; i++)
		move_path(&spec->mounts[i].target, 0, from, to);
}

const char *spec_overlaid(const struct spec *spec)
{
	for (size_t i = 0; i < spec->mount_count; i++)
		if (spec->mounts[i].kind == MOUNT_OVERLAY)
			return spec->mounts[i].source;
	return NULL;
}

void spec_set_layers(struct spec *spec, struct spec_mount *overlay, const char *state_dir)
{
	free(overlay->upper);
	free(overlay->work);
	free(spec->upper_dir);
	overlay->upper = xasprintf("%s/layers/upper", state_dir);
	overlay->work = xasprintf("%s/layers/work", state_dir);
	spec->upper_dir = xstrdup(overlay->upper);
}

void spec_adopt(struct spec *spec, const char *session, const char *state_dir)
{
	if (spec->isolation == ISOLATION_LITE)
		move_private(spec, session);
	for (size_t i = 0; i < spec->mount_count; i++)
		if (spec->mounts[i].kind == MOUNT_OVERLAY)
			spec_set_layers(spec, &spec->mounts[i], state_dir);
	free(spec->session);
	spec->session = xstrdup(session);
}
