/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/paths.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "sandbox/compat/libc.h"

#define WHOLE "cordon-main"

/* Of the command whose whole program lies there: beside it, or where it is installed. */
static char *command_dir(const char *whole_dir)
{
	_cleanup_free_ char *beside = xasprintf("%s/cordon", whole_dir);
	_cleanup_free_ char *installed = xasprintf("%s/" CORDON_BIN_DIR, whole_dir);
	char path[PATH_MAX];

	return xstrdup(access(beside, F_OK) < 0 && realpath(installed, path) ? path : whole_dir);
}

/* The folder that holds the command which is running. */
static char *binary_dir(void)
{
	char path[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	return slash && strcmp(slash + 1, WHOLE) == 0 ? command_dir(path) : xstrdup(path);
}

static int first_that_is(char **candidates, int mode, char **ret)
{
	int r = -ENOENT;

	for (size_t i = 0; candidates[i]; i++) {
		if (r < 0 && access(candidates[i], mode) == 0) {
			*ret = candidates[i];
			r = 0;
		} else {
			free(candidates[i]);
		}
	}
	return r;
}

/* A part of ours that nobody starts by hand: beside the command, or where it is installed. */
static int find_helper(const char *name, int how, char **ret, struct error *err)
{
	_cleanup_free_ char *dir = binary_dir();
	char *candidates[] = {xasprintf("%s/%s", dir ? dir : "", name),
			      xasprintf("%s/" CORDON_LIBEXEC_DIR "/%s", dir ? dir : "", name),
			      NULL};

	if (first_that_is(candidates, how, ret) < 0)
		return error_set(err, ENOENT,
				 "%s is neither beside the cordon binary (%s) nor in %s from "
				 "there; build or install it again",
				 name, dir ? dir : "?", CORDON_LIBEXEC_DIR);
	return 0;
}

int paths_launcher(char **ret, struct error *err)
{
	return find_helper("cordon-launch", X_OK, ret, err);
}

int paths_prover(char **ret, struct error *err)
{
	return find_helper("cordon-prove", X_OK, ret, err);
}

int paths_tls_module(char **ret, struct error *err)
{
	return find_helper("cordon-tls.so", R_OK, ret, err);
}

int paths_whole(char **ret, struct error *err)
{
	return find_helper(WHOLE, X_OK, ret, err);
}

int paths_policies(char **ret, struct error *err)
{
	_cleanup_free_ char *dir = binary_dir();
	/* A build tree stands in its source tree or names it; an installed one has its own copy. */
	char *candidates[] = {xasprintf("%s/policies", dir ? dir : ""),
			      xasprintf("%s/../policies", dir ? dir : ""),
			      xasprintf("%s/" CORDON_DATA_DIR "/policies", dir ? dir : ""), NULL};

	if (first_that_is(candidates, R_OK, ret) < 0)
		return error_set(err, ENOENT,
				 "the policies that ship with cordon are neither beside the binary "
				 "(%s) nor in %s from there; name some with --policy",
				 dir ? dir : "?", CORDON_DATA_DIR "/policies");
	return 0;
}

static int make_dirs(const char *path, struct error *err)
{
	_cleanup_free_ char *work = NULL;

	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0; /* as mostly */
	work = xstrdup(path);
	for (char *at = work + 1;; at++) {
		const char kept = *at;

		if (kept != '/' && kept != '\0')
			continue;
		*at = '\0';
		if (mkdir(work, 0700) < 0 && errno != EEXIST)
			return error_set(err, errno,
					 "cannot make the state folder %s, at %s: %s; "
					 "CORDON_STATE_DIR names another",
					 path, work, strerrordesc_np(errno));
		if (kept == '\0')
			return 0;
		*at = kept;
	}
}

int paths_check_own(const char *what, const char *path, const struct stat *st, unsigned others,
		    struct error *err)
{
	if (st->st_uid != geteuid())
		return error_set(err, EPERM,
				 "%s %s belongs to user %u, not to you; choose another state "
				 "folder with CORDON_STATE_DIR",
				 what, path, (unsigned)st->st_uid);
	if (st->st_mode & others)
		return error_set(err, EPERM,
				 "%s %s is open to others (mode %o); chmod go-%s it, or choose "
				 "another state folder with CORDON_STATE_DIR",
				 what, path, (unsigned)st->st_mode & 0777,
				 (others & 044) ? "rwx" : "w");
	return 0;
}

/* Whoever else may write there could put a folder or a key of his own in the place of ours. */
static int check_state(const char *path, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_errno(err, errno, "look at the state folder %s", path);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ENOTDIR,
				 "the state folder %s is no folder; CORDON_STATE_DIR names another",
				 path);
	return paths_check_own("the state folder", path, &st, 022, err);
}

int paths_state_dir(char **ret, struct error *err)
{
	const char *chosen = getenv("CORDON_STATE_DIR");
	const char *xdg = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	_cleanup_free_ char *path = NULL;
	int r;

	if (chosen && chosen[0] == '/')
		path = xstrdup(chosen);
	else if (chosen)
		return error_set(err, EINVAL,
				 "CORDON_STATE_DIR=%s: the state folder has to be an absolute path",
				 chosen);
	else if (geteuid() == 0)
		path = xstrdup("/var/lib/cordon");
	else if (xdg && xdg[0] == '/')
		path = xasprintf("%s/cordon", xdg);
	else if (home && home[0] == '/')
		path = xasprintf("%s/.local/state/cordon", home);
	else
		return error_set(
			err, ENOENT,
			"there is no state folder: none of CORDON_STATE_DIR, XDG_STATE_HOME "
			"and HOME is an absolute path; set one of them");
	r = make_dirs(path, err);
	if (!r)
		r = check_state(path, err);
	if (r < 0)
		return r;
	*ret = take_ptr(path);
	return 0;
}

static int make_below_state(const char *below, const char *name, char **ret, struct error *err)
{
	_cleanup_free_ char *state = NULL;
	_cleanup_free_ char *path = NULL;
	int r;

	r = paths_state_dir(&state, err);
	if (r < 0)
		return r;
	path = xasprintf("%s/%s%s", state, below, name);
	r = make_dirs(path, err);
	if (r < 0)
		return r;
	*ret = take_ptr(path);
	return 0;
}

int paths_session_dir(const char *session, char **ret, struct error *err)
{
	return make_below_state("sessions/", session, ret, err);
}

int paths_live_dir(char **ret, struct error *err)
{
	return make_below_state("live", "", ret, err);
}

int paths_ready_dir(char **ret, struct error *err)
{
	return make_below_state("ready", "", ret, err);
}

int paths_record_key(char **ret, struct error *err)
{
	_cleanup_free_ char *state = NULL;
	int r;

	r = paths_state_dir(&state, err);
	if (r < 0)
		return r;
	*ret = xasprintf("%s/record.key", state);
	return 0;
}
