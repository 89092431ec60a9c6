/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "common/cleanup.h"
#include "common/release.h"
#include "monitor/gate/address.h"
#include "monitor/gate/decode.h"
#include "monitor/gate/file_action.h"
#include "monitor/gate/socket.h"
#include "monitor/gate/unix_owner.h"

#define MAX_MESSAGES 1024 /* UIO_MAXIOV: sendmmsg(2) silently takes no more */

/* One destination as read from the child. */
struct destination {
	uint32_t len;
	uint8_t bytes[MAX_ADDRESS_BYTES];
};

struct net_call {
	enum action_kind kind;
	int socket_number;
	bool looked;	/* at the socket */
	int socket_fd;	/* what the number stands for, owned; negative: an errno */
	int carried_fd; /* a duplicate of that, for whoever carries the call out; owned */
	int file_fd;	/* where its path led; owned */
	struct file_action *about; /* what whoever carries it out was allowed; owned */
	const char *protocol;
	const char *provenance; /* of a UNIX socket's file, else NULL */
	bool missing;		/* a path that nothing is at */
	bool in_own_folder;	/* of that: nobody but the session can put a socket there */
	bool is_list;		/* of messages, of which the kernel sends those before a failure */
	int64_t bytes;		/* of sendto, else 0 */
};

static bool is_carried(const struct decode *d, const struct net_call *call)
{
	return d->carries_connects && call->kind == ACTION_CONNECT;
}

/* Fills protocol and socket_fd. What is no socket is answered with what the call itself would say.
 */
static int look_at_socket(struct decode *d, struct net_call *call, const struct address *address)
{
	if (!call->looked)
		call->socket_fd = target_socket(&d->target, call->socket_number);
	call->looked = true;
	if (call->socket_fd < 0)
		return call->socket_fd == -EBADF ? -EBADF : 0;
	return socket_protocol(call->socket_fd, strncmp(address->family, "inet", 4) == 0,
			       &call->protocol);
}

/*
 * Whose socket it is. On a read-only mount the session cannot have made one: it belongs to a
 * process outside, whom the network namespace does not keep away, for a socket's file is looked up
 * by path. In a folder that host and session both write to, the kernel's list tells.
 */
static const char *socket_provenance(const struct decode *d, int file_fd)
{
	struct stat st;

	if (is_read_only(file_fd))
		return provenance_name(PROVENANCE_IMAGE);
	if (path_is_below_any(d->socket_path, d->host_bound) &&
	    (fstat(file_fd, &st) < 0 || !unix_is_inside(d->diag_fd, &st)))
		return provenance_name(PROVENANCE_HOST_BOUND);
	return new_socket_provenance(d->socket_path, d->owners.workspace, NULL);
}

/* Canonical path of a socket's name that is not there: it is the folder that is resolved. */
static int resolve_in_folder(struct decode *d, struct net_call *call, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char folder[MAX_ADDRESS_BYTES + 2];
	_cleanup_close_ int file_fd = -1;
	bool reachable;
	bool nameless;

	(void)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 1,
		       slash ? path : ".");
	int r = resolve_path(&d->target, AT_FDCWD, folder, 0, &file_fd);

	if (r == 0)
		r = resolve_name(&d->target, file_fd, d->socket_path, sizeof(d->image.path),
				 &reachable, &nameless);
	if (r < 0)
		return r;
	const size_t len = strlen(d->socket_path);
	const bool at_root = len && d->socket_path[len - 1] == '/';

	if (len + strlen(name) + 2 > sizeof(d->socket_path))
		return -ENAMETOOLONG;
	(void)snprintf(d->socket_path + len, sizeof(d->socket_path) - len, "%s%s",
		       at_root ? "" : "/", name);
	call->in_own_folder =
		!is_read_only(file_fd) && !path_is_below_any(d->socket_path, d->host_bound);
	return 0;
}

/*
 * Canonical path of a socket's name. That somebody asks for one that is not there is told, too; its
 * folder may be missing as well, and then the name is as it was given.
 */
