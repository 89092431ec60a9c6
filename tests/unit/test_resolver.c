/* SPDX-License-Identifier: Apache-2.0 */

/* The resolver against a name server of the test's own, on loopback and on the same loop. */

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "monitor/net/resolver.h"
#include "tests/unit/name_server.h"

/* However slow the machine is, nothing is asked twice for want of an answer. */
#define LONG_MS 240000u

static uv_loop_t loop;
static struct name_server server;

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	name_server_start(&server, &loop);
	return 0;
}

static void close_handle(uv_handle_t *handle, void *ctx)
{
	(void)ctx;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	uv_walk(&loop, close_handle, NULL);
	while (uv_loop_close(&loop) == UV_EBUSY)
		(void)uv_run(&loop, UV_RUN_DEFAULT);
	(void)close(server.udp_fd);
	return 0;
}

struct result {
	unsigned calls;
	int error;
	size_t count;
	uint8_t addresses[MAX_RESOLVER_ADDRESSES][16];
};

static void on_result(void *ctx, int error, const uint8_t (*addresses)[16], size_t count)
{
	struct result *result = ctx;

	result->calls++;
	result->error = error;
	result->count = count;
	uv_stop(&loop);
	if (count)
		memcpy(result->addresses, addresses, count * 16);
}

static struct resolver *start(unsigned timeout_ms)
{
	const struct resolver_config config = {
		.loop = &loop, .server = server.address, .timeout_ms = timeout_ms};
	struct resolver *resolver = NULL;
	struct error err = {0};

	if (resolver_start(&config, &resolver, &err) < 0)
		fail_msg("%s", err.text);
	return resolver;
}

static void on_stopped(void *ctx)
{
	*(bool *)ctx = true;
	uv_stop(&loop);
}

static void stop(struct resolver *resolver)
{
	bool is_stopped = false;

	resolver_stop(resolver, on_stopped, &is_stopped);
	while (!is_stopped)
		(void)uv_run(&loop, UV_RUN_DEFAULT);
}

