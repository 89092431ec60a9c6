/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/decode_net.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "common/cleanup.h"
#include "common/release.h"
#include "monitor/gate/file_action.h"
#include "monitor/gate/socket.h"

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
	} else if (ret->proceed && net_call_is_carried(d, call)) {
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
static int connect_at_once(struct decode *d, struct net_call *call,
			   const struct net_destination *to, struct gate_answer *ret)
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

int net_call_decide(struct decode *d, struct net_call *call, const struct net_destination *to,
		    struct gate_answer *ret)
{
	struct address address;
	struct str path = {0};
	const int decoded = address_decode(to->bytes, to->len, call->kind, &address);
	int r;

	/* It leads nowhere, on whatever socket. */
	if (decoded == ADDRESS_NONE && !net_call_is_carried(d, call)) {
		ret->proceed = true;
		return 0;
	}
	r = look_at_socket(d, call, &address);
	if (r < 0 || decoded < 0)
		return r < 0 ? r : decoded;
	if (net_call_is_carried(d, call)) {
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
		r = net_call_resolve(d, call, address.path);
		if (r < 0)
			return r;
		path = str_of(d->socket_path);
	} else if (address.path_len) {
		path = (struct str){address.path, address.path_len};
	}
	return decide_address(d, call, &address, path, ret);
}

int net_call_read(struct decode *d, uint64_t at, uint64_t len, struct net_destination *ret)
{
	if (len > MAX_ADDRESS_BYTES)
		return -EINVAL;
	ret->len = (uint32_t)len;
	return child_mem_read(&d->mem, at, ret->bytes, ret->len);
}

static int decode_single(struct decode *d, struct net_call *call, uint64_t at, uint64_t len,
			 struct gate_answer *ret)
{
	struct net_destination to;
	int r = net_call_read(d, at, len, &to);

	return r < 0 ? r : net_call_decide(d, call, &to, ret);
}

/*
 * The kernel would read the address again, and take the descriptor that is there then; a path could
 * lead to a socket of the host by that time, even that of a call that was about something else.
 */
static int decode_connection(struct decode *d, struct net_call *call, uint64_t at, uint64_t len,
			     struct gate_answer *ret)
{
	struct net_destination to;
	struct address address;
	struct connection to_make;
	int r = net_call_read(d, at, len, &to);
	bool by_path;

	if (r == 0)
		r = net_call_decide(d, call, &to, ret);
	if (r != 0 || !ret->proceed || !net_call_is_carried(d, call))
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

static int decode_call_of(struct decode *d, const struct seccomp_data *data, struct net_call *call,
			  struct gate_answer *ret)
{
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
		return net_call_messages(d, call, data->args[1], 1, ret);
	case SYS_sendmmsg:
		call->kind = ACTION_SEND;
		call->is_list = true;
		return net_call_messages(d, call, data->args[1], (unsigned)data->args[2], ret);
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
