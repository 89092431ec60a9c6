/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/policy.h"
#include "monitor/policy/source.h"

/* Policies as files: which are taken, in what order, and who may own and write them. */

static char folder[] = "/tmp/cordon-policy-XXXXXX";

/* The id stands in line 4. */
static const char rule[] =
	"{\n  \"policy\": \"t\", \"version\": 1,\n  \"rules\": [{\n"
	"      \"id\": \"%s\", \"category\": \"test\", \"severity\": \"low\", \"on\": [\"exec\"],\n"
	"      \"when\": \"action.name == 'x'\", \"verdict\": \"deny\", \"because\": \"no\",\n"
	"      \"match\": [{\"action\": {\"kind\": \"exec\", \"name\": \"x\"}}],\n"
	"      \"not_match\": [{\"action\": {\"kind\": \"exec\", \"name\": \"y\"}}]\n  }]\n}\n";

static void put_file(const char *name, const char *id)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder, name);
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fprintf(file, rule, id) > 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0644), 0);
}

static int load_folder(struct policy **ret, struct error *err)
{
	const char *path = folder;

	*err = (struct error){0};
	return policy_load(&path, 1, ret, err);
}

static void expect_file_error(int code, const char *format)
{
	_cleanup_free_ char *expected = NULL;
	struct policy *policy = NULL;
	struct error err;
	char *end;

	assert_int_equal(load_folder(&policy, &err), code);
	assert_null(policy);
	end = strchr(err.text, '\n');
	if (end)
		*end = '\0';
	expected = xasprintf("%s", format);
	for (char *at; (at = strstr(expected, "@"));) { /* @ is the folder */
		char *next = xasprintf("%.*s%s%s", (int)(at - expected), expected, folder, at + 1);

		free(expected);
		expected = next;
	}
	assert_string_equal(err.text, expected);
}

static void set_mode(const char *name, mode_t mode)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder, name);

	assert_int_equal(chmod(path, mode), 0);
}

static void set_group(const char *path, gid_t group)
{
	if (geteuid() == 0)
		assert_int_equal(chown(path, 0, group), 0);
}

/* What the group may write is refused, unless the group is the owner's private one. */
static void check_group(const char *path, const char *refusal)
{
	const bool is_root = geteuid() == 0; /* and can give the file to either group */
	struct policy *policy = NULL;
	struct error err;

	set_group(path, 12345);
	if (is_root || getegid() != geteuid())
		expect_file_error(-EPERM, refusal);
	set_group(path, 0);
	if (is_root || getegid() == geteuid()) {
		assert_int_equal(load_folder(&policy, &err), 0);
		policy = policy_free(policy);
	}
}

static void test_files(void **state)
{
	_cleanup_free_ char *a = NULL;
	_cleanup_free_ char *b = NULL;
	struct policy *policy = NULL;
	struct error err;

	(void)state;
	assert_non_null(mkdtemp(folder));
	a = xasprintf("%s/a.json", folder);
	b = xasprintf("%s/b.json", folder);
	expect_file_error(-ENOENT, "policy folder @: no *.json in it");
	put_file("b.json", "one");
	put_file("a.json", "two");
	assert_int_equal(load_folder(&policy, &err), 0);
	assert_int_equal(policy_rule_count(policy), 2);
	assert_string_equal(policy_rule(policy, 0)->id, "two"); /* by file name */
	assert_string_equal(policy_rule(policy, 1)->file, b);
	policy = policy_free(policy);

	put_file("a.json", "one");
	expect_file_error(
		-EEXIST,
		"@/b.json:4:13: a rule with the id \"one\" is in @/a.json already: rename one");
	put_file("a.json", "two");
	set_mode("a.json", 0664);
	check_group(a, "policy @/a.json: others than its owner may write it; chmod go-w @/a.json");
	set_mode("a.json", 0646);
	expect_file_error(-EPERM, "policy @/a.json: others than its owner may write it; chmod go-w "
				  "@/a.json");
	set_mode("a.json", 0600);
	assert_int_equal(chmod(folder, 0770), 0);
	check_group(folder, "policy @: others than its owner may write it; chmod go-w @");
	assert_int_equal(chmod(folder, 0700), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(a, 12345, 0), 0);
		expect_file_error(-EPERM,
				  "policy @/a.json: belongs to user 12345, not to root or to "
				  "you; chown it or use a copy of your own");
	}
	assert_int_equal(unlink(a), 0);
	assert_int_equal(mkdir(a, 0755), 0);
	expect_file_error(-EINVAL, "policy @/a.json: not a file");
	assert_int_equal(rmdir(a), 0);
	assert_int_equal(symlink("/nonexistent", a), 0);
	expect_file_error(-ENOENT, "cannot open policy @/a.json: No such file or directory");
	assert_int_equal(unlink(a), 0);
	assert_int_equal(unlink(b), 0);
	assert_int_equal(rmdir(folder), 0);
	expect_file_error(-ENOENT, "cannot open policy @: No such file or directory");
}

/* Its match is none. */
static const char false_example[] =
	"{\"policy\": \"t\", \"version\": 1, \"rules\": [{\"id\": \"false\", \"category\": \"test\","
	"\"severity\": \"low\", \"on\": [\"exec\"], \"when\": \"action.name == 'x'\","
	"\"verdict\": \"deny\", \"because\": \"no\","
	"\"match\": [{\"action\": {\"kind\": \"exec\", \"name\": \"z\"}}],"
	"\"not_match\": [{\"action\": {\"kind\": \"exec\", \"name\": \"y\"}}]}]}\n";

static int load_checked(const char *path, const char *checked)
{
	struct policy *policy = NULL;
	struct error err;
	const int r = policy_load_with(
		&(struct policy_files){.paths = &path, .count = 1, .checked = checked}, &policy,
		&err);

	(void)policy_free(policy);
	return r;
}

/* Whoever knows a hash is believed about the bytes that have it, and about no others. */
static void test_examples_known_to_hold(void **state)
{
	char path[] = "/tmp/cordon-policy-XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);
	struct sources sources = {0};
	struct error err;
	char hash[65];

	(void)state;
	assert_true(write(fd, false_example, strlen(false_example)) > 0);
	assert_int_equal(sources_add_path(&sources, path, &err), 0);
	sources_hash(&sources, hash);
	sources_done(&sources);
	assert_int_equal(load_checked(path, NULL), -EINVAL);
	assert_int_equal(load_checked(path, ""), -EINVAL);
	assert_int_equal(load_checked(path, hash), 0);
	assert_true(write(fd, "\n", 1) == 1);
	assert_int_equal(load_checked(path, hash), -EINVAL);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples_known_to_hold),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
