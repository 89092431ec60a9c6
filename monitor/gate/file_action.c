/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/file_action.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/gate/resolve.h"

static const char *const op_names[HANDS_OPS] = {
	[HANDS_TRUNCATE] = "truncate", [HANDS_RENAME] = "rename",	 [HANDS_LINK] = "link",
	[HANDS_SYMLINK] = "symlink",   [HANDS_UNLINK] = "unlink",	 [HANDS_MKDIR] = "mkdir",
	[HANDS_MKNOD] = "mknod",       [HANDS_CHMOD] = "chmod",		 [HANDS_CHOWN] = "chown",
	[HANDS_SETXATTR] = "setxattr", [HANDS_REMOVEXATTR] = "setxattr", [HANDS_UTIME] = "utime",
};

int file_places_take(const struct file_call *call, const struct hands_reply *reply,
		     const struct msg_fds *fds, struct file_places *ret)
{
	unsigned next = 0;

	*ret = (struct file_places){reply, {-1, -1}, {-1, -1}};
	for (unsigned i = 0; i < call->request.paths; i++) {
		const struct hands_place *place = &reply->place[i];

		if (place->last[sizeof(place->last) - 1] ||
		    next + (place->has_parent != 0) + (place->has_target != 0) > fds->count)
			return -EPROTO;
		if (place->has_parent)
			ret->parent_fd[i] = fds->fd[next++];
		if (place->has_target)
			ret->target_fd[i] = fds->fd[next++];
	}
	return 0;
}

bool file_is_missing(const struct file_call *call, const struct file_places *places)
{
	const uint32_t op = call->request.op;

	if (places->target_fd[0] >= 0 || op == HANDS_SYMLINK || op == HANDS_MKDIR ||
	    op == HANDS_MKNOD || op == HANDS_BIND)
		return false;
	return op != HANDS_OPEN || !(call->request.flags & O_CREAT);
}

/* Of a descriptor of ours, as the session sees it. Errors: of kernel_name(). */
static int name_of(struct target *target, int file_fd, char *to, size_t size)
{
	const int r = kernel_name(file_fd, to, size);

	if (r == 0 && (to[0] != '/' || !target_strip_root(target, to)))
		mark_unreachable(to);
	return r;
}

/* The file that is there, or (@by_name: always) the name in its folder. */
static int place_name(struct target *target, const struct file_places *places, unsigned i,
		      bool by_name, char *to, size_t size)
{
	const int parent_fd = places->parent_fd[i];
	const int target_fd = places->target_fd[i];
	size_t len;
	int r;

	if (target_fd >= 0 && (!by_name || parent_fd < 0))
		return name_of(target, target_fd, to, size);
	r = name_of(target, parent_fd, to, size - HANDS_MAX_NAME);
	if (r < 0)
		return r;
	len = strlen(to);
	if (len && to[len - 1] == '/')
		len--;
	(void)snprintf(to + len, size - len, "/%s", places->reply->place[i].last);
	for (len = strlen(to); len > 1 && to[len - 1] == '/'; len--)
		to[len - 1] = '\0';
	return 0;
}

static const char *provenance_of(const struct file_action *about, const struct file_places *places,
				 const struct files_config *config)
{
	const int any_fd = places->target_fd[0] >= 0 ? places->target_fd[0] : places->parent_fd[0];

	if (path_is_below_any(about->path, config->host_bound) ||
	    path_is_below_any(about->target, config->host_bound))
		return "host-bound";
	if (path_is_below(about->path, config->owners.workspace))
		return "workspace";
	return is_of_image(&config->owners, any_fd, about->path) ? "image" : "session";
}

