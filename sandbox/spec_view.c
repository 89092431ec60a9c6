/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/spec_view.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

/* On most hosts all but /usr are symlinks into it; they are then made as symlinks. */
static const char *const system_paths[] = {"/usr",   "/bin",   "/sbin",	  "/lib",
					   "/lib32", "/lib64", "/libx32", NULL};

/*
 * What programs need from the host's /etc and what says nothing about its people, keys or network.
 * Left out on purpose: passwd, shadow, group, hosts, resolv.conf (made afresh below), ssh,
 * ssl/private, sudoers, cron, systemd, anything with a credential.
 */
static const char *const etc_paths[] = {"/etc/alternatives",
					"/etc/ld.so.cache",
					"/etc/ld.so.conf",
					"/etc/ld.so.conf.d",
					"/etc/ssl/certs",
					"/etc/ssl/openssl.cnf",
					"/etc/ca-certificates",
					"/etc/pki/tls/certs",
					"/etc/pki/ca-trust",
					"/etc/crypto-policies",
					"/etc/localtime",
					"/etc/timezone",
					"/etc/os-release",
					"/etc/debian_version",
					"/etc/profile",
					"/etc/profile.d",
					"/etc/bash.bashrc",
					"/etc/inputrc",
					"/etc/terminfo",
					"/etc/protocols",
					"/etc/services",
					"/etc/mime.types",
					"/etc/magic",
					"/etc/locale.alias",
					"/etc/fonts",
					"/etc/perl",
					"/etc/shells",
					"/etc/login.defs",
					"/etc/gai.conf",
					"/etc/host.conf",
					NULL};

/* The same, of names that go on with a version. */
static const char *const etc_prefixes[] = {"python3", "java"};
#define MAX_VERSIONS 64

/* Names of the host's accounts, without which libraries do not know who they run as. */
static const char *const etc_lite_paths[] = {"/etc/passwd", "/etc/group", "/etc/nsswitch.conf",
					     NULL};

static void add_file(struct spec *spec, const char *target, char *text)
{
	struct spec_mount *m = spec_add_mount(spec, MOUNT_FILE, NULL, target);

	m->mode = 0644;
	m->text = text;
}

/*
 * What lies in a tmpfs counts as the session's memory and is not freed by killing: all of them
 * full must leave room for processes, or the first large file in /tmp would end the session.
 */
static uint64_t share_of_memory(const struct spec *spec, unsigned sixtyfourths)
{
	return spec->limits.memory_bytes / 64 * sixtyfourths;
}

void view_add_tmpfs(struct spec *spec, const char *target, uint32_t mode, unsigned sixtyfourths)
{
	struct spec_mount *m = spec_add_mount(spec, MOUNT_TMPFS, NULL, target);

	m->mode = mode;
	m->size_bytes = share_of_memory(spec, sixtyfourths);
	m->writable = true;
}

/*
 * A symlink stays one (os-release, localtime, /bin). A small file is copied: each mount costs every
 * start, and every call's mount namespace once more. Anything else is bound.
 */
static void add_host_path(struct spec *spec, const char *path)
{
	char text[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (lstat(path, &st) < 0)
		return;
	if (spec->isolation == ISOLATION_LITE) {
		/* What a symlink leads to is listed itself, or is not for the session. */
		if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode))
			spec_add_mount(spec, MOUNT_BIND, path, path)->optional = true;
	} else if (S_ISLNK(st.st_mode)) {
		n = readlink(path, text, sizeof(text) - 1);
		if (n <= 0)
			return;
		text[n] = '\0';
		spec_add_mount(spec, MOUNT_SYMLINK, NULL, path)->text = xstrdup(text);
	} else if (S_ISREG(st.st_mode) && st.st_size <= SPEC_MAX_COPY) {
		struct spec_mount *m = spec_add_mount(spec, MOUNT_COPY, path, path);

		m->mode = st.st_mode & 0755;
		m->optional = true;
	} else if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)) {
		spec_add_mount(spec, MOUNT_BIND, path, path)->optional = true;
	}
}

static int has_prefix(const struct dirent *entry)
{
	for (size_t i = 0; i < sizeof(etc_prefixes) / sizeof(etc_prefixes[0]); i++)
		if (strncmp(entry->d_name, etc_prefixes[i], strlen(etc_prefixes[i])) == 0)
			return 1;
	return 0;
}

static void add_etc(struct spec *spec)
{
	struct dirent **found = NULL;
	int count;

	for (const char *const *p = etc_paths; *p; p++)
		add_host_path(spec, *p);
	count = scandir("/etc", &found, has_prefix, alphasort);
	for (int i = 0; i < count; i++) {
		_cleanup_free_ char *path = xasprintf("/etc/%s", found[i]->d_name);

		if (i < MAX_VERSIONS)
			add_host_path(spec, path);
		free(found[i]);
	}
	free(found);
}

static void add_made_etc(struct spec *spec)
{
	add_file(spec, "/etc/passwd",
		 xasprintf("root:x:0:0:root:/root:/usr/sbin/nologin\n"
			   "agent:x:%u:%u:agent:%s:/bin/sh\n"
			   "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
			   spec->uid, spec->gid, spec->home));
	add_file(spec, "/etc/group",
		 xasprintf("root:x:0:\nagent:x:%u:\nnogroup:x:65534:\n", spec->gid));
	add_file(
		spec, "/etc/hosts",
		xasprintf("127.0.0.1 localhost %s\n::1 localhost ip6-localhost\n", spec->hostname));
	add_file(spec, "/etc/hostname", xasprintf("%s\n", spec->hostname));
	add_file(spec, "/etc/resolv.conf",
		 xstrdup(spec->net != NET_NONE ? "nameserver " SPEC_NET_NAMESERVER "\n"
					       : "# no name service in this sandbox\n"));
	add_file(spec, "/etc/nsswitch.conf",
		 xstrdup("passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"
			 "services: files\nprotocols: files\n"));
}

static void add_lite(struct spec *spec, const char *tmp)
{
	for (const char *const *p = etc_lite_paths; *p; p++)
		add_host_path(spec, *p);
	view_add_tmpfs(spec, tmp, 0700, 0);
	view_add_tmpfs(spec, spec->home, 0700, 0);
}

void view_add_system(struct spec *spec, const char *tmp)
{
	for (const char *const *p = system_paths; *p; p++)
		add_host_path(spec, *p);
	add_etc(spec);
	if (spec->isolation == ISOLATION_LITE) {
		add_lite(spec, tmp);
		return;
	}
	add_made_etc(spec);
	spec_add_mount(spec, MOUNT_PROC, NULL, "/proc");
	spec_add_mount(spec, MOUNT_DEV, NULL, "/dev")->size_bytes = share_of_memory(spec, 4);
	view_add_tmpfs(spec, tmp, 01777, 16);
	view_add_tmpfs(spec, "/var/tmp", 01777, 2);
	view_add_tmpfs(spec, "/run", 0755, 1);
	view_add_tmpfs(spec, spec->home, 0755, 12);
}
