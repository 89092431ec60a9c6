/* SPDX-License-Identifier: Apache-2.0 */

/* The decoy on one end of socket pairs; programs are played on the other. */

#include "tests/support/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/net/decoy/decoy.h"
#include "monitor/net/decoy/script.h"
#include "monitor/net/decoy/tls.h"

#define WAIT_S 40

struct world {
	uv_loop_t loop;
	struct authority *authority;
	struct decoy_script script;
	struct decoy *decoy;
	char folder[64];
	int folder_fd;
	struct buf told; /* one line a request */
	unsigned ended, stopped;
	char reason[32];
	struct decoy_totals totals;
};

static void on_request(void *ctx, const struct decoy_request *request)
{
	struct world *w = ctx;

	buf_printf(&w->told, "%s %s %s:%u [%s] %s %s %d %llu %.8s %.*s%s%s (%s) %llx\n",
		   request->protocol, request->service, request->peer->host, request->peer->port,
		   request->host, request->method, request->path, request->status,
		   (unsigned long long)request->bytes, request->sha256, (int)request->body.len,
		   request->body.at ? request->body.at : "", request->file ? " file" : "",
		   request->is_cut ? " cut" : "", request->detail,
		   (unsigned long long)request->canaries);
}

static void on_ended(void *ctx, void *flow, const struct decoy_totals *totals, const char *reason)
{
	struct world *w = ctx;

	assert_ptr_equal(flow, w);
	w->ended++;
	w->totals = *totals;
	(void)snprintf(w->reason, sizeof(w->reason), "%s", reason);
}

static const struct decoy_ops ops = {.request = on_request, .ended = on_ended};

static int set_up(void **state)
{
	static const char text[] = "[{\"host\":\"said.example\",\"path\":\"/x\",\"status\":418,"
				   "\"headers\":{\"X-A\":\"b\"},\"body\":\"as told\","
				   "\"canary\":\"canary-of-the-script\"}]";
	struct world *w = xcalloc(1, sizeof(*w));
	struct json *doc;

	assert_int_equal(uv_loop_init(&w->loop), 0);
	assert_int_equal(authority_new(&w->authority, NULL), 0);
	assert_int_equal(json_parse("script", text, strlen(text), &doc, NULL), 0);
	assert_int_equal(script_decode(doc, "$", &w->script, NULL), 0);
	json_free(doc);
	(void)snprintf(w->folder, sizeof(w->folder), "/tmp/test-decoy-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	w->folder_fd = open(w->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(decoy_new(&(struct decoy_config){.loop = &w->loop,
							  .tls = &tls_module,
							  .authority = w->authority,
							  .script = &w->script,
							  .evidence_fd = w->folder_fd,
							  .ops = &ops,
							  .ctx = w},
				   &w->decoy, NULL),
			 0);
	*state = w;
	return 0;
}

static void on_stopped(void *ctx)
{
	struct world *w = ctx;

	w->stopped++;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	_cleanup_free_ char *command = xasprintf("rm -r %s", w->folder);

	decoy_stop(w->decoy, on_stopped, w);
	(void)uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(w->stopped, 1);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	(void)authority_free(w->authority);
	script_done(&w->script);
	(void)close(w->folder_fd);
	assert_int_equal(system(command), 0);
	buf_done(&w->told);
	free(w);
	return 0;
}

/* ---- playing a program ---- */

static int connect_to(struct world *w, const char *host, uint16_t port)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
	assert_int_equal(decoy_attach(w->decoy, pair[0],
				      &(struct decoy_peer){
					      .host = host, .address = "198.18.1.1", .port = port},
				      w),
			 0);
	return pair[1];
}

static void turn(struct world *w)
{
	(void)uv_run(&w->loop, UV_RUN_NOWAIT);
}

static bool is_late(time_t since)
{
	return time(NULL) - since > WAIT_S;
}

static void send_all(struct world *w, int fd, const char *bytes, size_t len)
{
	const time_t start = time(NULL);

	while (len) {
		const ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			fail_msg("send: %s", strerror(errno));
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
		turn(w);
		if (is_late(start))
			fail_msg("nobody reads");
	}
}

