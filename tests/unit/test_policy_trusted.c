/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/trusted.h"

/*
 * Who could have put a policy where it stands, told from its path:
 *
 *	top/
 *	├── way/
 *	│   └── end/
 *	│       └── p.json
 *	├── open/	what stands here differs from test to test
 *	└── link -> way/end
 */

#define SOMEBODY 12345

static char top[] = "/tmp/cordon-trusted-XXXXXX";
static bool is_root;

static void at(char ret[256], const char *name)
{
	(void)snprintf(ret, 256, "%s/%s", top, name);
}

static void set_mode(const char *name, mode_t mode)
{
	char path[256];

	at(path, name);
	assert_int_equal(chmod(path, mode), 0);
}

static void set_owner(const char *name, uid_t user, gid_t group)
{
	char path[256];

	at(path, name);
	assert_int_equal(lchown(path, user, group), 0);
}

static void make_link(const char *target, const char *name)
{
	char path[256];

	at(path, name);
	(void)unlink(path);
	assert_int_equal(symlink(target, path), 0);
}

/* The text has @ where the folder is; NULL: it opens, and holds what p.json does. */
static void expect_path(const char *path, int code, const char *text)
{
	struct stat st = {0};
	struct error err = {0};
	_cleanup_close_ int fd = trusted_open("policy", path, &st, &err);
	char expected[512] = "";
	char byte = 0;

	for (const char *c = text ? text : ""; *c; c++)
		(void)snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected),
			       *c == '@' ? "%s" : "%.1s", *c == '@' ? top : c);
	if (code == 0 && fd < 0)
		fail_msg("%s: %s", path, err.text);
	if (code == 0 && S_ISREG(st.st_mode)) {
		assert_int_equal(read(fd, &byte, 1), 1);
		assert_int_equal(byte, 'p');
	}
	if (code == 0)
		return;
	if (fd >= 0)
		fail_msg("%s: opened", path);
	assert_string_equal(err.text, expected);
	assert_int_equal(fd, code);
}

static void expect(const char *name, int code, const char *text)
{
	char path[256];

	at(path, name);
	expect_path(path, code, text);
}

static int set_up(void **state)
{
	static const char *const folders[] = {"way", "way/end", "open"};
	char path[256];
	FILE *file;

	(void)state;
	if (!mkdtemp(top) || chmod(top, 0755) < 0)
		return -1;
	/* Root of a user namespace with one number cannot. */
	is_root = chown(top, SOMEBODY, SOMEBODY) == 0 && chown(top, 0, 0) == 0;
	for (size_t i = 0; i < 3; i++) {
		at(path, folders[i]);
		if (mkdir(path, 0755) < 0 || chmod(path, 0755) < 0)
			return -1;
	}
	at(path, "way/end/p.json");
	file = fopen(path, "we");
	if (!file || fputs("p", file) < 0 || fclose(file) != 0 || chmod(path, 0644) < 0)
		return -1;
	make_link("way/end", "link");
	return 0;
}

static int tear_down(void **state)
{
	_cleanup_free_ char *command = xasprintf("rm -rf %s", top);

	(void)state;
	return system(command); /* NOLINT(cert-env33-c): a name of mkdtemp() */
}

static void test_what_opens(void **state)
{
	char here[256];

	(void)state;
	expect("way/end/p.json", 0, NULL);
	expect("way//end/./p.json", 0, NULL);
	expect("way/../way/end/p.json", 0, NULL);
	expect("way/end/", 0, NULL);
	expect("link", 0, NULL);
	expect("link/p.json", 0, NULL);
	expect_path("/", 0, NULL);
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(top), 0);
	expect_path("way/end/p.json", 0, NULL);
	expect_path("./link/p.json", 0, NULL);
	expect_path(".", 0, NULL);
	expect_path("", -ENOENT, "cannot open policy : No such file or directory");
	assert_int_equal(chdir(here), 0);
	expect("way/nosuch", -ENOENT, "cannot open policy @/way/nosuch: No such file or directory");
	expect("way/end/p.json/x", -ENOTDIR,
	       "cannot open policy @/way/end/p.json/x: Not a directory");
	make_link("loop", "loop");
	expect("loop", -ELOOP, "cannot open policy @/loop: Too many levels of symbolic links");
}

#define WRITABLE(_path, _what)                                            \
	"policy @/" _path ": others than its owner may write @/" _what    \
	" on its path, and put another policy there; chmod go-w @/" _what \
	", or use a copy in a folder of your own"
#define FOREIGN(_path, _what)                                                                     \
	"policy @/" _path ": @/" _what " on its path belongs to user 12345, who can put another " \
	"policy there; chown it, or use a copy in a folder of your own"

