/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"

/* Younger than the headers of Debian 12: Linux 6.6. */
#define NOTIF_SET_FLAGS	  SECCOMP_IOW(4, __u64)
#define NOTIF_SYNC_WAKEUP 1UL

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

int notify_init(struct notify *notify, int listener_fd, bool sync_wake_up, struct error *err)
{
	struct seccomp_notif_sizes sizes = {0};

	*notify = (struct notify){.fd = listener_fd};
	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0) {
		const int code = errno;

		notify_done(notify);
		return error_errno(err, code,
				   "asking the kernel for the size of a seccomp "
				   "notification (Linux 5.0 or newer is needed)");
	}
	/* EINVAL before 6.6: then each round trip may cross CPUs, which only costs time. */
	if (sync_wake_up)
		(void)ioctl(listener_fd, NOTIF_SET_FLAGS, NOTIF_SYNC_WAKEUP);
	notify->request_size = larger(sizes.seccomp_notif, sizeof(struct seccomp_notif));
	notify->request = xcalloc(1, notify->request_size);
	notify->response =
		xcalloc(1, larger(sizes.seccomp_notif_resp, sizeof(struct seccomp_notif_resp)));
	return 0;
}

void notify_done(struct notify *notify)
{
	close_fd(&notify->fd);
	free(notify->request);
	free(notify->response);
	notify->request = NULL;
	notify->response = NULL;
}

int notify_recv(struct notify *notify)
{
	/* The kernel refuses a buffer that is not all zero. */
	memset(notify->request, 0, notify->request_size);
	while (ioctl(notify->fd, SECCOMP_IOCTL_NOTIF_RECV, notify->request) < 0) {
		if (errno == ENOENT)
			return NOTIFY_GONE;
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

bool notify_is_valid(const struct notify *notify, uint64_t id)
{
	int r;

	do
		r = ioctl(notify->fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id);
	while (r < 0 && errno == EINTR);
	return r == 0;
}

static int send_response(struct notify *notify)
{
	while (ioctl(notify->fd, SECCOMP_IOCTL_NOTIF_SEND, notify->response) < 0) {
		if (errno == ENOENT)
			return NOTIFY_GONE;
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int notify_answer(struct notify *notify, uint64_t id, int errno_value)
{
	*notify->response = (struct seccomp_notif_resp){
		.id = id,
		.error = -errno_value,
		.flags = errno_value ? 0u : (unsigned)SECCOMP_USER_NOTIF_FLAG_CONTINUE,
	};
	return send_response(notify);
}

int notify_done_for(struct notify *notify, uint64_t id)
{
	*notify->response = (struct seccomp_notif_resp){.id = id};
	return send_response(notify);
}

int notify_add_fd(struct notify *notify, uint64_t id, int file_fd, bool close_on_exec)
{
	const struct seccomp_notif_addfd add = {
		.id = id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = (uint32_t)file_fd,
		.newfd_flags = close_on_exec ? (unsigned)O_CLOEXEC : 0,
	};

	while (ioctl(notify->fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0) {
		if (errno == ENOENT)
			return NOTIFY_GONE;
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}