static int resolve_socket(struct decode *d, struct net_call *call, const char *path)
{
	_cleanup_close_ int file_fd = -1;
	bool reachable;
	bool nameless;
	int r;

	if (call->kind == ACTION_BIND) {
		r = resolve_in_folder(d, call, path);
		call->provenance =
			new_socket_provenance(d->socket_path, d->owners.workspace, d->host_bound);
		return r;
	}
	r = resolve_path(&d->target, AT_FDCWD, path, 0, &file_fd);
	if (r == -ENOENT) {
		call->missing = true;
		if (resolve_in_folder(d, call, path) < 0)
			(void)snprintf(d->socket_path, sizeof(d->socket_path), "%s", path);
		return 0;
	}
	if (r == 0)
		r = resolve_name(&d->target, file_fd, d->socket_path, sizeof(d->socket_path),
				 &reachable, &nameless);
	if (r == 0)
		call->provenance = socket_provenance(d, file_fd);
	if (r == 0 && is_carried(d, call))
		call->file_fd = take_fd(&file_fd);
	return r;
}

static int decide_address(struct decode *d, struct net_call *call, const struct address *address,
			  struct str path, struct gate_answer *ret)
{
	struct action action;
	/* All is read by now: that whoever it was read of is the caller is known from here on. */
	const int r = decode_actor(d, call->kind, &action);

	if (r < 0)
		return r;
	action.family = str_of(address->family);
	action.protocol = str_of(call->protocol);
	action.address = str_of(address->text);
	action.host = action.address;
	action.port = address->port;
	action.loopback = address->loopback;
	action.bytes = call->bytes;
	action.path = path;
	action.provenance = str_of(call->provenance);
	d->ops->decide(
		d->ctx,
		&(struct gate_request){.action = &action,
				       .tid = d->target.tid,
				       .socket_fd = call->socket_fd > 0 ? &call->socket_fd : NULL},
		ret);
	/*
	 * What the kernel would say; it is not asked, for something may be there by then. Of a list
	 * it would also have sent what comes before, which nobody can do in its place: it is asked
	 * where that something could only be the session's own.
	 */
	if (call->missing && ret->proceed && !(call->is_list && call->in_own_folder)) {
		*ret = (struct gate_answer){.errno_value = ENOENT};
		if (call->kind == ACTION_CONNECT)
			decode_answered(d, &action, ENOENT);
	} else if (ret->proceed && is_carried(d, call)) {
		call->about = file_action_of_connect(&action);
	}
	return 0;
}

static bool is_udp(const struct net_call *call)
{
	return strcmp(call->protocol, "udp") == 0;
}

/*
 * A connect of UDP waits for nobody and asks for no rights, and all of it is in the socket, its
 * network as well: nobody else is needed for it.
 */
static int connect_at_once(struct decode *d, struct net_call *call, const struct destination *to,
			   struct gate_answer *ret)
{
	struct sockaddr_storage address;
	int error = 0;

	if (!d->ops->is_valid(d->ctx))
		return DECODE_GONE;
	memcpy(&address, to->bytes, to->len);
	if (connect(call->carried_fd, (const struct sockaddr *)&address, to->len) < 0)
		error = errno;
	if (call->about)
		decode_answered(d, &call->about->action, error);
	*ret = (struct gate_answer){.done = !error, .errno_value = error};
	return 0;
}

static bool is_unix(int socket_fd)
{
	int domain;

	return socket_fd >= 0 && socket_ask(socket_fd, SO_DOMAIN, &domain) == 0 &&
	       domain == AF_UNIX;
}

static int decide_bytes(struct decode *d, struct net_call *call, const struct destination *to,
			struct gate_answer *ret)
{
	struct address address;
	struct str path = {0};
	const int decoded = address_decode(to->bytes, to->len, call->kind, &address);
	int r;

