/* SPDX-License-Identifier: Apache-2.0 */
/* The runner's side of files.h. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/prove/files.h"

#define MATCH(kind, path, more) \
	"[{\"action\":{\"kind\":\"" kind "\",\"path\":\"" path "\",\"write\":true" more "}}]"
#define BIND(path) "[{\"action\":{\"kind\":\"net.bind\",\"path\":\"" path "\"}}]"
#define CONNECT(provenance) \
	"[{\"action\":{\"kind\":\"net.connect\",\"provenance\":\"" provenance "\"}}]"
#define RULE(id, on, when, match, not_match)                                                 \
	"{\"id\":\"" id "\",\"category\":\"test\",\"severity\":\"low\",\"on\":[" on          \
	"],\"when\":\"" when "\",\"verdict\":\"deny\",\"errno\":\"EROFS\",\"because\":\"The" \
	" arena forbids it.\",\"refs\":[],\"match\":" match ",\"not_match\":" not_match "}"

/* clang-format off */
const char files_policy[] =
	"{\"policy\":\"escape-files\",\"version\":1,\"rules\":["
	RULE("escape.file", "\"file.open\",\"file.change\"",
	     "action.write && glob(action.path, '**/denied/**')",
	     MATCH("file.open", "/w/denied/x", ""), MATCH("file.open", "/w/x", "")) ","
	RULE("escape.file-target", "\"file.change\"",
	     "glob(action.target, '**/denied/**') && action.op in ['rename', 'link']",
	     MATCH("file.change", "/w/x", ",\"op\":\"link\",\"target\":\"/w/denied/x\""),
	     MATCH("file.change", "/w/x", ",\"op\":\"link\",\"target\":\"/w/y\"")) ","
	RULE("escape.file-bind", "\"net.bind\"", "glob(action.path, '**/denied/**')",
	     BIND("/w/denied/x"), BIND("/w/x")) ","
	RULE("escape.file-connect", "\"net.connect\"", "action.provenance == 'host-bound'",
	     CONNECT("host-bound"), CONNECT("workspace")) "]}";

/* clang-format on */

static int make_file(int case_fd, const char *name, const char *text)
{
	_cleanup_close_ int file_fd =
		openat(case_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	return file_fd < 0 || write(file_fd, text, strlen(text)) < 0 ? -errno : 0;
}

int files_case_make(const struct arena *a, const char *name)
{
	static const char *const folders[] = {"denied",	  "denied/folder", "other",
					      "harmless", "way",	   "other-way"};
	static const char *const links[][2] = {
		{"denied", "to-denied"},       {"denied/file", "to-denied-file"},
		{"harmless", "link"},	       {"denied", "other-link"},
		{"../harmless", "way/to"},     {"../denied", "other-way/to"},
		{"../../sock", "denied/sock"},
	};
	char path[192];
	_cleanup_close_ int case_fd = -1;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", a->work, name);
	if (mkdir(path, 0755) < 0)
		return -errno;
	case_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (case_fd < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (mkdirat(case_fd, folders[i], 0755) < 0)
			return -errno;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlinkat(links[i][0], case_fd, links[i][1]) < 0)
			return -errno;
	r = make_file(case_fd, "denied/file", "untouched");
	/* For attempts to take away. */
	(void)snprintf(path, sizeof(path), "%s/%s/denied/file", a->work, name);
	(void)setxattr(path, "user.b", "x", 1, 0);
	r = r ? r : make_file(case_fd, "denied/gone", "");
	r = r ? r : make_file(case_fd, "harmless/gone", "");
	r = r ? r : make_file(case_fd, "harmless/file", "harmless");
	return r ? r : make_file(case_fd, "text", "harmless");
}

static struct buf seen;

static int look_at(const char *path, const struct stat *st, int type, struct FTW *at)
{
	char names[256] = "";
	char text[64] = "";
	_cleanup_close_ int file_fd = -1;
	const ssize_t n = llistxattr(path, names, sizeof(names) - 1);

	(void)at;
	for (ssize_t i = 0; i < n; i++)
		if (!names[i])
			names[i] = ' ';
	if (type == FTW_F && S_ISREG(st->st_mode))
		file_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (file_fd >= 0 && read(file_fd, text, sizeof(text) - 1) < 0)
		return -1;
	buf_printf(&seen, "%s %lu %o %lu %u %u %lld %lld.%ld %lld.%ld %s %s\n", path, st->st_ino,
		   st->st_mode, st->st_nlink, st->st_uid, st->st_gid, (long long)st->st_size,
		   (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		   (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec, names, text);
	return 0;
}

char *files_case_look(const struct arena *a, const char *name)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/%s/denied", a->work, name);
	seen = (struct buf)BUF_INIT(0);
	buf_puts(&seen, "");
	(void)nftw(path, look_at, 16, FTW_PHYS);
	return seen.data;
}
