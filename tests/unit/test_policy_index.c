/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/decide.h"
#include "monitor/policy/policy_index.h"
#include "monitor/policy/policy_state.h"
#include "monitor/policy/rule.h"
#include "tests/support/every_rule.h"

/* Many rules: the index brings every rule that asking each of them would, and takes no memory. */

/* Counted from test to test: the linker sends every allocation of the program through these. */
static unsigned long allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
	allocations++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	allocations++;
	return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	allocations++;
	return __real_realloc(old, size);
}

/* '#' is the rule's number; `other` is what an action must not have to match none of them. */
struct set {
	const char *kind, *other;
	const char *conditions[24];
};

static const struct set of_programs = {
	"exec",
	"\"argv\":[\"\",\"n#\",\"?\"],\"provenance\":\"image\"",
	{"action.name == 'n#'", "action.name in ['n#', 'm#']",
	 "command(action.argv) in ['n#', 'ssh']", "action.path.startsWith('/usr/#')",
	 "glob(action.path, ['**/.d#/*', '/opt/x#/**'])", "glob(action.path, '**/*.e#')",
	 "glob(action.path, ['/none#', '/zero#', '/*/*/?'])", "glob(action.path, '/t#/~')",
	 "action.argv.exists(a, a == 'm#' || a.startsWith('--n#'))", "'l#' in session.labels",
	 "'m#' in action.argv && action.provenance == 'image'",
	 "!(action.provenance == 'image') && action.cwd != '/#'", "action.argv.all(a, a != 'n#')",
	 "action.argv.all(a, a == 'n#')", "action.argv[2] == 'n#'", "action.argv[0].matches('^n#')",
	 /* what is evaluated by walking the tree */
	 "action.argv.filter(a, a == 'n#').size() > 0 && action.name == 'n#'",
	 "action.argv.map(a, a + '#') == ['n##']", "action.path.matches('/n#$')",
	 "action.argv.exists_one(a, a in {'q#': 1, 'm#': 2})", NULL},
};

static const struct set of_connections = {
	"net.connect",
	"\"address\":\"192.0.2.1\",\"host\":\"none.example\"",
	{"hostMatches(action.host, 'a#.example.org')", "hostMatches(action.host, '*.b#.example')",
	 "hostMatches(action.host, ['**.c#.example', '10.0.#.1'])",
	 "inCIDR(action.address, '10.#.0.0/16')", "inCIDR(action.address, ['fd00:#::/32', '::1'])",
	 "action.port == 7# && !action.loopback", "action.family in ['f#', 'g#']", NULL},
};

/* The condition with the number in place of each '#'. */
static void put_condition(struct buf *out, const char *condition, unsigned n)
{
	for (; *condition; condition++) {
		if (*condition == '#')
			buf_printf(out, "%u", n);
		else
			buf_putc(out, *condition);
	}
}

static struct policy *many_rules(const struct set *set, unsigned count)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct policy *policy = NULL;
	struct error err = {0};
	unsigned which = 0;

	buf_puts(&text, "{\"policy\":\"t\",\"version\":1,\"rules\":[");
	for (unsigned i = 0; i < count; i++) {
		const unsigned n = i % 40;

		buf_printf(&text,
			   "%s{\"id\":\"r%u\",\"category\":\"c\",\"severity\":\"low\",\"on\":["
			   "\"%s\"],\"verdict\":\"%s\",\"because\":\"b\",\"when\":\"",
			   i ? "," : "", i, set->kind, i % 3 ? "deny" : "kill");
		put_condition(&text, set->conditions[which], n);
		buf_printf(&text,
			   " || action.path == '/!'\",\"match\":[{\"action\":{\"kind\":\"%s\","
			   "\"path\":\"/!\"%s}}],\"not_match\":[{\"action\":{\"kind\":\"%s\",",
			   set->kind, set == &of_programs ? ",\"argv\":[\"\",\"\",\"\"]" : "",
			   set->kind);
		put_condition(&text, set->other, n);
		buf_puts(&text, "}}]}");
		which = set->conditions[which + 1] ? which + 1 : 0;
	}
	buf_puts(&text, "]}");
	if (policy_load_text("t", text.data, text.len, &policy, &err) < 0)
		fail_msg("%s", err.text);
	return policy;
}

