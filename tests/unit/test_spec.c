/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "sandbox/spec_wire.h"
#include "tests/unit/spec_fixture.h"

static bool has_env(const struct spec *spec, const char *entry)
{
	for (char **e = spec->env; e && *e; e++) {
		if (!strcmp(*e, entry))
			return true;
	}
	return false;
}

static void test_the_view_holds_what_is_said(void **unused)
{
	const char *const env[] = {"A=1", "HOME=/other", "A=2", NULL};
	struct spec_options options = {.session = "s1", .state_dir = state, .env = env};
	_cleanup_(spec_done) struct spec spec = build(&options);

	(void)unused;
	assert_string_equal(spec.session, "s1");
	assert_int_equal(spec.uid, 1000);
	assert_true(spec.landlock && spec.cgroup);
	assert_int_equal(mount_at(&spec, "/proc")->kind, MOUNT_PROC);
	assert_int_equal(mount_at(&spec, "/dev")->kind, MOUNT_DEV);
	assert_int_equal(mount_at(&spec, "/tmp")->mode, 01777);
	assert_false(mount_at(&spec, "/usr")->writable);
	assert_int_equal(mount_at(&spec, "/etc/passwd")->kind, MOUNT_FILE);
	assert_null(strstr(mount_at(&spec, "/etc/passwd")->text, "bash"));
	assert_string_equal(spec.workspace, "/workspace");
	assert_int_equal(mount_at(&spec, "/workspace")->kind, MOUNT_TMPFS);
	assert_null(spec.upper_dir);
	/* nothing of the host's homes, keys and services */
	for (size_t i = 0; i < spec.mount_count; i++) {
		const char *source = spec.mounts[i].source;

		assert_false(source &&
			     (!strncmp(source, "/home", 5) || !strncmp(source, "/root", 5) ||
			      !strncmp(source, "/run", 4) || !strcmp(source, "/etc") ||
			      !strncmp(source, "/etc/ssh", 8)));
	}
	assert_true(has_env(&spec, "A=2") && !has_env(&spec, "A=1"));
	assert_true(has_env(&spec, "HOME=/other") && !has_env(&spec, "HOME=/home/agent"));
	assert_true(spec.limits.memory_bytes > 0 && spec.limits.pids == 2048);
}

static void test_workspaces_and_binds(void **unused)
{
	const struct spec_bind binds[] = {{work, "/data", false}, {work, NULL, true}};
	struct spec_options options = {.session = "s1",
				       .state_dir = state,
				       .workspace_dir = work,
				       .limits = {.pids = 7, .cpu_millis = 500}};
	const struct spec_mount *m;

	(void)unused;
	for (unsigned mode = best_mode(); mode <= WORKSPACE_LIVE; mode++) {
		_cleanup_(spec_done) struct spec spec = {0};

		options.workspace_mode = (enum workspace_mode)mode;
		spec = build(&options);
		m = mount_at(&spec, work);
		assert_string_equal(spec.workspace, work);
		assert_string_equal(m->source, work);
		assert_int_equal(m->kind, mode == WORKSPACE_COW ? MOUNT_OVERLAY : MOUNT_BIND);
		assert_int_equal(m->writable, mode != WORKSPACE_RO);
		assert_true((m->upper != NULL) == (mode == WORKSPACE_COW));
		if (m->upper)
			assert_string_equal(m->upper, spec.upper_dir);
		assert_int_equal(spec.limits.pids, 7);
		assert_int_equal(spec.limits.cpu_millis, 500);
		assert_int_equal(spec.limits.open_files, 16384);
	}
	options.workspace_dir = NULL;
	options.binds = binds;
	options.bind_count = 2;
	{
		_cleanup_(spec_done) struct spec spec = build(&options);

		m = mount_at(&spec, "/data");
		assert_string_equal(m->source, work);
		assert_false(m->writable);
		assert_true(mount_at(&spec, work)->writable);
	}
}

static void expect_build_error(const struct spec_options *options, int code, const char *format,
			       const char *path)
{
	_cleanup_buf_ struct buf expected = BUF_INIT(0);
	struct spec spec = {0};
	struct error err = {0};

	for (const char *c = format; *c; c++) { /* @ is the path */
		if (*c == '@')
			buf_puts(&expected, path);
		else
			buf_putc(&expected, *c);
	}
	assert_int_equal(spec_build(options, &spec, &err), code);
	assert_string_equal(err.text, expected.data);
	assert_null(spec.mounts); /* untouched */
}

static void test_workspaces_that_are_refused(void **unused)
{
	_cleanup_free_ char *file = xasprintf("%s/file", base);
	_cleanup_free_ char *gone = xasprintf("%s/gone", base);
	_cleanup_free_ char *inside = xasprintf("%s/inside", state);
	struct spec_options options = {.session = "s1", .state_dir = state};
	FILE *made = fopen(file, "we");

	(void)unused;
	assert_non_null(made);
	(void)fclose(made);
	options.session = "";
	expect_build_error(&options, -EINVAL, "a sandbox needs a session id", "");
	options.session = "a/b";
	expect_build_error(&options, -EINVAL,
			   "session id \"a/b\": 1 to 64 of A-Z a-z 0-9 . _ -, not starting with . "
			   "or -",
			   "");
	options.session = "s1";
	options.workspace_dir = gone;
	expect_build_error(&options, -ENOENT,
			   "workspace @ cannot be used (is the path right, may you enter it?): No "
			   "such file or directory",
			   gone);
	options.workspace_dir = file;
	expect_build_error(&options, -ENOTDIR,
			   "workspace @ is not a folder; name the folder that holds it", file);
	options.workspace_dir = "/";
	expect_build_error(&options, -EINVAL,
			   "workspace /: it is the root of the host; choose a folder that holds "
			   "just the work, for example one below it",
			   "");
	options.workspace_dir = base;
	expect_build_error(
		&options, -EINVAL,
		"workspace @: it holds cordon's own state (records, keys), which an agent "
		"must not reach; choose a folder that holds just the work, for example "
		"one below it",
		base);
	assert_int_equal(mkdir(inside, 0700), 0);
	options.workspace_dir = inside;
	expect_build_error(
		&options, -EINVAL,
		"workspace @: it is inside cordon's own state; choose a folder that holds "
		"just the work, for example one below it",
		inside);
	assert_int_equal(rmdir(inside), 0);
	assert_int_equal(unlink(file), 0);
}