static void say(struct world *w, int fd, const char *text)
{
	send_all(w, fd, text, strlen(text));
}

/* Until `end` is in what came, or with NULL until the other side closed. */
static void hear(struct world *w, int fd, const char *end, struct buf *ret)
{
	const time_t start = time(NULL);
	char piece[4096];

	buf_clear(ret);
	buf_puts(ret, "");
	for (;;) {
		const ssize_t n = recv(fd, piece, sizeof(piece), 0);

		if (n > 0)
			buf_put(ret, piece, (size_t)n);
		if (end && ret->len && memmem(ret->data, ret->len, end, strlen(end)))
			return;
		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		turn(w);
		if (is_late(start))
			fail_msg("waited for %s, got %s", end ? end : "the end", ret->data);
	}
	if (end)
		fail_msg("the end came, not %s, but %s", end, ret->data);
}

static void wait_for_end(struct world *w, unsigned ended)
{
	const time_t start = time(NULL);

	while (w->ended < ended) {
		turn(w);
		if (is_late(start))
			fail_msg("a flow did not end");
	}
}

static void ask(struct world *w, const char *host, uint16_t port, const char *request,
		struct buf *answer)
{
	_cleanup_close_ int fd = connect_to(w, host, port);

	say(w, fd, request);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	hear(w, fd, NULL, answer);
	wait_for_end(w, 1);
	w->ended = 0;
	assert_string_equal(w->reason, "closed");
}

#define expect_in(_text, _part)                                                               \
	do {                                                                                  \
		if (!(_text) || !strstr((_text), (_part)))                                    \
			fail_msg("%s:%d: no %s in %s", __FILE__, __LINE__, (_part), (_text)); \
	} while (0)

/* ---- HTTP ---- */