/* Return: how many rules match. */
static uint32_t check_against_every_rule(const struct policy *policy, const struct action *action,
					 uint64_t labels)
{
	struct policy_state *a = policy_state_new(policy);
	struct policy_state *b = policy_state_new(policy);
	struct decision got;
	struct decision expected;

	policy_state_add_labels(a, labels);
	policy_state_add_labels(b, labels);
	policy_decide(policy, a, action, &got);
	every_rule_decide(policy, b, action, &expected);
	assert_int_equal(got.matched, expected.matched);
	assert_int_equal(got.verdict, expected.verdict);
	assert_ptr_equal(got.rule, expected.rule);
	assert_int_equal(got.found, expected.found);
	if (got.found <= MAX_FOUND)
		assert_memory_equal(got.found_rules, expected.found_rules,
				    got.found * sizeof(got.found_rules[0]));
	(void)policy_state_free(a);
	(void)policy_state_free(b);
	return got.matched;
}

static void test_the_index_loses_no_program(void **state)
{
	struct policy *policy = many_rules(&of_programs, 520);

	(void)state;
	for (unsigned n = 0; n < 40; n++) {
		char texts[6][32];
		struct str argv[3];
		struct action action = {.kind = ACTION_EXEC, .provenance = STR("image")};

		(void)snprintf(texts[0], sizeof(texts[0]), "n%u", n);
		(void)snprintf(texts[1], sizeof(texts[1]), "/usr/%u/x", n);
		(void)snprintf(texts[2], sizeof(texts[2]), "/a/.d%u/b.e%u", n, n);
		(void)snprintf(texts[3], sizeof(texts[3]), "/opt/x%u", n);
		(void)snprintf(texts[4], sizeof(texts[4]), "/t%u/~", n);
		(void)snprintf(texts[5], sizeof(texts[5]), "--n%u=1", n);
		argv[0] = str_of(texts[5]);
		argv[1] = argv[2] = str_of(texts[0]);
		for (unsigned i = 0; i < 16; i++) {
			action.name = i & 1 ? str_of(texts[0]) : STR("ls");
			action.path = str_of(texts[1 + i % 4]);
			action.argv = (struct str_list){argv + (i & 1), i / 2 % 3};
			(void)check_against_every_rule(policy, &action,
						       i & 8 ? UINT64_C(1) << n : 0);
		}
	}
	(void)policy_free(policy);
}

static void test_the_index_loses_no_connection(void **state)
{
	static const char *const hosts[] = {
		"A#.Example.org.",
		"x.b#.example",
		"x.y.c#.example",
		"::ffff:10.0.#.1",
		"10.0.#.1",
		"c#.example",
		"",
	};
	static const char *const addresses[] = {"10.#.3.4", "::ffff:10.#.0.0", "fd00:#::9",
						"::1",	    "no address",      ""};
	struct policy *policy = many_rules(&of_connections, 280);

	(void)state;
	for (unsigned i = 0; i < 40 * COUNT(hosts) * COUNT(addresses); i++) {
		const unsigned n = i % 40;
		_cleanup_buf_ struct buf host = BUF_INIT(0);
		_cleanup_buf_ struct buf address = BUF_INIT(0);
		_cleanup_buf_ struct buf family = BUF_INIT(0);
		struct action action = {.kind = ACTION_CONNECT, .port = (n < 10 ? 70 : 700) + n};

		put_condition(&host, hosts[i / 40 % COUNT(hosts)], n);
		put_condition(&address, addresses[i / 40 / COUNT(hosts)], n);
		buf_printf(&family, "%c%u", i & 1 ? 'g' : 'x', n);
		action.host = (struct str){host.data, host.len};
		action.address = (struct str){address.data, address.len};
		action.family = str_of(family.data);
		action.loopback = i % 3;
		(void)check_against_every_rule(policy, &action, 0);
	}
	(void)policy_free(policy);
}

