/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/decoy_fixture.h"

#include <malloc.h>
#include <sys/stat.h>
#include <time.h>

/* ---- HTTP ---- */

static void test_page(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	world_ask(w, "www.example", 80, "GET / HTTP/1.1\r\nHost: www.example\r\n\r\n", &answer);
	expect_in(answer.data, "HTTP/1.1 200 OK\r\n");
	expect_in(answer.data, "It works");
	assert_string_equal(w->told.data,
			    "http web www.example:80 [www.example] GET / 200 0 e3b0c442 "
			    " () 0\n");
	assert_int_equal(w->totals.bytes_out, 37);
	assert_int_equal(w->totals.bytes_in, answer.len);
}

static void test_script_answers(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	world_ask(w, "said.example", 80, "GET /xy HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "HTTP/1.1 418 ");
	expect_in(answer.data, "X-A: b\r\n");
	expect_in(answer.data, "\r\n\r\nas told");
	world_ask(w, "said.example", 80, "GET /y HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "HTTP/1.1 200 ");
}

/* Credentials of the metadata service are canaries: where they are used, it is told. */
static void test_metadata(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);
	_cleanup_free_ char *use = NULL;
	struct str texts[MAX_DECOY_CANARIES];
	const char *names[MAX_DECOY_CANARIES];

	assert_int_equal(decoy_canaries(w->decoy, texts, names), 6);
	world_ask(w, "169.254.169.254", 80,
		  "GET /latest/meta-data/iam/security-credentials/ HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "\r\n\r\napp-server");
	world_ask(w, "169.254.169.254", 80,
		  "GET /latest/meta-data/iam/security-credentials/app-server HTTP/1.0\r\n\r\n",
		  &answer);
	expect_in(answer.data, texts[0].at);
	expect_in(answer.data, texts[1].at);
	world_ask(w, "169.254.169.254", 80, "PUT /latest/api/token HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "HTTP/1.1 400 ");
	world_ask(
		w, "169.254.169.254", 80,
		"PUT /latest/api/token HTTP/1.0\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n",
		&answer);
	expect_in(answer.data, "AQAEA");
	world_ask(
		w, "metadata.google.internal", 80,
		"GET /computeMetadata/v1/instance/service-accounts/default/token HTTP/1.0\r\n\r\n",
		&answer);
	expect_in(answer.data, "HTTP/1.1 403 ");
	buf_clear(&w->told);
	use = xasprintf("POST / HTTP/1.1\r\nHost: sts.amazonaws.com\r\nAuthorization: "
			"AWS4-HMAC-SHA256 Credential=%s/2026\r\nContent-Length: 43\r\n\r\n"
			"Action=GetCallerIdentity&Version=2011-06-15",
			texts[0].at);
	world_ask(w, "sts.amazonaws.com", 80, use, &answer);
	expect_in(answer.data, "<Account>417705926018</Account>");
	expect_in(w->told.data, "http cloud sts.amazonaws.com:80");
	expect_in(w->told.data, "(GetCallerIdentity) 1\n");
}

static void test_canary_of_script(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf requests = BUF_INIT(0);
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	world_ask(w, "a.example", 80,
		  "POST / HTTP/1.1\r\nContent-Length: 22\r\n\r\nx canary-of-the-script", &answer);
	expect_in(w->told.data, "() 20\n");
	buf_clear(&w->told);
	/* In base64, far behind what an event shows. */
	buf_clear(&requests);
	buf_printf(&requests, "POST / HTTP/1.1\r\nContent-Length: 100028\r\n\r\n%0100000d%s", 0,
		   "Y2FuYXJ5LW9mLXRoZS1zY3JpcHQ=");
	world_ask(w, "a.example", 80, requests.data, &answer);
	expect_in(w->told.data, "() 20\n");
	world_ask(w, "a.example", 80, "GET /?x=canary-of-the-script HTTP/1.0\r\n\r\n", &answer);
	expect_in(w->told.data, " 0 e3b0c442  () 20\n");
}

static void test_store(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	world_ask(w, "s3.us-east-1.amazonaws.com", 80,
		  "PUT /bucket/key%20a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: "
		  "5\r\n\r\nhello",
		  &answer);
	expect_in(answer.data, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK");
	expect_in(answer.data, "ETag: \"5d41402abc4b2a76b9719d911017c592\"");
	expect_in(w->told.data, "object-store s3.us-east-1.amazonaws.com:80 [] PUT /bucket/key%20a "
				"200 5 2cf24dba hello file (object) 0\n");
	world_ask(w, "s3.us-east-1.amazonaws.com", 80, "GET /bucket/key%20a HTTP/1.0\r\n\r\n",
		  &answer);
	expect_in(answer.data, "\r\n\r\nhello");
	world_ask(w, "s3.us-east-1.amazonaws.com", 80, "GET /bucket?list-type=2 HTTP/1.0\r\n\r\n",
		  &answer);
	expect_in(answer.data, "<Key>key%20a</Key><Size>5</Size>");
	world_ask(w, "s3.us-east-1.amazonaws.com", 80, "GET /bucket/b HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "NoSuchKey");
	world_ask(w, "b.s3.amazonaws.com", 80, "POST /k?uploads HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "<UploadId>decoy-1</UploadId>");
	world_ask(w, "b.s3.amazonaws.com", 80,
		  "PUT /k?partNumber=7&uploadId=decoy-1 HTTP/1.1\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		  &answer);
	expect_in(w->told.data, "PUT /k?partNumber=7&uploadId=decoy-1 200 3 ba7816bf abc file "
				"(part 7)");
	world_ask(w, "drop.example", 80,
		  "PUT /w.bin HTTP/1.1\r\nHost: drop.example\r\nContent-Length: 1\r\n\r\nx",
		  &answer);
	expect_in(answer.data, "http://drop.example/d");
	expect_in(answer.data, "/w.bin\n");
}

static void test_models(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	world_ask(
		w, "api.openai.com", 80,
		"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 13\r\n\r\n{\"model\":\"m\"}",
		&answer);
	expect_in(answer.data, "\"model\":\"m\"");
	expect_in(answer.data, "\"message\":{\"role\":\"assistant\"");
	world_ask(w, "api.anthropic.com", 80,
		  "POST /v1/messages HTTP/1.1\r\nContent-Length: 13\r\n\r\n{\"model\":\"m\"}",
		  &answer);
	expect_in(answer.data, "\"content\":[{\"type\":\"text\"");
	world_ask(
		w, "api.openai.com", 80,
		"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 15\r\n\r\n{\"stream\":true}",
		&answer);
	expect_in(answer.data, "data: [DONE]");
}

static void test_missing_package(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	world_ask(w, "index.example", 80, "GET /simple/left-pad/ HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "HTTP/1.1 404 ");
}

static void test_broken_requests(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	world_ask(w, "a.example", 80, "GET / HTTP/2.0\r\n\r\n", &answer);
	expect_in(answer.data, "HTTP/1.1 400 ");
	expect_in(w->told.data, "(no request line of HTTP/1)");
	buf_clear(&w->told);
	world_ask(w, "a.example", 80, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf", &answer);
	assert_int_equal(answer.len, 0);
	expect_in(w->told.data, " 0 4 ");
	expect_in(w->told.data, " half file cut () 0\n");
}

/* More than is kept: all of it is counted and hashed, and the file ends at its limit. */
static void test_large_body(void **state)
{
	struct world *w = *state;
	_cleanup_free_ char *body = xcalloc(1, 1u << 20);
	_cleanup_buf_ struct buf answer = BUF_INIT(0);
	_cleanup_close_ int fd = world_connect(w, "a.example", 80);
	struct stat st;

	world_say(w, fd, "PUT /w HTTP/1.1\r\nContent-Length: 6291456\r\n\r\n");
	for (unsigned i = 0; i < 6; i++)
		world_send(w, fd, body, 1u << 20);
	world_hear(w, fd, "/w\n", &answer);
	expect_in(w->told.data, " 201 6291456 ");
	expect_in(w->told.data, " file cut ");
	assert_int_equal(fstatat(w->folder_fd, "000001", &st, 0), 0);
	assert_int_equal(st.st_size, DECOY_KEPT_REQUEST);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static size_t memory_in_use(void)
{
	const struct mallinfo2 info = mallinfo2(); /* all 0 with a sanitizer's allocator */

	return info.uordblks + info.hblkhd;
}

/* Asks again and again for something long, reads nothing meanwhile, and later never the last. */
static void test_unread_answers(void **state)
{
	enum {
		KEPT = 100000,
		ASKED = 500,
		MOST_MEMORY = 2 << 20
	};
	struct world *w = *state;
	_cleanup_free_ char *body = xcalloc(1, KEPT);
	_cleanup_buf_ struct buf requests = BUF_INIT(0);
	_cleanup_buf_ struct buf answer = BUF_INIT(0);
	_cleanup_close_ int fd = world_connect(w, "a.example", 80);
	char piece[65536];
	size_t heard = 0;
	size_t memory;
	const time_t start = world_now();

	memset(body, 'a', KEPT);
	buf_printf(&requests, "PUT /w HTTP/1.1\r\nContent-Length: %d\r\n\r\n", KEPT);
	world_send(w, fd, requests.data, requests.len);
	world_send(w, fd, body, KEPT);
	world_hear(w, fd, "/w\n", &answer);
	buf_clear(&requests);
	for (unsigned i = 0; i < ASKED; i++)
		buf_puts(&requests, "GET /w HTTP/1.1\r\n\r\n");
	world_send(w, fd, requests.data, requests.len);
	for (unsigned i = 0; i < 100; i++)
		world_turn(w);
	assert_true(w->told.len < (size_t)ASKED * 20); /* most of them wait */
	memory = memory_in_use();
	while (heard < (size_t)ASKED * KEPT && !world_is_late(start)) {
		const ssize_t n = recv(fd, piece, sizeof(piece), 0);

		for (ssize_t i = 0; i < n; i++)
			heard += piece[i] == 'a';
		world_turn(w);
		assert_true(memory_in_use() < memory + MOST_MEMORY);
	}
	assert_true(heard >= (size_t)ASKED * KEPT);
}

static void test_git(void **state)
{
	static const char push[] =
		"POST /o/r.git/git-receive-pack HTTP/1.1\r\nContent-Length: 133\r\n\r\n"
		"0075"
		"0000000000000000000000000000000000000000 "
		"1111111111111111111111111111111111111111 refs/heads/main\0 report-status\n"
		"0000PACK\0\0\0\2\0\0\0\3";
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);
	_cleanup_close_ int fd = world_connect(w, "git.example", 80);

	world_ask(w, "git.example", 80,
		  "GET /o/r.git/info/refs?service=git-receive-pack HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "001f# service=git-receive-pack\n0000");
	expect_in(answer.data, " capabilities^{}");
	world_send(w, fd, push, sizeof(push) - 1);
	world_hear(w, fd, "0000", &answer);
	expect_in(answer.data, "000eunpack ok\n0017ok refs/heads/main\n0000");
	expect_in(w->told.data, "(1 ref (refs/heads/main), pack of 3 objects)");
	world_ask(w, "git.example", 80,
		  "GET /o/r.git/info/refs?service=git-receive-pack HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "1111111111111111111111111111111111111111 refs/heads/main");
}

static void test_tunnel(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);
	_cleanup_close_ int fd = world_connect(w, "proxy.example", 3128);

	world_say(w, fd, "CONNECT inner.example:80 HTTP/1.1\r\n\r\n");
	world_hear(w, fd, "established\r\n\r\n", &answer);
	world_say(w, fd, "GET /in HTTP/1.1\r\n\r\n");
	world_hear(w, fd, "</html>", &answer);
	expect_in(w->told.data, "http proxy proxy.example:3128 [] CONNECT inner.example:80 200");
	expect_in(w->told.data, "http web proxy.example:3128 [] GET /in 200");
}

int main(void)
{
#define TEST(_name) cmocka_unit_test_setup_teardown(_name, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_page),
		TEST(test_script_answers),
		TEST(test_metadata),
		TEST(test_canary_of_script),
		TEST(test_store),
		TEST(test_models),
		TEST(test_missing_package),
		TEST(test_broken_requests),
		TEST(test_large_body),
		TEST(test_unread_answers),
		TEST(test_git),
		TEST(test_tunnel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
