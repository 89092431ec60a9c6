/* SPDX-License-Identifier: Apache-2.0 */

/* The resolver against a name server of the test's own, on loopback and on the same loop. */

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <uv.h>

#include "monitor/net/resolver.h"
#include "tests/support/port.h"

#define QUESTION_AT 12u
/* However slow the machine is, nothing is asked twice for want of an answer. */
#define LONG_MS 240000u

static uv_loop_t loop;

/* ---- the name server ---- */

static struct {
	int udp_fd;
	char address[32];
	uv_poll_t poll;
	uv_tcp_t listener, client;
	uint8_t in[600], out[600];
	size_t in_len;
	unsigned questions; /* that it was asked */
	unsigned by_tcp;
} server;

static bool asks(const uint8_t *query, const char *name)
{
	return strcasecmp((const char *)query + QUESTION_AT, name) == 0;
}

static size_t put_record(uint8_t *to, unsigned type, unsigned ttl, const void *data, size_t len)
{
	const uint8_t head[12] = {0xc0, QUESTION_AT, 0, (uint8_t)type,	     0,
				  1,	0,	     0, (uint8_t)(ttl >> 8), (uint8_t)ttl,
				  0,	(uint8_t)len};

	memcpy(to, head, sizeof(head));
	memcpy(to + sizeof(head), data, len);
	return sizeof(head) + len;
}

/* Return: bytes of the answer; 0: none. */
static size_t answer(const uint8_t *query, size_t len, bool is_tcp, uint8_t *out)
{
	const size_t name_len = strlen((const char *)query + QUESTION_AT) + 1;
	const unsigned type = query[QUESTION_AT + name_len + 1];
	size_t at = QUESTION_AT + name_len + 4;

	server.questions++;
	server.by_tcp += is_tcp;
	if (len < at || asks(query, "\6silent\4test"))
		return 0;
	memcpy(out, query, at);
	out[2] = 0x81;
	out[3] = 0x80;
	out[10] = out[11] = 0; /* no OPT */
	if (asks(query, "\4gone\4test")) {
		out[3] |= 3;
	} else if (asks(query, "\6broken\4test")) {
		out[3] |= 2;
	} else if (asks(query, "\3big\4test") && !is_tcp) {
		out[2] |= 2;
	} else if (asks(query, "\5alias\4test")) {
		/* One address, and it is another's: target.alias.test */
		at += put_record(out + at, 5, 300, "\6target\xc0\x0c", 9);
		if (type == 1) {
			at += put_record(out + at, 1, 600, "\xc0\0\2\x09", 4);
			out[at - 16 + 1] =
				(uint8_t)(at - 16 - 9); /* named by what the alias says */
			out[7] = 2;
		} else {
			out[7] = 1;
		}
	} else if (!asks(query, "\5empty\4test") && type == 1) {
		at += put_record(out + at, 1, asks(query, "\5brief\4test") ? 0 : 300, "\xc0\0\2\1",
				 4);
		at += put_record(out + at, 1, 300, "\xc0\0\2\2", 4);
		out[7] = 2;
	} else if (asks(query, "\1a\4test") && type == 28) {
		at += put_record(out + at, 28, 300, "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
		out[7] = 1;
	}
	return at;
}

static void on_datagram(uv_poll_t *poll, int status, int events)
{
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	uint8_t query[600], out[600];
	ssize_t len;

	(void)poll;
	(void)status;
	(void)events;
	len = recvfrom(server.udp_fd, query, sizeof(query), MSG_DONTWAIT, (void *)&from, &from_len);
	if (len > (ssize_t)QUESTION_AT) {
		const size_t reply = answer(query, (size_t)len, false, out);

		if (reply)
			(void)sendto(server.udp_fd, out, reply, 0, (void *)&from, from_len);
	}
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	(void)handle;
	(void)suggested;
	*ret = uv_buf_init((char *)server.in + server.in_len,
			   (unsigned)(sizeof(server.in) - server.in_len));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
	size_t reply;
	uv_buf_t out;

	(void)buf;
	if (len < 0) {
		(void)uv_read_stop(stream);
		return;
	}
	server.in_len += (size_t)len;
	while (server.in_len > 2 && server.in_len >= 2u + server.in[1]) {
		const size_t whole = 2u + server.in[1];

		reply = answer(server.in + 2, server.in[1], true, server.out + 2);
		server.out[0] = 0;
		server.out[1] = (uint8_t)reply;
		out = uv_buf_init((char *)server.out, (unsigned)reply + 2);
		assert_int_equal(uv_try_write(stream, &out, 1), (int)reply + 2);
		server.in_len -= whole;
		memmove(server.in, server.in + whole, server.in_len);
	}
}

static void on_connection(uv_stream_t *listener, int status)
{
	assert_int_equal(status, 0);
	assert_int_equal(uv_tcp_init(&loop, &server.client), 0);
	assert_int_equal(uv_accept(listener, (uv_stream_t *)&server.client), 0);
	assert_int_equal(uv_read_start((uv_stream_t *)&server.client, on_room, on_read), 0);
}

static int set_up(void **state)
{
	struct sockaddr_in own;
	int listener_fd;

	(void)state;
	memset(&server, 0, sizeof(server));
	assert_int_equal(uv_loop_init(&loop), 0);
	port_for_both(&server.udp_fd, &listener_fd, &own);
	(void)snprintf(server.address, sizeof(server.address), "127.0.0.1:%u", ntohs(own.sin_port));
	assert_int_equal(uv_poll_init(&loop, &server.poll, server.udp_fd), 0);
	assert_int_equal(uv_poll_start(&server.poll, UV_READABLE, on_datagram), 0);
	assert_int_equal(uv_tcp_init(&loop, &server.listener), 0);
	assert_int_equal(uv_tcp_open(&server.listener, listener_fd), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&server.listener, 4, on_connection), 0);
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

/* ---- who asks ---- */

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
	assert_int_equal(look_up(resolver, "gone.test").error, -EHOSTUNREACH);
	assert_int_equal(look_up(resolver, "empty.test").error, -EHOSTUNREACH);
	assert_int_equal(look_up(resolver, "broken.test").error, -EHOSTUNREACH);
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