/* What asks about true and false is no candidate where that is otherwise; each with an action that
 * it matches, and one that it does not. */
static const struct {
	const char *when, *match, *not_match;
} of_flags[] = {
	{"action.write && !action.folder", ",\"write\":true", ""},
	{"!(action.write || action.folder)", "", ",\"write\":true"},
	{"!(action.write && action.folder)", "", ",\"write\":true,\"folder\":true"},
	{"!!action.write && action.create == false", ",\"write\":true", ""},
	{"action.write == true || action.write && action.folder", ",\"write\":true", ""},
	{"!(action.write == true) && !(action.create || !action.folder)", ",\"folder\":true", ""},
	{"(action.write || action.folder) && !(action.write && action.folder)", ",\"write\":true",
	 ""},
	{"action.write != action.folder && action.path == '/x'", ",\"write\":true,\"path\":\"/x\"",
	 ""},
	{"!action.write && action.path == '/x'", ",\"path\":\"/x\"", ""},
};

static void test_the_index_loses_no_flag(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct policy *policy = NULL;
	struct error err = {0};
	uint32_t matched = 0;

	(void)state;
	buf_puts(&text, "{\"policy\":\"t\",\"version\":1,\"rules\":[");
	for (unsigned i = 0; i < COUNT(of_flags); i++)
		buf_printf(&text,
			   "%s{\"id\":\"r%u\",\"category\":\"c\",\"severity\":\"low\",\"on\":["
			   "\"file.open\"],\"verdict\":\"log\",\"because\":\"b\",\"when\":\"%s\","
			   "\"match\":[{\"action\":{\"kind\":\"file.open\"%s}}],"
			   "\"not_match\":[{\"action\":{\"kind\":\"file.open\"%s}}]}",
			   i ? "," : "", i, of_flags[i].when, of_flags[i].match,
			   of_flags[i].not_match);
	buf_puts(&text, "]}");
	if (policy_load_text("t", text.data, text.len, &policy, &err) < 0)
		fail_msg("%s", err.text);
	for (unsigned way = 0; way < 16; way++) {
		const struct action action = {.kind = ACTION_FILE_OPEN,
					      .path = way & 8 ? STR("/x") : STR("/y"),
					      .write = way & 1,
					      .create = way & 2,
					      .folder = way & 4};

		matched += check_against_every_rule(policy, &action, 0);
	}
	assert_int_equal(matched, 4 + 4 + 12 + 4 + 8 + 2 + 8 + 4 + 4);
	(void)policy_free(policy);
}

/* A path that the glob matches. @deep: with more components than keys of a path are kept. */
static void put_path(struct buf *out, struct str glob, bool is_deep)
{
	for (unsigned i = 0; is_deep && i < MAX_PATH_KEYS; i++)
		buf_puts(out, "/d");
	for (size_t i = 0; i < glob.len; i++) {
		const char c = glob.at[i];
		const bool deep = c == '*' && i + 1 < glob.len && glob.at[i + 1] == '*';

		if (c == '~')
			buf_puts(out, SESSION_HOME);
		else if (deep)
			buf_puts(out, i ? "d/e" : "/d/e");
		else if (c == '\\')
			buf_putc(out, glob.at[i + 1]);
		else
			buf_putc(out, c == '*' || c == '?' ? 'x' : c);
		i += deep || c == '\\';
	}
}