	/* It leads nowhere, on whatever socket. */
	if (decoded == ADDRESS_NONE && !is_carried(d, call)) {
		ret->proceed = true;
		return 0;
	}
	r = look_at_socket(d, call, &address);
	if (r < 0 || decoded < 0)
		return r < 0 ? r : decoded;
	if (is_carried(d, call)) {
		/* The owner may keep the other one. What cannot be carried out is refused. */
		call->carried_fd = fcntl(call->socket_fd, F_DUPFD_CLOEXEC, 0);
		if (call->carried_fd < 0)
			return call->socket_fd < 0 ? -EPERM : -errno;
	}
	if (decoded == ADDRESS_NONE) {
		ret->proceed = true;
		return 0;
	}
	/* The kernel would read the address again, and take the descriptor that is there then. */
	if (call->kind == ACTION_BIND && address.is_path && d->carries_binds &&
	    is_unix(call->socket_fd))
		return decode_bind(d, address.path, &call->socket_fd);
	call->provenance = NULL;
	call->missing = false;
	call->in_own_folder = false;
	if (address.is_path) {
		r = resolve_socket(d, call, address.path);
		if (r < 0)
			return r;
		path = str_of(d->socket_path);
	} else if (address.path_len) {
		path = (struct str){address.path, address.path_len};
	}
	return decide_address(d, call, &address, path, ret);
}

static int read_destination(struct decode *d, uint64_t at, uint64_t len, struct destination *ret)
{
	if (len > MAX_ADDRESS_BYTES)
		return -EINVAL;
	ret->len = (uint32_t)len;
	return child_mem_read(&d->mem, at, ret->bytes, ret->len);
}

static int decode_single(struct decode *d, struct net_call *call, uint64_t at, uint64_t len,
			 struct gate_answer *ret)
{
	struct destination to;
	int r = read_destination(d, at, len, &to);

	return r < 0 ? r : decide_bytes(d, call, &to, ret);
}

/*
 * The kernel would read the address again, and take the descriptor that is there then; a path could
 * lead to a socket of the host by that time, even that of a call that was about something else.
 */
static int decode_connection(struct decode *d, struct net_call *call, uint64_t at, uint64_t len,
			     struct gate_answer *ret)
{
	struct destination to;
	struct address address;
	struct connection to_make;
	int r = read_destination(d, at, len, &to);
	bool by_path;

	if (r == 0)
		r = decide_bytes(d, call, &to, ret);
	if (r != 0 || !ret->proceed || !is_carried(d, call))
		return r;
	if (is_udp(call))
		return connect_at_once(d, call, &to, ret);
	(void)address_decode(to.bytes, to.len, call->kind, &address);
	by_path = call->file_fd >= 0 && is_unix(call->carried_fd);
	to_make = (struct connection){.socket_fd = &call->carried_fd,
				      .path = by_path ? address.path : NULL,
				      .file_fd = &call->file_fd,
				      .bytes = to.bytes,
				      .len = to.len,
				      .about = call->about};
	call->about = NULL;
	return decode_connect(d, &to_make);
}

/* The address is that of the socket: the call has none. */
static int decode_listen(struct decode *d, struct net_call *call, struct gate_answer *ret)
{
	union {
		struct sockaddr_storage storage;
		struct sockaddr generic;
		uint8_t bytes[sizeof(struct sockaddr_storage)];
	} name = {0};

	socklen_t len = sizeof(name);
	struct address address = {.family = "other"};
	int r;

	r = look_at_socket(d, call, &address);
	if (r < 0)
		return r;
	if (call->socket_fd >= 0 && (getsockname(call->socket_fd, &name.generic, &len) < 0 ||
				     address_decode(name.bytes, len, call->kind, &address) < 0))
		return -EACCES;
	return decide_address(d, call, &address, (struct str){address.path, address.path_len}, ret);
}

/* Where a message goes; *ret_at is 0 if it names no address. */
static int message_name(const struct msghdr *message, uint64_t *ret_at, uint32_t *ret_len)
{
	const int len = (int)message->msg_namelen;

	if (len < 0)
		return -EINVAL;
	*ret_at = len ? (uint64_t)(uintptr_t)message->msg_name : 0;
	/* The kernel cuts here where it refuses elsewhere. */
	*ret_len = (unsigned)len > MAX_ADDRESS_BYTES ? MAX_ADDRESS_BYTES : (unsigned)len;
	return 0;
}

