/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "sandbox/spec.h"

/*
 * Specs that are wrong, word for word. Each row puts one member in the place of that of a good
 * spec, so that nothing else can be the reason.
 */

static const char *const good[][2] = {
	{"session", "\"s1\""},
	{"hostname", "\"cordon\""},
	{"uid", "1000"},
	{"gid", "1000"},
	{"outer_base", "1000"},
	{"outer_count", "1"},
	{"home", "\"/home/agent\""},
	{"workspace", "\"/workspace\""},
	{"landlock", "true"},
	{"cgroup", "true"},
	{"limits", "{}"},
	{"env", "[\"A=1\"]"},
	{"mounts", "[{\"kind\":\"proc\",\"target\":\"/proc\"}]"},
};

#define PROC "{\"kind\":\"proc\",\"target\":\"/proc\"}"

static const struct {
	const char *member, *value, *expected;
} rows[] = {
	{"session", "\"\"",
	 "session id \"\": 1 to 64 of A-Z a-z 0-9 . _ -, not starting with . or -"},
	{"session", "\"../x\"",
	 "session id \"../x\": 1 to 64 of A-Z a-z 0-9 . _ -, not starting with . or -"},
	{"session", "7", "$.session: expected string, found number"},
	{"session", NULL, "$: member \"session\" (string) is missing"},
	{"hostname", "\"a b\"", "host name \"a b\" is not usable"},
	{"net", "\"host\"", "$.net: there is no net \"host\""},
	{"isolation", "\"half\"", "$.isolation: there is no isolation \"half\""},
	{"isolation", "\"lite\"",
	 "mount /proc of kind proc: isolation lite has no mounts, only binds at their own path and "
	 "tmpfs folders below /tmp/cordon-s1"},
	{"uid", "0", "uid 0, gid 1000: must be 1..65535"},
	{"gid", "65536", "uid 1000, gid 65536: must be 1..65535"},
	{"uid", "-1", "$.uid: expected a whole number from 0 to 4294967295"},
	{"uid", "1.5", "$.uid: expected a whole number from 0 to 4294967295"},
	{"outer_count", "2",
	 "host ids 1000+2: a session maps one id, or 65536 of them from 65536 up"},
	{"outer_count", "65536",
	 "host ids 1000+65536: a session maps one id, or 65536 of them from 65536 up"},
	{"home", "\"home\"", "home and workspace must be absolute paths"},
	{"workspace", "\"/a/../b\"", "home and workspace must be absolute paths"},
	{"workspace", "\"/a/\"", "home and workspace must be absolute paths"},
	{"workspace", "\"/a//b\"", "home and workspace must be absolute paths"},
	{"upper_dir", "\"u\"", "upper_dir must be an absolute path"},
	{"landlock", "1", "$.landlock: expected boolean, found number"},
	{"limits", "{\"memory\":1}",
	 "$.limits: unknown member \"memory\"; known are: memory_bytes, pids, cpu_millis, "
	 "open_files, file_size_bytes, layer_bytes"},
	{"limits", "{\"memory_bytes\":9007199254740992}",
	 "$.limits.memory_bytes: expected a whole number from 0 to 9007199254740991"},
	{"limits", "{\"pids\":4294967296}",
	 "$.limits.pids: expected a whole number from 0 to 4294967295"},
	{"env", "[1]", "$.env: expected strings"},
	{"env", "[\"A\"]", "environment entry \"A\" is not NAME=value"},
	{"env", "[\"=A\"]", "environment entry \"=A\" is not NAME=value"},
	{"extra", "1",
	 "$: unknown member \"extra\"; known are: session, isolation, net, hostname, uid, gid, "
	 "outer_base, outer_count, home, workspace, upper_dir, landlock, cgroup, limits, env, mounts"},
	{"mounts", "[]", "a spec has one mount of kind proc and at most one of kind dev"},
	{"mounts", "[" PROC "," PROC "]",
	 "a spec has one mount of kind proc and at most one of kind dev"},
	{"mounts", "[{\"kind\":\"proc\",\"target\":\"/x\"}]",
	 "mount of kind proc must be at /proc, not at /x"},
	{"mounts", "[{\"kind\":\"fuse\",\"target\":\"/x\"}]",
	 "$.mounts[0].kind: there is no mount kind \"fuse\""},
	{"mounts", "[" PROC ",{\"kind\":\"tmpfs\"}]",
	 "$.mounts[1]: member \"target\" (string) is missing"},
	{"mounts", "[" PROC ",{\"kind\":\"tmpfs\",\"target\":\"/\"}]",
	 "mount target \"/\" must be an absolute path below / without \"..\""},
	{"mounts", "[" PROC ",{\"kind\":\"tmpfs\",\"target\":\"/a/./b\"}]",
	 "mount target \"/a/./b\" must be an absolute path below / without \"..\""},
	{"mounts", "[" PROC ",{\"kind\":\"tmpfs\",\"target\":\"/dev/x\"}]",
	 "mount target /dev/x: /proc, /dev and /sys cannot be mounted into; choose another target "
	 "(SOURCE:TARGET)"},
	{"mounts", "[" PROC ",{\"kind\":\"tmpfs\",\"target\":\"/a\",\"source\":\"/b\"}]",
	 "mount /a of kind tmpfs: source must be empty"},
	{"mounts", "[" PROC ",{\"kind\":\"bind\",\"target\":\"/a\"}]",
	 "mount /a of kind bind: source must be an absolute path"},
	{"mounts", "[" PROC ",{\"kind\":\"bind\",\"target\":\"/a\",\"source\":\"/proc/1\"}]",
	 "/proc/1 cannot be mounted into the sandbox: it is the host's view of its processes and "
	 "devices"},
	{"mounts", "[" PROC ",{\"kind\":\"overlay\",\"target\":\"/a\",\"source\":\"/a\"}]",
	 "mount /a of kind overlay: upper and work must be absolute paths"},
	{"mounts", "[" PROC ",{\"kind\":\"file\",\"target\":\"/a\"}]",
	 "mount /a of kind file: text must be there, at most 64 KiB"},
	{"mounts", "[" PROC ",{\"kind\":\"symlink\",\"target\":\"/a\",\"text\":\"\"}]",
	 "symlink /a: bad text"},
	{"mounts", "[" PROC ",{\"kind\":\"tmpfs\",\"target\":\"/a\",\"mode\":2541}]",
	 "mount /a: mode 4755 has set-id bits"},
	{"mounts", "[" PROC ",{\"kind\":\"tmpfs\",\"target\":\"/a\",\"mode\":-1}]",
	 "$.mounts[1].mode: expected a whole number from 0 to 4294967295"},
	{"mounts", "[" PROC ",{\"kind\":\"tmpfs\",\"target\":\"/a\",\"size_bytes\":0.5}]",
	 "$.mounts[1].size_bytes: expected a whole number from 0 to 9007199254740991"},
};