static void wait_for(const struct result *result)
{
	assert_int_equal(result->calls, 0); /* never from within resolver_lookup() */
	while (!result->calls)
		(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(result->calls, 1);
}

static struct result look_up(struct resolver *resolver, const char *name)
{
	struct result result = {0};

	(void)resolver_lookup(resolver, name, on_result, &result);
	wait_for(&result);
	return result;
}

static bool has(const struct result *result, const char *text)
{
	uint8_t address[16];

	assert_int_equal(inet_pton(AF_INET6, text, address), 1);
	for (size_t i = 0; i < result->count; i++) {
		if (memcmp(result->addresses[i], address, 16) == 0)
			return true;
	}
	return false;
}

/* ---- tests ---- */

static void test_addresses(void **state)
{
	struct resolver *resolver = start(LONG_MS);
	struct result result = look_up(resolver, "a.test");

	(void)state;
	assert_int_equal(result.error, 0);
	assert_int_equal(result.count, 3);
	assert_true(has(&result, "::ffff:192.0.2.1") && has(&result, "::ffff:192.0.2.2"));
	assert_true(has(&result, "2001:db8::1"));
	assert_int_equal(server.questions, 2);
	/* Once more: from what is kept. */
	result = look_up(resolver, "a.test");
	assert_int_equal(result.count, 3);
	assert_int_equal(server.questions, 2);
	result = look_up(resolver, "alias.test");
	assert_int_equal(result.count, 1);
	assert_true(has(&result, "::ffff:192.0.2.9"));
	stop(resolver);
}

/* Who asks meanwhile waits for the same answer. */
static void test_together(void **state)
{
	struct resolver *resolver = start(LONG_MS);
	struct result one = {0}, two = {0};

	(void)state;
	(void)resolver_lookup(resolver, "a.test", on_result, &one);
	(void)resolver_lookup(resolver, "a.test", on_result, &two);
	wait_for(&one);
	while (!two.calls)
		(void)uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(two.count, 3);
	assert_int_equal(server.questions, 2);
	stop(resolver);
}

static void test_failures(void **state)
{
	struct resolver *resolver = start(LONG_MS);
	unsigned asked;

	(void)state;
	assert_int_equal(look_up(resolver, "empty.test").error, -EHOSTUNREACH);
	assert_int_equal(look_up(resolver, "broken.test").error, -EHOSTUNREACH);
	assert_int_equal(look_up(resolver, "gone.test").error, -EHOSTUNREACH);
	/* These are kept too, for a while. */
	asked = server.questions;
	assert_int_equal(look_up(resolver, "gone.test").error, -EHOSTUNREACH);
	assert_int_equal(server.questions, asked);
	stop(resolver);
}

static void test_silence(void **state)
{
	struct resolver *resolver = start(300);

	(void)state;
	assert_int_equal(look_up(resolver, "silent.test").error, -ETIMEDOUT);
	stop(resolver);
}

static void test_nobody(void **state)
{
	struct resolver *resolver = start(0);
	int nobody_fd = server.udp_fd;

	(void)state;
	/* The port is free from here on, and the kernel says so. */
	(void)uv_poll_stop(&server.poll);
	server.udp_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	(void)close(nobody_fd);
	assert_int_equal(look_up(resolver, "a.test").error, -ETIMEDOUT);
	stop(resolver);
}

static void test_truncated(void **state)
{
	struct resolver *resolver = start(LONG_MS);
	const struct result result = look_up(resolver, "big.test");

	(void)state;
	assert_int_equal(result.count, 2);
	assert_in_range(server.by_tcp, 1, 2);
	stop(resolver);
}

/* What lives for no time is kept for the second that one page's connections take. */
static void test_time_to_live(void **state)
{
	struct resolver *resolver = start(LONG_MS);
	unsigned asked;
	uint64_t since;

	(void)state;
	assert_int_equal(look_up(resolver, "brief.test").count, 2);
	asked = server.questions;
	since = uv_now(&loop);
	while (uv_now(&loop) - since <= 1100) {
		(void)uv_sleep(50);
		uv_update_time(&loop);
	}
	assert_int_equal(look_up(resolver, "brief.test").count, 2);
	assert_true(server.questions > asked);
	stop(resolver);
}

static void test_cancel(void **state)
{
	struct resolver *resolver = start(LONG_MS);
	struct result dropped = {0}, stopped = {0};

	(void)state;
	resolver_cancel(resolver_lookup(resolver, "a.test", on_result, &dropped));
	assert_int_equal(look_up(resolver, "a.test").count, 3);
	assert_int_equal(dropped.calls, 0);
	(void)resolver_lookup(resolver, "silent.test", on_result, &stopped);
	resolver_stop(resolver, NULL, NULL);
	assert_int_equal(stopped.calls, 1);
	assert_int_equal(stopped.error, -ECANCELED);
}

/* One lookup too many is refused, and those before it go on. */
static void test_too_many(void **state)
{
	struct resolver *resolver = start(LONG_MS);
	struct resolver_lookup *lookups[MAX_RESOLVER_LOOKUPS];
	struct result results[MAX_RESOLVER_LOOKUPS] = {0};

	(void)state;
	for (unsigned i = 0; i < MAX_RESOLVER_LOOKUPS; i++)
		lookups[i] = resolver_lookup(resolver, "silent.test", on_result, &results[i]);
	assert_int_equal(look_up(resolver, "a.test").error, -EAGAIN);
	resolver_cancel(lookups[0]);
	assert_int_equal(look_up(resolver, "a.test").count, 3);
	assert_int_equal(results[1].calls, 0);
	stop(resolver);
	assert_int_equal(results[0].calls, 0);
	assert_int_equal(results[1].error, -ECANCELED);
}

/* What is used stays, what was used longest ago goes. */
static void test_bounded(void **state)
{
	struct resolver *resolver = start(LONG_MS);
	char name[32];
	unsigned asked;

	(void)state;
	(void)look_up(resolver, "a.test");
	for (unsigned i = 0; i < MAX_RESOLVER_ENTRIES; i++) {
		(void)snprintf(name, sizeof(name), "n%u.test", i);
		assert_int_equal(look_up(resolver, name).count, 2);
		if (i == MAX_RESOLVER_ENTRIES / 2)
			(void)look_up(resolver, "a.test");
	}
	asked = server.questions;
	assert_int_equal(look_up(resolver, "a.test").count, 3);
	assert_int_equal(server.questions, asked);
	assert_int_equal(look_up(resolver, "n0.test").count, 2);
	assert_int_equal(server.questions, asked + 2);
	stop(resolver);
}

static void test_bad_server(void **state)
{
	const struct resolver_config config = {.loop = &loop, .server = "nowhere"};
	struct resolver *resolver = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(resolver_start(&config, &resolver, &err), -EINVAL);
	assert_non_null(strstr(err.text, "nowhere"));
	assert_null(resolver);
}

#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_addresses),	 TEST(test_together),	TEST(test_failures),
		TEST(test_silence),	 TEST(test_nobody),	TEST(test_truncated),
		TEST(test_time_to_live), TEST(test_cancel),	TEST(test_too_many),
		TEST(test_bounded),	 TEST(test_bad_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
