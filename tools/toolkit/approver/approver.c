/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/approver/approver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "tools/toolkit/approver/face.h"

#define UNIX_PREFIX    "unix:"
#define COMMAND_PREFIX "command:"

static const char *after(const char *text, const char *prefix)
{
	const size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

const char *approver_socket(const char *text)
{
	return text ? after(text, UNIX_PREFIX) : NULL;
}

const char *approver_words(const char *text)
{
	return text ? after(text, COMMAND_PREFIX) : NULL;
}

static int is_program(const char *path)
{
	struct stat st;

	if (access(path, X_OK) < 0 || stat(path, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? 0 : -EACCES; /* as execve(2) has it */
}

/* As execvp(3) will look for it. */
static int find_program(const char *name)
{
	const char *folders = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe) */
	int r = -ENOENT;

	if (strchr(name, '/'))
		return is_program(name);
	while (r < 0 && folders && *folders) {
		const size_t len = strcspn(folders, ":");
		_cleanup_free_ char *path =
			xasprintf("%.*s/%s", len ? (int)len : 1, len ? folders : ".", name);

		r = is_program(path);
		folders += len + (folders[len] == ':');
	}
	return r;
}

static int check_words(const char *words, struct error *err)
{
	const char *first = words + strspn(words, " ");
	_cleanup_free_ char *name = xstrndup(first, strcspn(first, " "));
	unsigned count = 0;
	int r;

	if (!*name)
		return error_set(err, EINVAL,
				 "command: is followed by a program and its arguments");
	for (const char *word = words; word; word = strchr(word + 1, ' '))
		if (++count > MAX_APPROVER_WORDS)
			return error_set(err, EINVAL,
					 "command: takes a program and at most 63 arguments");
	r = find_program(name);
	return r < 0 ? error_errno(err, r, "%s, which is to be asked, cannot be run", name) : 0;
}

int approver_check(const char *text, struct error *err)
{
	const char *path = after(text, UNIX_PREFIX);
	const char *words = after(text, COMMAND_PREFIX);

	if (path && (!*path || strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)))
		return error_set(err, EINVAL,
				 "unix: is followed by the path of a socket, of at most 107 bytes");
	/* It is connected when there is something to ask, and may be started until then. */
	if (path && access(path, F_OK) < 0)
		log_warning("--approver %s: nobody is there yet (%s); what is asked before "
			    "somebody listens there is refused",
			    text, strerrordesc_np(errno));
	if (words)
		return check_words(words, err);
	if (path || strcmp(text, "console") == 0 || strcmp(text, "none") == 0 ||
	    approver_is_client(text))
		return 0;
	return error_set(err, EINVAL,
			 "must be none, console, unix:PATH, command:PROGRAM ARGUMENT... or, of "
			 "cordon mcp, mcp");
}

bool approver_is_client(const char *text)
{
	return text && strcmp(text, "mcp") == 0;
}

struct approver *approver_open(const char *text, const struct approver_host *host)
{
	struct face *face;

	if (!text || strcmp(text, "none") == 0)
		return NULL;
	if (after(text, UNIX_PREFIX))
		face = approver_unix_new(after(text, UNIX_PREFIX));
	else if (after(text, COMMAND_PREFIX))
		face = approver_command_new(after(text, COMMAND_PREFIX));
	else
		face = approver_console_new();
	face->host = *host;
	face->name = text;
	return &face->approver;
}

static struct face *face_of(struct approver *approver)
{
	return (struct face *)approver;
}

static void ignore(void *ctx, uint64_t id, const struct reply *reply)
{
	(void)ctx;
	(void)id;
	(void)reply;
}

void approver_close(struct approver *approver)
{
	if (!approver)
		return;
	approver->replied = ignore;
	face_of(approver)->open_count = 0;
	face_of(approver)->close(face_of(approver));
}

int face_note(struct face *face, uint64_t id)
{
	if (face->open_count == MAX_OPEN_QUESTIONS)
		return -ENOBUFS;
	face->open[face->open_count++] = id;
	return 0;
}

void face_tell(struct face *face, const char *reason)
{
	if (!face->is_told)
		log_warning("--approver %s: %s; what it is to be asked is refused", face->name,
			    reason);
	face->is_told = true;
}

static bool face_is_open(const struct face *face, uint64_t id)
{
	for (unsigned i = 0; i < face->open_count; i++)
		if (face->open[i] == id)
			return true;
	return false;
}

void face_forget(struct face *face, uint64_t id)
{
	for (unsigned i = 0; i < face->open_count; i++)
		if (face->open[i] == id)
			face->open[i--] = face->open[--face->open_count];
}

void face_reply(struct face *face, uint64_t id, const struct reply *reply)
{
	if (!face_is_open(face, id))
		return;
	face_forget(face, id);
	face->approver.replied(face->approver.ctx, id, reply);
}

void face_fail_all(struct face *face, const char *by, const char *failure)
{
	const struct reply reply = {.by = by, .failure = failure};
	uint64_t ids[MAX_OPEN_QUESTIONS];
	const unsigned count = face->open_count;

	/* What is asked meanwhile is asked of what comes next. */
	memcpy(ids, face->open, count * sizeof(ids[0]));
	face->open_count = 0;
	for (unsigned i = 0; i < count; i++)
		face->approver.replied(face->approver.ctx, ids[i], &reply);
}
