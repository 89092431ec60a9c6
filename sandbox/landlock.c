/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock as a second wall: says once more, by file hierarchy, what may be written, so that a
 * mistake in the mounts does not open anything. Applied by each execution for itself, since a
 * Landlock domain may not mount, and its init must.
 */
#include "sandbox/compat/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "sandbox/hands.h"
#include "sandbox/launch.h"
#include "sandbox/lite.h"

#define READ_RIGHTS \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FILE_RIGHTS                                                  \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | \
	 LANDLOCK_ACCESS_FS_WRITE_FILE | COMPAT_LANDLOCK_TRUNCATE | COMPAT_LANDLOCK_IOCTL_DEV)
#define ABI1_RIGHTS ((1ull << 13) - 1)
/* Device nodes are made by nobody inside. */
#define NEVER (LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK)

/* What each ABI added to the rights on files. */
static const struct {
	int abi;
	uint64_t rights;
} ladder[] = {{1, ABI1_RIGHTS},
	      {2, COMPAT_LANDLOCK_REFER},
	      {3, COMPAT_LANDLOCK_TRUNCATE},
	      {5, COMPAT_LANDLOCK_IOCTL_DEV}};

static uint64_t rights_of(int abi)
{
	uint64_t rights = 0;

	for (size_t i = 0; i < sizeof(ladder) / sizeof(ladder[0]); i++)
		if (abi >= ladder[i].abi)
			rights |= ladder[i].rights;
	return rights;
}

int landlock_abi(void)
{
	return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

int landlock_probe(struct launch *l, struct error *err)
{
	int abi;

	if (!l->spec.landlock) {
		launch_say(l, "landlock=off");
		return 0;
	}
	abi = landlock_abi();
	if (l->lite && abi < LITE_LANDLOCK_ABI)
		return error_set(
			err, EOPNOTSUPP,
			"isolation lite needs Landlock ABI %d and this host has %d: nothing "
			"else keeps signals from the host's processes; way out: Linux 6.12 or "
			"newer with landlock in lsm=, or --isolation=full",
			LITE_LANDLOCK_ABI, abi < 0 ? 0 : abi);
	if (abi <= 0)
		return error_set(
			err, abi < 0 ? errno : EOPNOTSUPP,
			"Landlock is not available on this host (%s); boot with landlock in "
			"lsm=, or build the spec without it (\"landlock\": false)",
			abi == 0	      ? "no ABI"
			: errno == ENOSYS     ? "it is not in the kernel"
			: errno == EOPNOTSUPP ? "it was left out at boot"
					      : "the kernel refuses to tell");
	l->landlock_abi = abi;
	launch_say(l, "landlock=%d", l->landlock_abi);
	return 0;
}

static int allow(int ruleset_fd, const char *path, uint64_t rights, struct error *err)
{
	_cleanup_close_ int path_fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr beneath = {.allowed_access = rights,
						     .parent_fd = path_fd};
	struct stat st;

	if (path_fd < 0 || fstat(path_fd, &st) < 0)
		return error_errno(err, errno, "open %s for a Landlock rule", path);
	if (!S_ISDIR(st.st_mode))
		beneath.allowed_access &= FILE_RIGHTS;
	if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
		return error_errno(err, errno, "add a Landlock rule for %s", path);
	return 0;
}

static int allow_if_there(int ruleset_fd, const char *path, uint64_t rights, struct error *err)
{
	const int r = allow(ruleset_fd, path, rights, err);

	return r == -ENOENT ? 0 : r;
}

static int allow_view(const struct launch *l, int ruleset_fd, uint64_t all, struct error *err)
{
	/* Rules for folders below would not shorten the kernel's walk: it looks for TRUNCATE, too.
	 */
	int r = allow(ruleset_fd, "/", READ_RIGHTS & all, err);

	/* Files of /proc are written in place (comm, oom_score_adj); those of /dev are opened. */
	if (!r)
		r = allow(ruleset_fd, "/proc",
			  (LANDLOCK_ACCESS_FS_WRITE_FILE | COMPAT_LANDLOCK_TRUNCATE) & all, err);
	if (!r)
		r = allow(ruleset_fd, "/dev", FILE_RIGHTS & ~LANDLOCK_ACCESS_FS_EXECUTE & all, err);
	if (!r)
		r = allow(ruleset_fd, "/dev/shm", all & ~NEVER, err);
	if (!r)
		r = allow_if_there(ruleset_fd, "/dev/mqueue", all & ~NEVER, err);
	for (size_t i = 0; !r && i < l->spec.mount_count; i++) {
		const struct spec_mount *m = &l->spec.mounts[i];
		const bool writes =
			m->kind == MOUNT_BIND || m->kind == MOUNT_OVERLAY || m->kind == MOUNT_TMPFS;

		if (!writes || !m->writable)
			continue;
		r = allow(ruleset_fd, m->target, all & ~NEVER, err);
		if (r == -ENOENT && m->optional)
			r = 0;
	}
	return r;
}

/* What programs ask of the machine; nothing below it that tells of a process. */
static const char *const lite_read[] = {
	"/proc/cpuinfo",     "/proc/meminfo",	 "/proc/stat",
	"/proc/loadavg",     "/proc/uptime",	 "/proc/version",
	"/proc/filesystems", "/proc/sys/kernel", "/proc/sys/vm/overcommit_memory",
};
static const char *const lite_devices[] = {"/dev/null",	  "/dev/zero",	  "/dev/full",
					   "/dev/random", "/dev/urandom", "/dev/tty"};

/* The only wall on files here: what is not listed cannot be opened. */
static int allow_listed(const struct launch *l, int ruleset_fd, uint64_t all, struct error *err)
{
	const uint64_t read_only =
		(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR) & all;
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(lite_read) / sizeof(lite_read[0]); i++)
		r = allow_if_there(ruleset_fd, lite_read[i], read_only, err);
	for (size_t i = 0; !r && i < sizeof(lite_devices) / sizeof(lite_devices[0]); i++)
		r = allow_if_there(ruleset_fd, lite_devices[i],
				   FILE_RIGHTS & ~LANDLOCK_ACCESS_FS_EXECUTE & all, err);
	for (size_t i = 0; !r && i < l->spec.mount_count; i++) {
		const struct spec_mount *m = &l->spec.mounts[i];

		r = (m->optional ? allow_if_there : allow)(
			ruleset_fd, m->target, (m->writable ? ~NEVER : READ_RIGHTS) & all, err);
	}
	return r;
}

