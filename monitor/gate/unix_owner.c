/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/unix_owner.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "common/limits.h"

/* What the kernel has as a number of a device (include/linux/kdev_t.h). */
static uint32_t kernel_device(dev_t device)
{
	return (major(device) << 20) | (minor(device) & 0xfffff);
}

/* Answers of an earlier question that was given up. */
static void forget_answers(int diag_fd)
{
	char bytes[8192];

	while (recv(diag_fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

static int ask(int diag_fd)
{
	const struct {
		struct nlmsghdr head;
		struct unix_diag_req request;
	} question = {
		.head = {.nlmsg_len = sizeof(question),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.request = {.sdiag_family = AF_UNIX,
			    .udiag_states = UINT32_MAX,
			    .udiag_show = UDIAG_SHOW_VFS},
	};

	return send(diag_fd, &question, sizeof(question), MSG_DONTWAIT) < 0 ? -errno : 0;
}

static bool is_bound_to(const struct nlmsghdr *message, const struct stat *file)
{
	const size_t head = NLMSG_LENGTH(sizeof(struct unix_diag_msg));
	const char *at = (const char *)message + NLMSG_ALIGN(head);
	size_t left = message->nlmsg_len > head ? message->nlmsg_len - NLMSG_ALIGN(head) : 0;
	struct unix_diag_vfs vfs;
	struct rtattr attribute;

	while (left >= sizeof(attribute)) {
		memcpy(&attribute, at, sizeof(attribute));
		if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > left)
			return false;
		if (attribute.rta_type == UNIX_DIAG_VFS &&
		    attribute.rta_len >= RTA_LENGTH(sizeof(vfs))) {
			memcpy(&vfs, at + RTA_LENGTH(0), sizeof(vfs));
			return vfs.udiag_vfs_ino == (uint32_t)file->st_ino &&
			       vfs.udiag_vfs_dev == kernel_device(file->st_dev);
		}
		const size_t step = RTA_ALIGN(attribute.rta_len);

		at += step;
		left = left > step ? left - step : 0;
	}
	return false;
}

/* One datagram of the answer. Return: 1 found, 0 not yet, -1 the end. */
static int look(const char *bytes, size_t len, const struct stat *file, unsigned *seen)
{
	struct nlmsghdr message;

	while (len >= sizeof(message)) {
		memcpy(&message, bytes, sizeof(message));
		if (message.nlmsg_len < sizeof(message) || message.nlmsg_len > len ||
		    message.nlmsg_type == NLMSG_DONE || message.nlmsg_type == NLMSG_ERROR)
			return -1;
		if (is_bound_to((const struct nlmsghdr *)(const void *)bytes, file))
			return 1;
		if (++*seen > MAX_UNIX_SOCKETS)
			return -1;
		const size_t step = NLMSG_ALIGN(message.nlmsg_len);

		bytes += step;
		len = len > step ? len - step : 0;
	}
	return 0;
}

bool unix_is_inside(int diag_fd, const struct stat *file)
{
	union {
		struct nlmsghdr aligned;
		char bytes[32768];
	} answer;

	unsigned seen = 0;
	int found = 0;

	if (diag_fd < 0)
		return false;
	forget_answers(diag_fd);
	if (ask(diag_fd) < 0)
		return false;
	while (!found) {
		const ssize_t n = recv(diag_fd, answer.bytes, sizeof(answer.bytes), MSG_DONTWAIT);

		if (n <= 0)
			return false;
		found = look(answer.bytes, (size_t)n, file, &seen);
	}
	return found > 0;
}