static void test_page(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	ask(w, "www.example", 80, "GET / HTTP/1.1\r\nHost: www.example\r\n\r\n", &answer);
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

	ask(w, "said.example", 80, "GET /xy HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "HTTP/1.1 418 ");
	expect_in(answer.data, "X-A: b\r\n");
	expect_in(answer.data, "\r\n\r\nas told");
	ask(w, "said.example", 80, "GET /y HTTP/1.0\r\n\r\n", &answer);
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
	ask(w, "169.254.169.254", 80,
	    "GET /latest/meta-data/iam/security-credentials/ HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "\r\n\r\napp-server");
	ask(w, "169.254.169.254", 80,
	    "GET /latest/meta-data/iam/security-credentials/app-server HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, texts[0].at);
	expect_in(answer.data, texts[1].at);
	ask(w, "169.254.169.254", 80, "PUT /latest/api/token HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "HTTP/1.1 400 ");
	ask(w, "169.254.169.254", 80,
	    "PUT /latest/api/token HTTP/1.0\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n",
	    &answer);
	expect_in(answer.data, "AQAEA");
	ask(w, "metadata.google.internal", 80,
	    "GET /computeMetadata/v1/instance/service-accounts/default/token HTTP/1.0\r\n\r\n",
	    &answer);
	expect_in(answer.data, "HTTP/1.1 403 ");
	buf_clear(&w->told);
	use = xasprintf("POST / HTTP/1.1\r\nHost: sts.amazonaws.com\r\nAuthorization: "
			"AWS4-HMAC-SHA256 Credential=%s/2026\r\nContent-Length: 43\r\n\r\n"
			"Action=GetCallerIdentity&Version=2011-06-15",
			texts[0].at);
	ask(w, "sts.amazonaws.com", 80, use, &answer);
	expect_in(answer.data, "<Account>417705926018</Account>");
	expect_in(w->told.data, "http cloud sts.amazonaws.com:80");
	expect_in(w->told.data, "(GetCallerIdentity) 1\n");
}

static void test_canary_of_script(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf requests = BUF_INIT(0);
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	ask(w, "a.example", 80,
	    "POST / HTTP/1.1\r\nContent-Length: 22\r\n\r\nx canary-of-the-script", &answer);
	expect_in(w->told.data, "() 20\n");
	buf_clear(&w->told);
	/* In base64, far behind what an event shows. */
	buf_clear(&requests);
	buf_printf(&requests, "POST / HTTP/1.1\r\nContent-Length: 100028\r\n\r\n%0100000d%s", 0,
		   "Y2FuYXJ5LW9mLXRoZS1zY3JpcHQ=");
	ask(w, "a.example", 80, requests.data, &answer);
	expect_in(w->told.data, "() 20\n");
	ask(w, "a.example", 80, "GET /?x=canary-of-the-script HTTP/1.0\r\n\r\n", &answer);
	expect_in(w->told.data, " 0 e3b0c442  () 20\n");
}

static void test_store(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	ask(w, "s3.us-east-1.amazonaws.com", 80,
	    "PUT /bucket/key%20a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: "
	    "5\r\n\r\nhello",
	    &answer);
	expect_in(answer.data, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK");
	expect_in(answer.data, "ETag: \"5d41402abc4b2a76b9719d911017c592\"");
	expect_in(w->told.data, "object-store s3.us-east-1.amazonaws.com:80 [] PUT /bucket/key%20a "
				"200 5 2cf24dba hello file (object) 0\n");
	ask(w, "s3.us-east-1.amazonaws.com", 80, "GET /bucket/key%20a HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "\r\n\r\nhello");
	ask(w, "s3.us-east-1.amazonaws.com", 80, "GET /bucket?list-type=2 HTTP/1.0\r\n\r\n",
	    &answer);
	expect_in(answer.data, "<Key>key%20a</Key><Size>5</Size>");
	ask(w, "s3.us-east-1.amazonaws.com", 80, "GET /bucket/b HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "NoSuchKey");
	ask(w, "b.s3.amazonaws.com", 80, "POST /k?uploads HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "<UploadId>decoy-1</UploadId>");
	ask(w, "b.s3.amazonaws.com", 80,
	    "PUT /k?partNumber=7&uploadId=decoy-1 HTTP/1.1\r\nTransfer-Encoding: "
	    "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	    &answer);
	expect_in(w->told.data, "PUT /k?partNumber=7&uploadId=decoy-1 200 3 ba7816bf abc file "
				"(part 7)");
	ask(w, "drop.example", 80,
	    "PUT /w.bin HTTP/1.1\r\nHost: drop.example\r\nContent-Length: 1\r\n\r\nx", &answer);
	expect_in(answer.data, "http://drop.example/d");
	expect_in(answer.data, "/w.bin\n");
}

static void test_models(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	ask(w, "api.openai.com", 80,
	    "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 13\r\n\r\n{\"model\":\"m\"}",
	    &answer);
	expect_in(answer.data, "\"model\":\"m\"");
	expect_in(answer.data, "\"message\":{\"role\":\"assistant\"");
	ask(w, "api.anthropic.com", 80,
	    "POST /v1/messages HTTP/1.1\r\nContent-Length: 13\r\n\r\n{\"model\":\"m\"}", &answer);
	expect_in(answer.data, "\"content\":[{\"type\":\"text\"");
	ask(w, "api.openai.com", 80,
	    "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 15\r\n\r\n{\"stream\":true}",
	    &answer);
	expect_in(answer.data, "data: [DONE]");
}

static void test_missing_package(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	ask(w, "index.example", 80, "GET /simple/left-pad/ HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "HTTP/1.1 404 ");
}

static void test_broken_requests(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	ask(w, "a.example", 80, "GET / HTTP/2.0\r\n\r\n", &answer);
	expect_in(answer.data, "HTTP/1.1 400 ");
	expect_in(w->told.data, "(no request line of HTTP/1)");
	buf_clear(&w->told);
	ask(w, "a.example", 80, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf", &answer);
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
	_cleanup_close_ int fd = connect_to(w, "a.example", 80);
	struct stat st;

	say(w, fd, "PUT /w HTTP/1.1\r\nContent-Length: 6291456\r\n\r\n");
	for (unsigned i = 0; i < 6; i++)
		send_all(w, fd, body, 1u << 20);
	hear(w, fd, "/w\n", &answer);
	expect_in(w->told.data, " 201 6291456 ");
	expect_in(w->told.data, " file cut ");
	assert_int_equal(fstatat(w->folder_fd, "000001", &st, 0), 0);
	assert_int_equal(st.st_size, DECOY_KEPT_REQUEST);
	assert_int_equal(st.st_mode & 0777, 0600);
}

/* Asks again and again for something long, and reads nothing meanwhile. */
static void test_unread_answers(void **state)
{
	enum {
		KEPT = 100000,
		ASKED = 500
	};
	struct world *w = *state;
	_cleanup_free_ char *body = xcalloc(1, KEPT);
	_cleanup_buf_ struct buf requests = BUF_INIT(0);
	_cleanup_buf_ struct buf answer = BUF_INIT(0);
	_cleanup_close_ int fd = connect_to(w, "a.example", 80);
	char piece[65536];
	size_t heard = 0;
	const time_t start = time(NULL);

	memset(body, 'a', KEPT);
	buf_printf(&requests, "PUT /w HTTP/1.1\r\nContent-Length: %d\r\n\r\n", KEPT);
	send_all(w, fd, requests.data, requests.len);
	send_all(w, fd, body, KEPT);
	hear(w, fd, "/w\n", &answer);
	buf_clear(&requests);
	for (unsigned i = 0; i < ASKED; i++)
		buf_puts(&requests, "GET /w HTTP/1.1\r\n\r\n");
	send_all(w, fd, requests.data, requests.len);
	for (unsigned i = 0; i < 100; i++)
		turn(w);
	assert_true(w->told.len < ASKED * 20); /* most of them wait */
	while (heard < (size_t)ASKED * KEPT && !is_late(start)) {
		const ssize_t n = recv(fd, piece, sizeof(piece), 0);

		for (ssize_t i = 0; i < n; i++)
			heard += piece[i] == 'a';
		turn(w);
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
	_cleanup_close_ int fd = connect_to(w, "git.example", 80);

	ask(w, "git.example", 80,
	    "GET /o/r.git/info/refs?service=git-receive-pack HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "001f# service=git-receive-pack\n0000");
	expect_in(answer.data, " capabilities^{}");
	send_all(w, fd, push, sizeof(push) - 1);
	hear(w, fd, "0000", &answer);
	expect_in(answer.data, "000eunpack ok\n0017ok refs/heads/main\n0000");
	expect_in(w->told.data, "(1 ref (refs/heads/main), pack of 3 objects)");
	ask(w, "git.example", 80,
	    "GET /o/r.git/info/refs?service=git-receive-pack HTTP/1.0\r\n\r\n", &answer);
	expect_in(answer.data, "1111111111111111111111111111111111111111 refs/heads/main");
}

static void test_tunnel(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);
	_cleanup_close_ int fd = connect_to(w, "proxy.example", 3128);

	say(w, fd, "CONNECT inner.example:80 HTTP/1.1\r\n\r\n");
	hear(w, fd, "established\r\n\r\n", &answer);
	say(w, fd, "GET /in HTTP/1.1\r\n\r\n");
	hear(w, fd, "</html>", &answer);
	expect_in(w->told.data, "http proxy proxy.example:3128 [] CONNECT inner.example:80 200");
	expect_in(w->told.data, "http web proxy.example:3128 [] GET /in 200");
}

/* ---- others ---- */

static void test_smtp(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);
	_cleanup_close_ int fd = connect_to(w, "mail.example", 25);

	hear(w, fd, "220 ", &answer);
	say(w, fd, "EHLO me\r\n");
	hear(w, fd, "250 AUTH PLAIN LOGIN\r\n", &answer);
	expect_in(answer.data, "250-STARTTLS\r\n");
	say(w, fd, "AUTH LOGIN\r\n");
	hear(w, fd, "334 ", &answer);
	say(w, fd, "dXNlcg==\r\n");
	hear(w, fd, "334 ", &answer);
	say(w, fd, "c2VjcmV0\r\n");
	hear(w, fd, "235 ", &answer);
	say(w, fd, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
	hear(w, fd, "354 ", &answer);
	say(w, fd, "Subject: x\r\n\r\nsecrets\r\n..dot\r\n.\r\n");
	hear(w, fd, "250 2.0.0 queued", &answer);
	say(w, fd, "QUIT\r\n");
	hear(w, fd, NULL, &answer);
	expect_in(w->told.data, "smtp smtp mail.example:25 [] AUTH LOGIN dXNlcg== c2VjcmV0 250");
	expect_in(w->told.data, "DATA MAIL FROM:<a@b>, RCPT TO:<c@d> 250 30 ");
	expect_in(w->told.data, "secrets\r\n..dot\r\n file ()");
}

static void test_ssh(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);
	_cleanup_close_ int fd = connect_to(w, "host.example", 22);

	hear(w, fd, "SSH-2.0-OpenSSH", &answer);
	say(w, fd, "SSH-2.0-OpenSSH_9.9 me\r\n");
	say(w, fd, "\1\2\3");
	hear(w, fd, NULL, &answer);
	assert_string_equal(w->told.data, "ssh ssh host.example:22 []  SSH-2.0-OpenSSH_9.9 me 0 0 "
					  "e3b0c442  () 0\n");
}

static void test_other(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	ask(w, "c2.example", 4444, "hello there", &answer);
	assert_string_equal(
		w->told.data,
		"other sink c2.example:4444 []   0 11 12998c01 hello there file () 0\n");
	buf_clear(&w->told);
	ask(w, "c2.example", 4444, "GE", &answer);
	expect_in(w->told.data, "other sink c2.example:4444 []   0 2 ");
	buf_clear(&w->told);
	ask(w, "c2.example", 4444, "", &answer);
	assert_int_equal(w->told.len, 0);
}

/* ---- TLS ---- */

struct client {
	SSL_CTX *context;
	SSL *ssl;
	int fd;
};

static void client_open(struct world *w, struct client *c, const char *host, uint16_t port,
			bool trusts)
{
	BIO *memory = BIO_new_mem_buf(authority_pem(w->authority), -1);
	X509 *root = PEM_read_bio_X509(memory, NULL, NULL, NULL);

	c->fd = connect_to(w, host, port);
	c->context = SSL_CTX_new(TLS_client_method());
	if (trusts)
		X509_STORE_add_cert(SSL_CTX_get_cert_store(c->context), root);
	X509_free(root);
	BIO_free(memory);
	SSL_CTX_set_verify(c->context, SSL_VERIFY_PEER, NULL);
	c->ssl = SSL_new(c->context);
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_connect_state(c->ssl);
	SSL_set_tlsext_host_name(c->ssl, host);
	SSL_set1_host(c->ssl, host);
}

static void client_close(struct client *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->context);
	(void)close(c->fd);
}

/* Return: what SSL_connect() comes to. */
static int client_connect(struct world *w, struct client *c)
{
	const time_t start = time(NULL);
	int r;

	while ((r = SSL_connect(c->ssl)) != 1) {
		const int why = SSL_get_error(c->ssl, r);

		turn(w);
		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return r;
		assert_false(is_late(start));
	}
	return r;
}

static void client_ask(struct world *w, struct client *c, const char *text, const char *end)
{
	_cleanup_buf_ struct buf answer = BUF_INIT(0);
	const time_t start = time(NULL);
	char piece[4096];

	assert_int_equal(SSL_write(c->ssl, text, (int)strlen(text)), (int)strlen(text));
	buf_puts(&answer, "");
	while (!answer.len || !strstr(answer.data, end)) {
		const int n = SSL_read(c->ssl, piece, sizeof(piece));

		if (n > 0)
			buf_put(&answer, piece, (size_t)n);
		turn(w);
		if (is_late(start))
			fail_msg("waited for %s, got %s", end, answer.data);
	}
}

static void test_tls(void **state)
{
	struct world *w = *state;
	struct client c;

	client_open(w, &c, "secure.example", 443, true);
	if (client_connect(w, &c) != 1)
		fail_msg("%s", ERR_error_string(ERR_get_error(), NULL));
	client_ask(w, &c, "GET / HTTP/1.1\r\n\r\n", "</html>");
	client_ask(w, &c, "PUT /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "/x\n");
	expect_in(w->told.data, "https web secure.example:443 [] GET / 200");
	expect_in(w->told.data,
		  "https object-store secure.example:443 [] PUT /x 201 3 ba7816bf abc");
	client_close(&c);
}

static void test_tls_to_address(void **state)
{
	struct world *w = *state;
	struct client c;

	client_open(w, &c, "secure.example", 443, true);
	client_close(&c);
	/* Without a name the certificate is for whom the program connected to. */
	client_open(w, &c, "203.0.113.9", 8443, true);
	SSL_set_tlsext_host_name(c.ssl, NULL);
	(void)X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c.ssl), "203.0.113.9");
	(void)SSL_set1_host(c.ssl, NULL);
	assert_int_equal(client_connect(w, &c), 1);
	client_close(&c);
}

static void test_tls_untrusted(void **state)
{
	struct world *w = *state;
	struct client c;

	client_open(w, &c, "secure.example", 443, false);
	assert_int_not_equal(client_connect(w, &c), 1);
	client_close(&c);
	wait_for_end(w, 1);
	expect_in(w->told.data, "tls tls secure.example:443 [secure.example]   0 0 e3b0c442  ");
	expect_in(w->told.data, "unknown ca");
}

static void test_tls_garbage(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	ask(w, "secure.example", 443, "\x16\x03\x01\x01garbage that is no hello", &answer);
	expect_in(w->told.data, "tls tls secure.example:443 []");
}

static void test_starttls(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);
	struct client c;

	client_open(w, &c, "mail.example", 587, true);
	hear(w, c.fd, "220 ", &answer);
	/* What is sent behind STARTTLS in plain is not taken for what comes inside of TLS. */
	say(w, c.fd, "STARTTLS\r\nMAIL FROM:<injected>\r\n");
	hear(w, c.fd, "220 go on\r\n", &answer);
	assert_int_equal(client_connect(w, &c), 1);
	client_ask(w, &c, "MAIL FROM:<a>\r\nDATA\r\n", "354 ");
	client_ask(w, &c, "text\r\n.\r\n", "250 2.0.0 queued");
	expect_in(w->told.data, "DATA MAIL FROM:<a> 250 6 ");
	client_close(&c);
}

static void test_smtps(void **state)
{
	struct world *w = *state;
	struct client c;

	client_open(w, &c, "mail.example", 465, true);
	assert_int_equal(client_connect(w, &c), 1);
	client_ask(w, &c, "EHLO x\r\n", "250 AUTH PLAIN LOGIN");
	client_close(&c);
}

/* ---- ends ---- */

static void test_stop_tells(void **state)
{
	struct world *w = *state;
	_cleanup_close_ int fd = connect_to(w, "a.example", 80);
	_cleanup_close_ int other_fd = connect_to(w, "a.example", 4444);

	say(w, fd, "PUT /x HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf");
	say(w, other_fd, "of no protocol");
	for (unsigned i = 0; i < 20; i++)
		turn(w);
	decoy_stop(w->decoy, on_stopped, w);
	assert_int_equal(w->ended, 2);
	assert_string_equal(w->reason, "session ended");
	expect_in(w->told.data, " of no protocol file ");
	expect_in(w->told.data, " half file cut ");
	(void)uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(w->stopped, 1);
	w->stopped = 0;
	assert_int_equal(decoy_new(&(struct decoy_config){.loop = &w->loop,
							  .tls = &tls_module,
							  .evidence_fd = -1,
							  .ops = &ops,
							  .ctx = w},
				   &w->decoy, NULL),
			 0);
}

int main(void)
{
#define TEST(_name) cmocka_unit_test_setup_teardown(_name, set_up, tear_down)
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
		TEST(test_smtp),
		TEST(test_ssh),
		TEST(test_other),
		TEST(test_tls),
		TEST(test_tls_to_address),
		TEST(test_tls_untrusted),
		TEST(test_tls_garbage),
		TEST(test_starttls),
		TEST(test_smtps),
		TEST(test_stop_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