int landlock_apply(const struct launch *l, struct error *err)
{
	const uint64_t all = rights_of(l->landlock_abi);
	struct compat_landlock_ruleset rules = {.handled_access_fs = all};
	size_t size = sizeof(rules.handled_access_fs);
	_cleanup_close_ int ruleset_fd = -1;
	int r;

	if (!l->landlock_abi)
		return 0;
	if (l->landlock_abi >= 6) {
		rules.scoped =
			COMPAT_LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | COMPAT_LANDLOCK_SCOPE_SIGNAL;
		size = sizeof(rules);
	}
	/* No socket can be made there; this is for one that was handed in. */
	if (l->lite)
		rules.handled_access_net =
			COMPAT_LANDLOCK_NET_BIND_TCP | COMPAT_LANDLOCK_NET_CONNECT_TCP;
	ruleset_fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	if (ruleset_fd < 0)
		return error_errno(err, errno, "create the Landlock rules");
	r = (l->lite ? allow_listed : allow_view)(l, ruleset_fd, all, err);
	if (!r && syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
		r = error_errno(err, errno, "apply the Landlock rules");
	return r;
}

int landlock_make_no_sockets(const struct launch *l, struct error *err)
{
	_cleanup_close_ int ruleset_fd = -1;

	/* A layer always keeps files in their folders, too: who is under it changes none itself. */
	if (!l->landlock_abi || l->lite)
		return 0;
	ruleset_fd = landlock_for_sockets(-1);
	if (ruleset_fd < 0 || syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
		return error_errno(err, errno, "apply the Landlock rules about sockets");
	return 0;
}
