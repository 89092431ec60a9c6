/* SPDX-License-Identifier: Apache-2.0 */

/* --mode=learn: at a session's end, what would have allowed it, from its own record. */

#include "tools/cordon/policy/learn_session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "tools/cordon/policy/learn.h"
#include "tools/toolkit/paths.h"

int learn_session_start(const struct session_options *options, struct learn_session *ret,
			struct error *err)
{
	*ret = (struct learn_session){.options = options, .file_fd = -1};
	if (options->learns &&
	    learn_check_policies(options->policies, options->policy_count, err) < 0)
		return err->code;
	if (!options->learns || !options->learn_path)
		return 0;
	ret->file_fd =
		open(options->learn_path,
		     O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	return ret->file_fd < 0
		       ? error_errno(err, errno, "open %s for what is learned", options->learn_path)
		       : 0;
}

static int write_all(int file_fd, const struct buf *text)
{
	for (size_t done = 0; done < text->len;) {
		const ssize_t n = write(file_fd, text->data + done, text->len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Absolute, so that the diff can be applied from anywhere. */
static int policies_of(const struct session_options *o, const char ***ret, size_t *ret_count,
		       struct error *err)
{
	const size_t count = o->policy_count ? o->policy_count : 1;
	_cleanup_free_ char *shipped = NULL;
	const int r = o->policy_count ? 0 : paths_policies(&shipped, err);
	const char **paths;

	if (r < 0)
		return r;
	paths = xcalloc(count, sizeof(*paths));
	for (size_t i = 0; i < count; i++) {
		const char *path = shipped ? shipped : o->policies[i];
		char *whole = realpath(path, NULL);

		paths[i] = whole ? whole : xstrdup(path);
	}
	*ret = paths;
	*ret_count = count;
	return 0;
}

/* Where policies are: in the folder that was named, or beside the file. */
static char *learned_name(const char *policy)
{
	const char *slash = strrchr(policy, '/');
	struct stat st;

	if (stat(policy, &st) == 0 && S_ISDIR(st.st_mode))
		return xasprintf("%s/" LEARNED_NAME, policy);
	return xasprintf("%.*s" LEARNED_NAME, slash ? (int)(slash - policy) + 1 : 0, policy);
}

static int propose(const struct session_options *o, const char *record, struct buf *out,
		   struct error *err)
{
	_cleanup_free_ char *name = NULL;
	const char **paths = NULL;
	struct learn_request request = {.record = record, .more = o->policy_text};
	int r = policies_of(o, &paths, &request.count, err);

	if (r < 0)
		return r;
	name = learned_name(paths[0]);
	request.paths = paths;
	request.name = name;
	r = learn_from(&request, out, err);
	for (size_t i = 0; i < request.count; i++)
		free(without_const(paths[i]));
	free(paths);
	return r;
}

static int put(struct learn_session *learn, const char *record, const struct buf *out,
	       struct error *err)
{
	_cleanup_free_ char *beside = xasprintf("%s.diff", record);
	const char *path = learn->options->learn_path ? learn->options->learn_path : beside;
	int r = 0;

	if (learn->file_fd < 0)
		learn->file_fd =
			open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600);
	if (learn->file_fd < 0 || (ftruncate(learn->file_fd, 0) < 0 && errno != EINVAL))
		r = -errno;
	if (r == 0)
		r = write_all(learn->file_fd, out);
	if (r < 0)
		return error_errno(err, r, "write what was learned to %s", path);
	if (out->len)
		log_info(
			"what would have to be allowed is in %s: read it, then patch -d / -p0 < %s",
			path, path);
	else
		log_info("nothing of this run is refused: there is nothing to allow");
	return 0;
}

int learn_session_end(struct learn_session *learn, const char *record)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct error err = {0};
	int r = 0;

	if (learn->options->learns) {
		r = propose(learn->options, record, &out, &err);
		if (r == 0)
			r = put(learn, record, &out, &err);
	}
	if (r < 0)
		log_error("nothing was learned: %s", err.text);
	close_fd(&learn->file_fd);
	return r;
}
