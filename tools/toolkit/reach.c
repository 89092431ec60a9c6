/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/reach.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/toolkit/approver/approver.h"
#include "tools/toolkit/paths.h"

/* Changes that were kept of an earlier session may be worked on in a later one. */
#define KEPT_LAYER "sessions/*/layers/upper"

static bool is_at_or_below(const char *path, const char *folder)
{
	const size_t len = strlen(folder);

	if (!folder[1])
		return true;
	return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static char *resolved(const char *path)
{
	char *real = realpath(path, NULL);

	return real ? real : xstrdup(path);
}

/* ---- the state ---- */

static bool shows_state(const char *source, const char *state)
{
	if (is_at_or_below(state, source))
		return true;
	return is_at_or_below(source, state) &&
	       fnmatch(KEPT_LAYER, source + strlen(state) + (source[strlen(state)] == '/'),
		       FNM_PATHNAME | FNM_LEADING_DIR) != 0;
}

/* A path that the user gave may lead there by a symbolic link, and so may the state's own. */
static int check_state(const struct plan *plan, struct error *err)
{
	_cleanup_free_ char *given = NULL;
	_cleanup_free_ char *state = NULL;
	_cleanup_free_ char *own = NULL;
	int r = paths_state_dir(&given, err);

	if (r < 0)
		return r;
	state = resolved(given);
	own = resolved(plan->state_dir);
	for (size_t i = 0; i < plan->spec.mount_count; i++) {
		const struct spec_mount *m = &plan->spec.mounts[i];
		_cleanup_free_ char *source = m->source ? resolved(m->source) : NULL;

		/* What cordon itself shows of this session's folder is read-only. */
		if (!source || (!m->writable && is_at_or_below(source, own)))
			continue;
		if (shows_state(source, state))
			return error_set(
				err, EINVAL,
				"%s would show cordon's own state (records, keys), which is in %s "
				"and which an agent must not reach; choose a folder without it, or "
				"another state folder with CORDON_STATE_DIR",
				m->source, state);
	}
	return 0;
}

/* ---- where the session may write ---- */

/* As it is written, what its folder is, and what it is: any of them can be what is changed. */
struct forms {
	char *path[3];
};

static void forms_done(const struct forms *forms)
{
	for (size_t i = 0; i < 3; i++)
		free(forms->path[i]);
}

static struct forms forms_of(const char *path)
{
	_cleanup_free_ char *current = path[0] == '/' ? NULL : realpath(".", NULL);
	struct forms forms = {
		{xasprintf("%s%s%s", current ? current : "", current ? "/" : "", path)}};
	char *slash = strrchr(forms.path[0], '/');
	_cleanup_free_ char *folder =
		slash ? xstrndup(forms.path[0], (size_t)(slash - forms.path[0])) : NULL;
	_cleanup_free_ char *real = folder ? resolved(*folder ? folder : "/") : NULL;

	forms.path[1] = xasprintf("%s%s", real ? real : "", slash ? slash : "");
	forms.path[2] = resolved(forms.path[0]);
	return forms;
}

static int check_one(const struct spec *spec, const char *what, const char *path, struct error *err)
{
	_cleanup_(forms_done) struct forms forms = forms_of(path);

	for (size_t i = 0; i < spec->mount_count; i++) {
		const struct spec_mount *m = &spec->mounts[i];
		_cleanup_free_ char *source = NULL;

		if (m->kind != MOUNT_BIND || !m->writable || !m->source)
			continue;
		source = resolved(m->source);
		for (size_t k = 0; k < 3; k++)
			if (is_at_or_below(forms.path[k], source))
				return error_set(
					err, EINVAL,
					"%s %s lies in %s, where the session may write, and could "
					"be changed by what it is to hold; move it out of there, "
					"or have that folder without :live or :rw",
					what, path, m->source);
	}
	return 0;
}

/* A program that is named alone is looked for as execvp(3) will. */
static int check_program(const struct spec *spec, const char *name, struct error *err)
{
	const char *folders = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe) */
	int r = 0;

	while (r == 0 && folders && *folders) {
		const size_t len = strcspn(folders, ":");
		_cleanup_free_ char *path =
			xasprintf("%.*s/%s", len ? (int)len : 1, len ? folders : ".", name);

		if (access(path, X_OK) == 0)
			return check_one(spec, "the approver", path, err);
		folders += len + (folders[len] == ':');
	}
	return r;
}

static int check_approver(const struct spec *spec, const char *text, struct error *err)
{
	const char *socket = approver_socket(text);
	const char *words = approver_words(text);
	int r = socket ? check_one(spec, "the approver", socket, err) : 0;

	for (bool first = true; r == 0 && words && *words; first = false) {
		const size_t len = strcspn(words, " ");
		_cleanup_free_ char *word = xstrndup(words, len);

		if (first && len && !strchr(word, '/'))
			r = check_program(spec, word, err);
		else if (len && access(word, F_OK) == 0)
			r = check_one(spec, "the approver", word, err);
		words += len + (words[len] == ' ');
	}
	return r;
}

static bool may_write_on_host(const struct spec *spec)
{
	for (size_t i = 0; i < spec->mount_count; i++)
		if (spec->mounts[i].kind == MOUNT_BIND && spec->mounts[i].writable)
			return true;
	return false;
}

int reach_check(const struct plan *plan, const struct session_options *options, struct error *err)
{
	const struct spec *spec = &plan->spec;
	_cleanup_free_ char *launcher = NULL;
	_cleanup_free_ char *families = NULL;
	int r = check_state(plan, err);

	if (r < 0 || !may_write_on_host(spec))
		return r;
	r = check_one(spec, "the record", plan->record_path, err);
	for (size_t i = 0; r == 0 && i < options->policy_count; i++)
		r = check_one(spec, "the policy", options->policies[i], err);
	if (r == 0 && !options->policy_count && paths_policies(&families, NULL) == 0)
		r = check_one(spec, "the policies that ship,", families, err);
	if (r == 0 && options->spec_path)
		r = check_one(spec, "the spec", options->spec_path, err);
	if (r == 0)
		r = check_approver(spec, options->approver, err);
	if (r == 0 && paths_launcher(&launcher, NULL) == 0)
		r = check_one(spec, "cordon's launcher", launcher, err);
	return r;
}