static int read_spec(const char *member, const char *value, struct spec *ret, struct error *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	_cleanup_(json_freep) struct json *doc = NULL;
	bool replaced = false;

	buf_putc(&text, '{');
	for (size_t i = 0; i < COUNT(good); i++) {
		const bool this = !strcmp(good[i][0], member);
		const char *put = this ? value : good[i][1];

		replaced |= this;
		if (put)
			buf_printf(&text, "%s\"%s\":%s", text.len > 1 ? "," : "", good[i][0], put);
	}
	if (!replaced && value)
		buf_printf(&text, ",\"%s\":%s", member, value);
	buf_putc(&text, '}');
	if (json_parse("spec", text.data, text.len, &doc, err) < 0)
		fail_msg("%s: %s", text.data, err->text);
	return spec_from_json(doc, ret, err);
}

static void test_members(void **state)
{
	_cleanup_(spec_done) struct spec spec = {0};
	struct error err = {0};

	(void)state;
	if (read_spec("", NULL, &spec, &err) < 0) /* as it stands it is good */
		fail_msg("%s", err.text);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct spec bad = {0};

		if (read_spec(rows[i].member, rows[i].value, &bad, &err) == 0)
			fail_msg("%s: %s: not refused", rows[i].member, rows[i].value);
		if (strcmp(err.text, rows[i].expected) != 0)
			fail_msg("%s\n  but: %s", err.text, rows[i].expected);
		assert_null(bad.session);
	}
}

static void expect_refused(const struct spec *spec, const char *expected)
{
	struct error err = {0};

	assert_true(spec_check(spec, &err) < 0);
	assert_string_equal(err.text, expected);
}

/* What only the launcher's encoding can hold. */
static void test_what_json_cannot_say(void **state)
{
	_cleanup_(spec_done) struct spec spec = {0};
	struct spec_mount *m;

	(void)state;
	assert_int_equal(read_spec("", NULL, &spec, NULL), 0);
	m = spec_add_mount(&spec, MOUNT_BIND, "/x", NULL);
	expect_refused(&spec, "mount of kind bind without a target");
	m->target = xstrdup("/x");
	assert_int_equal(spec_check(&spec, NULL), 0);
	m->kind = (enum spec_mount_kind)99;
	expect_refused(&spec, "mount of unknown kind 99");
	m->kind = MOUNT_BIND;
	while (spec.mount_count <= SPEC_MAX_MOUNTS)
		(void)spec_add_mount(&spec, MOUNT_BIND, "/x", "/x");
	expect_refused(&spec, "257 mounts, at most 256 are possible");
}

static void test_sizes(void **state)
{
	_cleanup_buf_ struct buf value = BUF_INIT(0);
	struct spec spec = {0};
	struct error err = {0};

	(void)state;
	buf_puts(&value, "[\"A=0\"");
	for (unsigned i = 1; i <= SPEC_MAX_ENV; i++)
		buf_printf(&value, ",\"A%u=0\"", i);
	buf_puts(&value, "]");
	assert_int_equal(read_spec("env", value.data, &spec, &err), -E2BIG);
	assert_string_equal(err.text, "$.env: more than 256 entries");
	buf_clear(&value);
	buf_puts(&value, "[\"A=");
	for (unsigned i = 0; i < SPEC_MAX_ENV_BYTES; i++)
		buf_putc(&value, 'x');
	buf_puts(&value, "\"]");
	assert_int_equal(read_spec("env", value.data, &spec, &err), -E2BIG);
	assert_string_equal(err.text, "environment of 1 entries, 65539 bytes; at most 256, 65536");
	buf_clear(&value);
	buf_puts(&value, "[" PROC);
	for (unsigned i = 0; i < SPEC_MAX_MOUNTS; i++)
		buf_puts(&value, "," PROC);
	buf_puts(&value, "]");
	assert_int_equal(read_spec("mounts", value.data, &spec, &err), -E2BIG);
	assert_string_equal(err.text, "$.mounts: more than 256 mounts");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_what_json_cannot_say),
		cmocka_unit_test(test_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