static void test_folders_that_others_may_write(void **state)
{
	struct error err = {0};
	char path[256];
	char here[256];
	struct stat st;

	(void)state;
	set_mode("way", 0757);
	expect("way/end/p.json", -EPERM, WRITABLE("way/end/p.json", "way"));
	expect("link/p.json", -EPERM, WRITABLE("link/p.json", "way"));
	expect("link", -EPERM, WRITABLE("link", "way"));
	assert_non_null(getcwd(here, sizeof(here)));
	at(path, "way/end");
	assert_int_equal(chdir(path), 0);
	/* the current folder has a way to it, too */
	assert_int_equal(trusted_open("policy", "p.json", &st, &err), -EPERM);
	assert_non_null(strstr(err.text, "policy p.json: others than its owner may write "));
	assert_int_equal(chdir(here), 0);
	set_mode("way", 01757); /* sticky: what stands there cannot be replaced */
	expect("way/end/p.json", 0, NULL);
	set_mode("way", 0755);
	set_mode("way/end", 01757); /* but where policies are looked for all are taken */
	expect("way/end", -EPERM,
	       "policy @/way/end: others than its owner may write it; chmod go-w @/way/end");
	set_mode("way/end", 0755);
}

static void test_links_that_others_can_turn(void **state)
{
	(void)state;
	make_link("../way/end", "open/turned");
	set_mode("open", 0757);
	expect("open/turned/p.json", -EPERM, WRITABLE("open/turned/p.json", "open"));
	set_mode("open", 01757);
	expect("open/turned/p.json", 0, NULL);
	if (is_root) {
		set_owner("open/turned", SOMEBODY, SOMEBODY);
		expect("open/turned/p.json", -EPERM, FOREIGN("open/turned/p.json", "open/turned"));
		set_owner("open/turned", 0, 0);
	}
	set_mode("open", 0755);
}

static void test_folders_of_others(void **state)
{
	(void)state;
	if (!is_root)
		skip();
	set_owner("way", SOMEBODY, SOMEBODY);
	expect("way/end/p.json", -EPERM, FOREIGN("way/end/p.json", "way"));
	set_owner("way", 0, 0);
	set_owner("way/end/p.json", SOMEBODY, SOMEBODY);
	expect("way/end/p.json", -EPERM,
	       "policy @/way/end/p.json: belongs to user 12345, not to root or to you; chown it or "
	       "use a copy of your own");
	set_owner("way/end/p.json", 0, 0);
}

/* A group that has its owner's number is his own, but for who is on an access control list. */
static void test_groups_and_lists(void **state)
{
	static const unsigned char list[] = {
		2,  0, 0, 0,			     /* version */
		1,  0, 6, 0, 0xff, 0xff, 0xff, 0xff, /* owner: rw */
		2,  0, 6, 0, 0x39, 0x30, 0,    0,    /* user 12345: rw */
		4,  0, 4, 0, 0xff, 0xff, 0xff, 0xff, /* group: r */
		16, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, /* mask: rw */
		32, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, /* others: r */
	};
	char path[256];

	(void)state;
	if (!is_root)
		skip();
	set_mode("way", 0775);
	expect("way/end/p.json", 0, NULL);
	set_owner("way", 0, SOMEBODY);
	expect("way/end/p.json", -EPERM, WRITABLE("way/end/p.json", "way"));
	set_owner("way", 0, 0);
	set_mode("way", 0755);
	at(path, "way/end/p.json");
	if (setxattr(path, "system.posix_acl_access", list, sizeof(list), 0) < 0)
		skip(); /* the file system has none */
	expect("way/end/p.json", -EPERM,
	       "policy @/way/end/p.json: others than its owner may write it; chmod go-w "
	       "@/way/end/p.json");
	set_mode("way/end/p.json", 0644); /* the way out that is told */
	expect("way/end/p.json", 0, NULL);
}

/* Pipes without a name: who made one is its owner, as of a file. */
static void test_pipes(void **state)
{
	struct stat st = {0};
	struct error err = {0};
	char path[64];
	int fds[2];
	int fd;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	fd = trusted_open("policy", path, &st, &err);
	if (fd < 0)
		fail_msg("%s", err.text);
	assert_true(S_ISFIFO(st.st_mode));
	(void)close(fd);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/x", fds[0]);
	assert_true(trusted_open("policy", path, &st, &err) < 0); /* it is no folder */
	/* A link with such a text that is not the kernel's leads where it says: nowhere. */
	make_link("pipe:[1]", "open/pipe");
	expect("open/pipe", -ENOENT, "cannot open policy @/open/pipe: No such file or directory");
	if (is_root) {
		assert_int_equal(fchown(fds[0], SOMEBODY, SOMEBODY), 0);
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
		assert_int_equal(trusted_open("policy", path, &st, &err), -EPERM);
		assert_non_null(strstr(err.text, ": belongs to user 12345, not to root or to you"));
	}
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_opens),
		cmocka_unit_test(test_folders_that_others_may_write),
		cmocka_unit_test(test_links_that_others_can_turn),
		cmocka_unit_test(test_folders_of_others),
		cmocka_unit_test(test_groups_and_lists),
		cmocka_unit_test(test_pipes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