static int fill_names(struct file_action *about, const struct file_call *call,
		      const struct file_places *places, struct target *target)
{
	const enum hands_op op = (enum hands_op)call->request.op;
	const bool by_name = op == HANDS_RENAME || op == HANDS_SYMLINK || op == HANDS_UNLINK ||
			     op == HANDS_MKDIR || op == HANDS_MKNOD || op == HANDS_BIND;
	const int r = place_name(target, places, 0, by_name, about->path, sizeof(about->path));

	if (r < 0 || (op != HANDS_RENAME && op != HANDS_LINK))
		return r;
	return place_name(target, places, 1, true, about->target, sizeof(about->target));
}

/* What stands behind the path in the payload. */
static struct str text_of(const struct file_call *call)
{
	return str_of(call->payload.data + strlen(call->payload.data) + 1);
}

static enum action_kind kind_of(enum hands_op op)
{
	if (op == HANDS_BIND)
		return ACTION_BIND;
	return op == HANDS_OPEN ? ACTION_FILE_OPEN : ACTION_FILE_CHANGE;
}

/* As of one that is not carried out (decode_net.c). */
static void fill_bind(struct file_action *about, const struct files_config *config)
{
	struct action *action = &about->action;

	action->target = (struct str){0};
	action->family = STR("unix");
	action->protocol = STR("other");
	action->address = action->host = STR("");
	action->loopback = true;
	action->provenance = str_of(
		new_socket_provenance(about->path, config->owners.workspace, config->host_bound));
}

int file_action_new(const struct file_call *call, const struct file_places *places,
		    const struct files_config *config, struct file_action **ret)
{
	const struct hands_request *request = &call->request;
	struct file_action *about = xcalloc(1, sizeof(*about));
	struct action *action = &about->action;
	const int r = fill_names(about, call, places, config->target);

	if (r < 0) {
		file_action_free(about);
		return r;
	}
	action->kind = kind_of((enum hands_op)request->op);
	action->exec_id = config->exec_id;
	action->pid = call->pid;
	action->exe = str_of(call->exe);
	action->path = str_of(about->path);
	action->target = str_of(about->target);
	if (request->op == HANDS_SYMLINK)
		action->target = text_of(call);
	if (request->op == HANDS_BIND) {
		fill_bind(about, config);
		*ret = about;
		return 0;
	}
	action->op = str_of(op_names[request->op]);
	if (request->op == HANDS_UNLINK && (request->flags & AT_REMOVEDIR))
		action->op = STR("rmdir");
	action->write = true;
	action->create = request->op == HANDS_OPEN && (request->flags & O_CREAT);
	/* The hands open what is there, or make what is not: neither in place of the other. */
	action->created = action->create && places->target_fd[0] < 0;
	action->cut = request->op == HANDS_OPEN && (request->flags & O_TRUNC);
	action->provenance = str_of(provenance_of(about, places, config));
	*ret = about;
	return 0;
}

/* A copy in @room. */
static struct str copied(struct str text, char *room, size_t size)
{
	const size_t len = text.len < size ? text.len : size;

	if (len)
		memcpy(room, text.at, len);
	return (struct str){room, len};
}

struct file_action *file_action_of_connect(const struct action *action)
{
	struct file_action *about = xcalloc(1, sizeof(*about));

	about->action = (struct action){
		.kind = action->kind,
		.exec_id = action->exec_id,
		.pid = action->pid,
		.family = action->family,
		.port = action->port,
		.address = copied(action->address, about->address, sizeof(about->address)),
		.path = copied(action->path, about->path, sizeof(about->path)),
		.exe = copied(action->exe, about->target, sizeof(about->target))};
	return about;
}

bool file_action_is_near_host(const struct file_action *about, const struct files_config *config)
{
	const char *name = strrchr(about->path, '/');
	const size_t len = name ? (size_t)(name - about->path) : 0;

	if (path_is_below_any(about->path, config->host_bound))
		return true;
	for (const char *const *at = config->host_bound; at && *at; at++)
		if (strncmp(*at, about->path, len) == 0 && (*at)[len] == '/')
			return true;
	return false;
}

void file_action_free(struct file_action *about)
{
	free(about);
}