/* Each list of the policies that ship, as paths, opened and changed in each way. */
static void test_the_index_loses_no_path(void **state)
{
	const char *paths[] = {SHIPPED};
	struct policy *policy = NULL;
	struct error err = {0};
	unsigned long matched = 0;

	(void)state;
	if (policy_load(paths, 1, &policy, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < policy->list_count; i++) {
		for (size_t k = 0; policy->lists[i].strings && k < policy->lists[i].count; k++) {
			const struct str glob = policy->lists[i].strings[k];
			_cleanup_buf_ struct buf path = BUF_INIT(0);

			put_path(&path, glob, k % 2 && glob.len > 2 && glob.at[1] == '*');
			for (unsigned way = 0; way < 32; way++) {
				const struct action action = {
					.kind = way & 1 ? ACTION_FILE_OPEN : ACTION_FILE_CHANGE,
					.op = way & 1 ? STR("") : STR("rename"),
					.path = {path.data, path.len},
					.target = {path.data, way & 1 ? 0 : path.len},
					.write = way & 2,
					.folder = way & 4,
					.result = way & 8 ? -2 : 3,
					.provenance = way & 16 ? STR("host-bound") : STR("image")};

				matched += check_against_every_rule(policy, &action, 0);
			}
		}
	}
	assert_true(matched > 1000);
	(void)policy_free(policy);
}

/* A shipped rule without a telling key is asked about every action of its kind. Of programs one is
 * (matches() has no key), and what every program begins anew or may be: the "until" of the five
 * rules about scripts, and a program that starts itself, as rule and as step; of changes of modes,
 * and of files opened to be written, the two that ask for the result or for what was there. */
static void test_ordinary_actions_meet_hardly_a_rule(void **state)
{
	static const struct str argv[] = {STR("gcc"), STR("-O2"), STR("-c"), STR("src/parser.c")};
	static const struct action actions[] = {
		{.kind = ACTION_EXEC,
		 .path = STR("/usr/bin/x86_64-linux-gnu-gcc-12"),
		 .name = STR("x86_64-linux-gnu-gcc-12"),
		 .provenance = STR("image"),
		 .argv = {argv, COUNT(argv)}},
		{.kind = ACTION_FILE_OPEN, .path = STR("/workspace/src/package/parser.py")},
		{.kind = ACTION_FILE_OPEN,
		 .path = STR("/workspace/module/parser.py")}, /* not /sys/module */
		/* only who writes there, or lists it, is asked about */
		{.kind = ACTION_FILE_OPEN, .path = STR("/usr/lib/x86_64-linux-gnu/libm.so.6")},
		{.kind = ACTION_FILE_OPEN,
		 .path = STR("/workspace/src/package/parser.py"),
		 .write = true,
		 .provenance = STR("workspace")},
		{.kind = ACTION_FILE_CHANGE,
		 .op = STR("chmod"),
		 .path = STR("/workspace/src/package/parser.py"),
		 .write = true,
		 .provenance = STR("workspace")},
	};
	const char *paths[] = {SHIPPED};
	struct policy *policy = NULL;
	struct error err = {0};

	(void)state;
	if (policy_load(paths, 1, &policy, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < COUNT(actions); i++) {
		const struct cel_env env = {.action = &actions[i]};
		struct candidates found;
		struct candidate_walk walk = {.of = &found};
		uint32_t number;
		int met = 0;

		policy_index_candidates(policy, &env, &found);
		while (candidates_next(&walk, &number))
			met++;
		assert_in_range(met, 0,
				actions[i].kind == ACTION_EXEC ? 8
				: actions[i].write	       ? 2
							       : 0);
	}
	(void)policy_free(policy);
}

static void test_a_decision_takes_no_memory(void **state)
{
	struct policy *policy = many_rules(&of_programs, 520);
	struct policy_state *session = policy_state_new(policy);
	const unsigned long before = allocations;

	(void)state;
	assert_true(before > 0); /* the counting works */
	for (unsigned i = 0; i < EVERY_ACTION_COUNT; i++) {
		struct str items[4];
		struct action action;
		struct decision d;

		every_action(i, STR("n7"), items, &action);
		policy_decide(policy, session, &action, &d);
	}
	assert_int_equal(allocations, before);
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_index_loses_no_program),
		cmocka_unit_test(test_the_index_loses_no_connection),
		cmocka_unit_test(test_the_index_loses_no_path),
		cmocka_unit_test(test_the_index_loses_no_flag),
		cmocka_unit_test(test_ordinary_actions_meet_hardly_a_rule),
		cmocka_unit_test(test_a_decision_takes_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
