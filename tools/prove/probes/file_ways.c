/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to a file that the gate does not look at, because the filter has closed them. */
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tools/prove/files.h"
#include "tools/prove/probes/attempt.h"

static bool enter_case(const struct arena *a)
{
	char path[PATH_BYTES];

	return chdir(joined(path, a->work, FILES_CASE)) == 0;
}

static int write_and_close(int file_fd)
{
	const int r = file_fd < 0 ? errno : outcome(write(file_fd, "escaped\n", 8));

	if (file_fd >= 0)
		(void)close(file_fd);
	return r;
}

static int how_struct(const struct arena *a)
{
	const struct open_how how = {.flags = O_WRONLY | O_CLOEXEC};

	if (!enter_case(a))
		return ATTEMPT_BROKEN;
	return write_and_close(
		(int)syscall(SYS_openat2, AT_FDCWD, "denied/file", &how, sizeof(how)));
}

/* One request, done by the kernel in our name and never a system call of its own. */
static int ring_request(int ring_fd, const struct io_uring_params *p,
			const struct io_uring_sqe *what)
{
	const size_t sq_size = p->sq_off.array + p->sq_entries * sizeof(unsigned);
	const size_t cq_size = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	char *sq = mmap(NULL, sq_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd,
			IORING_OFF_SQ_RING);
	char *cq = mmap(NULL, cq_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd,
			IORING_OFF_CQ_RING);
	struct io_uring_sqe *sqes =
		mmap(NULL, p->sq_entries * sizeof(*sqes), PROT_READ | PROT_WRITE, MAP_SHARED,
		     ring_fd, IORING_OFF_SQES);
	const struct io_uring_cqe *done;

	if (sq == MAP_FAILED || cq == MAP_FAILED || sqes == MAP_FAILED)
		return errno;
	sqes[0] = *what;
	((unsigned *)(void *)(sq + p->sq_off.array))[0] = 0;
	atomic_store((_Atomic unsigned *)(void *)(sq + p->sq_off.tail), 1);
	if (syscall(SYS_io_uring_enter, ring_fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return errno;
	done = (const struct io_uring_cqe *)(const void *)(cq + p->cq_off.cqes);
	return done->res < 0 ? -done->res : 0;
}

static int ring_unlink(const struct arena *a)
{
	static const char name[] = "denied/file";
	const struct io_uring_sqe what = {
		.opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD, .addr = (uint64_t)(uintptr_t)name};
	struct io_uring_params params = {0};
	int ring_fd;

	if (!enter_case(a))
		return ATTEMPT_BROKEN;
	ring_fd = (int)syscall(SYS_io_uring_setup, 4, &params);
	return ring_fd < 0 ? errno : ring_request(ring_fd, &params, &what);
}

/* The control needs CAP_DAC_READ_SEARCH on the host. */
static int by_handle(const struct arena *a)
{
	union {
		struct file_handle handle;
		char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} of = {.handle.handle_bytes = MAX_HANDLE_SZ};

	int mount_id;
	int mount_fd;

	if (!enter_case(a))
		return ATTEMPT_BROKEN;
	mount_fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (name_to_handle_at(AT_FDCWD, "denied/file", &of.handle, &mount_id, 0) < 0)
		return errno;
	return write_and_close(open_by_handle_at(mount_fd, &of.handle, O_WRONLY | O_CLOEXEC));
}

static int bound_elsewhere(const struct arena *a)
{
	if (!enter_case(a))
		return ATTEMPT_BROKEN;
	if (mount("denied", "other", NULL, MS_BIND, NULL) < 0)
		return errno;
	return overwrite("other/file");
}

static int cloned_tree(const struct arena *a)
{
	int tree_fd;

	if (!enter_case(a))
		return ATTEMPT_BROKEN;
	tree_fd = (int)syscall(SYS_open_tree, AT_FDCWD, "denied",
			       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree_fd < 0)
		return errno;
	return write_and_close(openat(tree_fd, "file", O_WRONLY | O_CLOEXEC));
}

static int own_mounts(const struct arena *a)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return errno;
	return bound_elsewhere(a);
}

/* The root of the case: then the path is no longer below a folder of the host. */
static int other_root(const struct arena *a)
{
	if (!enter_case(a))
		return ATTEMPT_BROKEN;
	if (chroot("denied") < 0)
		return errno;
	return overwrite("/file");
}

#define WAY(id, classes, attempt, errno_value, where, more)                         \
	ROW("file-way." id, classes, "seccomp", (attempt), .effect = EFFECT_CHANGE, \
	    .expect = {errno_value}, .control = where, .flags = ROW_LIVE | ROW_FILES | (more))

const struct row file_way_rows[] = {
	WAY("openat2", "14,34", how_struct, ENOSYS, CONTROL_HOST, 0),
	WAY("io-uring", "13,34", ring_unlink, ENOSYS, CONTROL_HOST, 0),
	WAY("handle", "31,34", by_handle, EPERM, CONTROL_HOST, ROW_ROOT),
	WAY("bind-mount", "19,24", bound_elsewhere, EPERM, CONTROL_BARE, 0),
	WAY("open-tree", "19,24", cloned_tree, EPERM, CONTROL_BARE, 0),
	WAY("own-mounts", "19,23", own_mounts, EPERM, CONTROL_HOST, 0),
	WAY("chroot", "19,24", other_root, EPERM, CONTROL_BARE, 0),
	{0},
};
