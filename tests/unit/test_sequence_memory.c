/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/policy_state.h"
#include "monitor/policy/sequence.h"
#include "tests/unit/sequence_fixture.h"

/* What sequences remember takes the memory that it was given, and whose it is. */

/* Every allocation is counted: a decision must not make one, and a session few bytes. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);

static unsigned long allocated;

void *__wrap_malloc(size_t size)
{
	allocated += size;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	allocated += count * size;
	return __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
	allocated += size;
	return __real_realloc(at, size);
}

static struct action to_host(char text[32], unsigned n, uint64_t ms, int64_t port)
{
	struct action action = of_process(1, ms, port);

	(void)snprintf(text, 32, "h%u.example", n);
	action.host = str_of(text);
	return action;
}

static uint64_t evicted(const struct policy_state *session)
{
	const struct rule_info *rule;
	const uint64_t count = policy_state_evicted(session, &rule);

	assert_int_equal(rule != NULL, count > 0);
	return count;
}

static void test_100000_events_take_64_kib(void **state)
{
	struct policy *policy = load(
		"log", "{\"steps\":[" STEP(1) "," STEP(2) "],\"by\":\"host\",\"within\":\"1s\"}",
		CONNECT(1) "," CONNECT(2));
	const unsigned long before = allocated;
	struct policy_state *session = policy_state_new(policy);
	const unsigned long taken = allocated - before;
	uint64_t first_loss = 0;
	char text[32];

	(void)state;
	assert_in_range(taken, 1024, 64 << 10);
	/* Few at a time: those that are over make room, and nothing is lost. */
	for (unsigned i = 0; i < 50000; i++)
		(void)fires(policy, session, to_host(text, i, 10ULL * i, 1));
	assert_int_equal(evicted(session), 0);
	/* All at once: the oldest gives way, and it is told. */
	for (unsigned i = 0; i < 50000; i++) {
		(void)fires(policy, session, to_host(text, i, 1000000, 1));
		if (evicted(session) && !first_loss)
			first_loss = i;
	}
	assert_in_range(first_loss, 100, 2000);
	assert_int_equal(evicted(session), 50000 - first_loss);
	assert_int_equal(allocated - before, taken);
	/* The youngest are still known. */
	(void)fires(policy, session, to_host(text, 49999, 1000001, 2));
	assert_true(fires(policy, session, to_host(text, 49999, 1000002, 9)));
	(void)fires(policy, session, to_host(text, 1, 1000003, 2));
	assert_false(fires(policy, session, to_host(text, 1, 1000004, 9)));
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

/* Two rules by lineage in one policy: "a" of port 1 then 9, "b" of port 2 then 8. */
static struct policy *load_two(void)
{
#define RULE(_id, _last, _first)                                                                \
	"{\"id\":\"" _id "\",\"category\":\"c\",\"severity\":\"low\",\"on\":[\"net.connect\"]," \
	"\"when\":\"action.port == " #_last "\",\"verdict\":\"log\",\"because\":\"b\","         \
	"\"sequence\":{\"steps\":[" STEP(                                                       \
		_first) "],\"by\":\"lineage\"},"                                                \
			"\"match\":[{\"before\":[" CONNECT(                                     \
				_first) "],\"action\":{\"kind\":\"net.connect\","               \
					"\"port\":" #_last                                      \
					"}}],\"not_match\":[{\"action\":{\"kind\":\"net.connect\",\"port\":5}}]}"
	static const char text[] =
		"{\"policy\":\"t\",\"version\":1,\"defaults\":{\"net.connect\":"
		"\"allow\"},\"rules\":[" RULE("a", 9, 1) "," RULE("b", 8, 2) "]}";
	struct policy *policy = NULL;
	struct error err = {0};

	if (policy_load_text("t", text, strlen(text), &policy, &err) < 0)
		fail_msg("%s", err.text);
	return policy;
}

/* Most of the memory is there for who needs it, and a flood takes it from nobody who has little. */
static void test_rules_share_the_room(void **state)
{
	struct policy *policy = load_two();
	struct policy_state *session = policy_state_new(policy);
	const unsigned long before = allocated;
	unsigned held = 0;
	const struct rule_info *rule;

	(void)state;
	for (uint32_t pid = 1; pid <= 5; pid++)
		(void)fires(policy, session, of_process(pid, 1, 2));
	while (!evicted(session))
		(void)fires(policy, session, of_process(1000 + held++, 2, 1));
	assert_true(held > (SEQUENCE_BYTES / 24 / 2) + 100); /* more than half of it */
	for (unsigned i = 0; i < 20000; i++)
		(void)fires(policy, session, of_process(100000 + i, 3, 1));
	(void)policy_state_evicted(session, &rule);
	assert_string_equal(rule->id, "a");
	/* The other rule still knows all of its own, and nothing of the first one's. */
	for (uint32_t pid = 1; pid <= 5; pid++)
		assert_true(fires(policy, session, of_process(pid, 4, 8)));
	assert_false(fires(policy, session, of_process(1, 4, 9)));
	assert_false(fires(policy, session, of_process(119999, 4, 8)));
	assert_true(fires(policy, session, of_process(119999, 4, 9)));
	assert_int_equal(allocated, before);
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_100000_events_take_64_kib),
		cmocka_unit_test(test_rules_share_the_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
