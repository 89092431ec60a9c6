/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/spec_host.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/cleanup.h"

#define OUTER_RANGES 4096u

int host_real_path(const char *what, const char *path, char **ret, struct error *err)
{
	char *real = realpath(path, NULL);

	if (!real)
		return error_errno(err, errno,
				   "%s %s cannot be used (is the path right, may you enter it?)",
				   what, path);
	*ret = real;
	return 0;
}

/* True if `folder` is `path` or one of the folders above it. */
static bool holds(const char *folder, const char *path)
{
	const size_t len = strlen(folder);

	if (!folder[1])
		return true;
	return !strncmp(path, folder, len) && (path[len] == '/' || !path[len]);
}

static int refuse(struct error *err, const char *what, const char *path, const char *why)
{
	return error_set(err, EINVAL,
			 "%s %s: %s; choose a folder that holds just the work, for example one "
			 "below it",
			 what, path, why);
}

static bool holds_a_home(const char *path)
{
	const struct passwd *me = getpwuid(geteuid()); /* NOLINT(concurrency-mt-unsafe) */
	const char *home = getenv("HOME");	       /* NOLINT(concurrency-mt-unsafe) */

	if (!strcmp(path, "/home"))
		return true;
	if (home && strcmp(home, path) != 0 && holds(path, home))
		return true;
	return me && strcmp(me->pw_dir, path) != 0 && holds(path, me->pw_dir);
}

/* What neither a workspace nor a writable bind may hold or be. */
static int check_place(const char *what, const char *path, const char *state_dir, struct error *err)
{
	static const char *const system[] = {"/usr",  "/etc",	  "/bin", "/sbin", "/lib", "/lib64",
					     "/boot", "/var/lib", "/run", "/proc", "/sys", "/dev"};
	static const char *const inside[] = {"/proc", "/sys", "/dev", "/run", "/boot"};

	if (!path[1])
		return refuse(err, what, path, "it is the root of the host");
	for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++)
		if (holds(path, system[i]))
			return refuse(err, what, path, "it holds the host's system files");
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
		if (holds(inside[i], path))
			return refuse(err, what, path,
				      "it belongs to the host's kernel and services");
	if (state_dir && holds(path, state_dir))
		return refuse(
			err, what, path,
			"it holds cordon's own state (records, keys), which an agent must not "
			"reach");
	if (state_dir && holds(state_dir, path))
		return refuse(err, what, path, "it is inside cordon's own state");
	if (holds_a_home(path))
		return refuse(err, what, path, "it holds home folders");
	return 0;
}

static const char *unfit_layer(const char *path, bool upper)
{
	static const struct {
		uint32_t magic;
		const char *name;
		bool lower_too;
	} unfit[] = {
		{MSDOS_SUPER_MAGIC, "FAT", true},  {0x2011bab0, "exFAT", true},
		{NFS_SUPER_MAGIC, "NFS", false},   {V9FS_MAGIC, "9p", false},
		{FUSE_SUPER_MAGIC, "FUSE", false}, {0xff534d42, "CIFS", false},
		{0xfe534d42, "SMB", false},	   {OVERLAYFS_SUPER_MAGIC, "overlayfs", false}};
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return NULL; /* the launcher reports what stands in the way */
	for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++)
		if ((uint32_t)fs.f_type == unfit[i].magic && (upper || unfit[i].lower_too))
			return unfit[i].name;
	return NULL;
}

static int check_overlay(const char *path, const char *state_dir, struct error *err)
{
	const char *unfit = unfit_layer(path, false);
	struct stat st;

	if (unfit)
		return error_set(err, EOPNOTSUPP,
				 "workspace %s is on %s, which cannot be the lower layer of an "
				 "overlay; use :ro or :live, or copy it to another file system",
				 path, unfit);
	if (!state_dir || state_dir[0] != '/')
		return error_set(err, EINVAL,
				 "workspace %s: a copy-on-write workspace needs a state folder for "
				 "its changes",
				 path);
	if (strpbrk(path, ",:\\") || strpbrk(state_dir, ",:\\"))
		return error_set(err, EINVAL,
				 "workspace %s (state in %s): an overlay cannot be made of a path "
				 "with a comma, colon or backslash; use :ro or :live, or rename it",
				 path, state_dir);
	unfit = stat(state_dir, &st) < 0 ? NULL : unfit_layer(state_dir, true);
	if (unfit)
		return error_set(
			err, EOPNOTSUPP,
			"state folder %s is on %s, which cannot be the upper layer of an "
			"overlay; set CORDON_STATE_DIR to a folder on a local disk, or use "
			":ro or :live",
			state_dir, unfit);
	return 0;
}