static void test_binds_that_are_refused(void **unused)
{
	struct spec_bind bind = {work, "/proc/x", false};
	struct spec_options options = {
		.session = "s1", .state_dir = state, .binds = &bind, .bind_count = 1};

	(void)unused;
	expect_build_error(&options, -EINVAL,
			   "mount target /proc/x: /proc, /dev and /sys cannot be mounted into; "
			   "choose another target (SOURCE:TARGET)",
			   "");
	bind = (struct spec_bind){"/dev/null", "/x", false};
	expect_build_error(&options, -EINVAL, "bind /dev/null: devices cannot be bound", "");
	bind = (struct spec_bind){"/proc/self", "/x", false};
	assert_true(spec_build(&options, &(struct spec){0}, NULL) < 0);
	bind = (struct spec_bind){"/usr", "/x", true};
	expect_build_error(&options, -EINVAL,
			   "writable bind /usr: it holds the host's system files; choose a folder "
			   "that holds just the work, for example one below it",
			   "");
}

static void expect_refusal(const struct spec_options *options, const char *reason)
{
	struct spec spec = {0};
	struct error err = {0};

	assert_int_equal(spec_build(options, &spec, &err), -EINVAL);
	if (!strstr(err.text, reason))
		fail_msg("not \"%s\": %s", reason, err.text);
}

/* A relayed network is the session's own, and asks the supervisor for names. */
static void test_relay(void **unused)
{
	struct spec_options options = {
		.session = "s1", .state_dir = state, .net = NET_RELAY, .workspace_dir = work};
	_cleanup_(spec_done) struct spec spec = build(&options);
	_cleanup_(spec_done) struct spec again = {0};
	_cleanup_buf_ struct buf bytes = BUF_INIT(0);
	struct error err = {0};

	(void)unused;
	assert_non_null(strstr(mount_at(&spec, "/etc/resolv.conf")->text, SPEC_NET_NAMESERVER));
	spec_encode(&spec, &bytes);
	assert_int_equal(spec_decode(bytes.data, bytes.len, &again, &err), 0);
	assert_int_equal(again.net, NET_RELAY);
	options.isolation = ISOLATION_LITE;
	expect_refusal(&options, "has no network namespace");
}

/* Isolation lite: only what Landlock can say, with defaults that it can hold. */
static void test_lite(void **unused)
{
	_cleanup_free_ char *below = xasprintf("%s/below", work);
	const struct spec_bind elsewhere[] = {{work, "/data", false}};
	const struct spec_bind reopened[] = {{below, NULL, false}};
	struct spec_options options = {.session = "s1",
				       .state_dir = state,
				       .isolation = ISOLATION_LITE,
				       .workspace_dir = work};
	_cleanup_(spec_done) struct spec spec = build(&options);
	_cleanup_(spec_done) struct spec again = {0};
	_cleanup_buf_ struct buf bytes = BUF_INIT(0);
	struct error err = {0};

	(void)unused;
	assert_false(mount_at(&spec, work)->writable);
	assert_true(mount_at(&spec, "/tmp/cordon-s1/tmp")->writable);
	assert_true(has_env(&spec, "TMPDIR=/tmp/cordon-s1/tmp"));
	assert_true(has_env(&spec, "HOME=/tmp/cordon-s1/home"));
	assert_string_equal(spec.home, "/tmp/cordon-s1/home");
	for (size_t i = 0; i < spec.mount_count; i++)
		assert_true(spec.mounts[i].kind == MOUNT_TMPFS ||
			    (spec.mounts[i].kind == MOUNT_BIND && !spec.mounts[i].idmap &&
			     !strcmp(spec.mounts[i].source, spec.mounts[i].target)));
	spec_encode(&spec, &bytes);
	assert_int_equal(spec_decode(bytes.data, bytes.len, &again, &err), 0);
	assert_int_equal(again.isolation, ISOLATION_LITE);

	again.landlock = false;
	assert_int_equal(spec_check(&again, &err), -EINVAL);
	assert_non_null(strstr(err.text, "Landlock"));
	options.workspace_mode = WORKSPACE_COW;
	expect_refusal(&options, "needs a mount namespace");
	options.workspace_mode = WORKSPACE_RO;
	options.binds = elsewhere;
	options.bind_count = 1;
	expect_refusal(&options, "leave the second path out");
	assert_int_equal(mkdir(below, 0700), 0);
	options.workspace_mode = WORKSPACE_LIVE;
	options.binds = reopened;
	expect_refusal(&options, "cannot be read-only below");
	assert_int_equal(rmdir(below), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_view_holds_what_is_said),
		cmocka_unit_test(test_workspaces_and_binds),
		cmocka_unit_test(test_workspaces_that_are_refused),
		cmocka_unit_test(test_binds_that_are_refused),
		cmocka_unit_test(test_relay),
		cmocka_unit_test(test_lite),
	};

	return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