/* Reads the destination of each message that has one, repeated ones once, into d->bytes. */
static int read_messages(struct decode *d, uint64_t at, unsigned count, size_t stride)
{
	struct destination to;
	struct msghdr message;
	uint64_t name_at = 0;
	uint32_t name_len = 0;

	for (unsigned i = 0; i < count; i++) {
		int r = child_mem_read(&d->mem, at + i * stride, &message, sizeof(message));

		if (r == 0)
			r = message_name(&message, &name_at, &name_len);
		if (r < 0)
			return r;
		if (!name_at)
			continue;
		memset(&to, 0, sizeof(to));
		r = read_destination(d, name_at, name_len, &to);
		if (r < 0)
			return r;
		if (d->bytes.len >= sizeof(to) &&
		    memcmp(d->bytes.data + d->bytes.len - sizeof(to), &to, sizeof(to)) == 0)
			continue;
		buf_put(&d->bytes, &to, sizeof(to));
	}
	return 0;
}

/* A kill, then a refusal, then what is not decided yet. */
static unsigned strictness(const struct gate_answer *answer)
{
	if (answer->kill_execution)
		return 3;
	if (answer->later)
		return 1;
	return answer->proceed ? 0 : 2;
}

static void keep_stricter(struct gate_answer *strictest, const struct gate_answer *one)
{
	if (strictness(one) > strictness(strictest))
		*strictest = *one;
}

/* sendmsg and sendmmsg: the strictest answer to any message is the answer to all. */
static int decode_messages(struct decode *d, struct net_call *call, uint64_t at, unsigned count,
			   struct gate_answer *ret)
{
	struct gate_answer strictest = {.proceed = true};
	int r = read_messages(d, at, count, sizeof(struct mmsghdr));

	if (r < 0)
		return r;
	for (size_t i = 0; i < d->bytes.len; i += sizeof(struct destination)) {
		struct gate_answer one = {.errno_value = EPERM};
		struct destination to;

		memcpy(&to, d->bytes.data + i, sizeof(to));
		r = decide_bytes(d, call, &to, &one);
		if (r == DECODE_GONE)
			return r;
		if (r < 0)
			one = (struct gate_answer){.errno_value = -r};
		keep_stricter(&strictest, &one);
	}
	*ret = strictest;
	return 0;
}

static int decode_call_of(struct decode *d, const struct seccomp_data *data, struct net_call *call,
			  struct gate_answer *ret)
{
	const unsigned messages = (unsigned)data->args[2];

	switch (data->nr) {
	/* The length is an int for the kernel; a negative one becomes too long here. */
	case SYS_connect:
		call->kind = ACTION_CONNECT;
		return decode_connection(d, call, data->args[1], (uint32_t)data->args[2], ret);
	case SYS_bind:
		call->kind = ACTION_BIND;
		return decode_single(d, call, data->args[1], (uint32_t)data->args[2], ret);
	case SYS_listen:
		call->kind = ACTION_LISTEN;
		return decode_listen(d, call, ret);
	case SYS_sendto:
		call->kind = ACTION_SEND;
		if (!data->args[4] || !(uint32_t)data->args[5]) {
			ret->proceed = true;
			return 0;
		}
		call->bytes = data->args[2] > INT32_MAX ? INT32_MAX : (int64_t)data->args[2];
		return decode_single(d, call, data->args[4], (uint32_t)data->args[5], ret);
	case SYS_sendmsg:
		call->kind = ACTION_SEND;
		return decode_messages(d, call, data->args[1], 1, ret);
	case SYS_sendmmsg:
		call->kind = ACTION_SEND;
		call->is_list = true;
		return decode_messages(d, call, data->args[1],
				       messages > MAX_MESSAGES ? MAX_MESSAGES : messages, ret);
	default:
		return -ENOSYS;
	}
}

int decode_net(struct decode *d, const struct seccomp_data *data, struct gate_answer *ret)
{
	struct net_call call = {.socket_number = (int)data->args[0],
				.socket_fd = -1,
				.carried_fd = -1,
				.file_fd = -1,
				.protocol = "other"};
	const int r = decode_call_of(d, data, &call, ret);

	/* A datagram waits for nobody. */
	if (is_udp(&call)) {
		close_fd(&call.socket_fd);
		close_fd(&call.carried_fd);
	}
	release_socket(&call.socket_fd);
	release_socket(&call.carried_fd);
	close_fd(&call.file_fd);
	file_action_free(call.about);
	return r;
}