int host_check_workspace(const char *path, const struct spec_options *options, struct error *err)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return error_errno(err, errno, "workspace %s", path);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ENOTDIR,
				 "workspace %s is not a folder; name the folder that "
				 "holds it",
				 path);
	if (!strcmp(path, "/tmp") || !strcmp(path, "/var/tmp"))
		return refuse(err, "workspace", path, "it is shared by everything on the host");
	r = check_place("workspace", path, options->state_dir, err);
	if (r < 0)
		return r;
	if (options->workspace_mode == WORKSPACE_LIVE && access(path, W_OK) < 0)
		return error_errno(err, errno, "workspace %s cannot be written, as :live needs",
				   path);
	if (access(path, R_OK | X_OK) < 0)
		return error_errno(err, errno, "workspace %s cannot be read", path);
	return options->workspace_mode == WORKSPACE_COW
		       ? check_overlay(path, options->state_dir, err)
		       : 0;
}

int host_check_bind(const char *path, bool writable, const char *state_dir, struct error *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_errno(err, errno, "bind %s", path);
	if (S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode))
		return error_set(err, EINVAL, "bind %s: devices cannot be bound", path);
	if (!path[1] || (state_dir && (holds(path, state_dir) || holds(state_dir, path))))
		return refuse(err, "bind", path, "it holds the host's root or cordon's own state");
	if (writable && !S_ISSOCK(st.st_mode))
		return check_place("writable bind", path, state_dir, err);
	return 0;
}

/* Full: to map ids and files' owners. Lite: to change ids, and to look after who has others. */
#define FULL_CAPS                                                          \
	(1ull << CAP_SYS_ADMIN | 1ull << CAP_SETUID | 1ull << CAP_SETGID | \
	 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_CHOWN)
#define LITE_CAPS \
	(1ull << CAP_SETUID | 1ull << CAP_SETGID | 1ull << CAP_KILL | 1ull << CAP_SYS_PTRACE)

static bool has_host_caps(uint64_t need)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};

	if (syscall(SYS_capget, &head, data) < 0)
		return false;
	return ((data[0].effective | (uint64_t)data[1].effective << 32) & need) == need;
}

/* Does one line of our own /proc/self/{uid,gid}_map hold the whole range? And is 0 the host's 0? */
static bool map_holds(const char *file, uint32_t base, bool *ret_is_host)
{
	FILE *map = fopen(file, "re");
	char line[128];
	bool found = false;

	*ret_is_host = false;
	while (map && fgets(line, sizeof(line), map)) {
		char *end;
		const uint64_t first = strtoull(line, &end, 10);
		const uint64_t outer = strtoull(end, &end, 10);
		const uint64_t count = strtoull(end, NULL, 10);

		found |= first <= base && base + (uint64_t)SPEC_RANGE_IDS <= first + count;
		*ret_is_host |= first == 0 && outer == 0;
	}
	if (map)
		(void)fclose(map);
	return found;
}

static int refuse_root(bool is_lite, struct error *err)
{
	if (is_lite)
		return error_set(
			err, EPERM,
			"running as root without a range of ids to change to, or without "
			"CAP_SETUID, CAP_SETGID, CAP_KILL and CAP_SYS_PTRACE: the session would keep "
			"uid 0 and with it root's files; run as an ordinary user (setpriv --reuid "
			"ID --regid ID --clear-groups cordon ...), or grant these");
	return error_set(err, EPERM,
			 "running as root without CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID, "
			 "CAP_DAC_READ_SEARCH and CAP_CHOWN: the session would keep the id of "
			 "the host's root; run as an ordinary user, or grant these");
}

int host_outer_ids(const struct spec_options *options, uint32_t *ret_base, uint32_t *ret_count,
		   struct error *err)
{
	const bool is_lite = options->isolation == ISOLATION_LITE;
	uint32_t hash = 2166136261u; /* FNV-1a: sessions side by side get ranges of their own */
	uint32_t base;
	bool host_uid;
	bool host_gid;

	for (const char *c = options->session; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	base = SPEC_FIRST_ID + hash % OUTER_RANGES * SPEC_RANGE_IDS;
	if (geteuid() == 0 && has_host_caps(is_lite ? LITE_CAPS : FULL_CAPS) &&
	    map_holds("/proc/self/uid_map", base, &host_uid) &&
	    map_holds("/proc/self/gid_map", base, &host_gid)) {
		*ret_base = base;
		*ret_count = SPEC_RANGE_IDS;
		return 0;
	}
	(void)map_holds("/proc/self/uid_map", base, &host_uid);
	if (geteuid() == 0 && (host_uid || is_lite))
		return refuse_root(is_lite, err);
	*ret_base = geteuid();
	*ret_count = 1;
	return 0;
}
