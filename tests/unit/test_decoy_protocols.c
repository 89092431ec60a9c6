/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/decoy_fixture.h"

#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

/* ---- others ---- */

static void test_smtp(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);
	_cleanup_close_ int fd = world_connect(w, "mail.example", 25);

	world_hear(w, fd, "220 ", &answer);
	world_say(w, fd, "EHLO me\r\n");
	world_hear(w, fd, "250 AUTH PLAIN LOGIN\r\n", &answer);
	expect_in(answer.data, "250-STARTTLS\r\n");
	world_say(w, fd, "AUTH LOGIN\r\n");
	world_hear(w, fd, "334 ", &answer);
	world_say(w, fd, "dXNlcg==\r\n");
	world_hear(w, fd, "334 ", &answer);
	world_say(w, fd, "c2VjcmV0\r\n");
	world_hear(w, fd, "235 ", &answer);
	world_say(w, fd, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
	world_hear(w, fd, "354 ", &answer);
	world_say(w, fd, "Subject: x\r\n\r\nsecrets\r\n..dot\r\n.\r\n");
	world_hear(w, fd, "250 2.0.0 queued", &answer);
	world_say(w, fd, "QUIT\r\n");
	world_hear(w, fd, NULL, &answer);
	expect_in(w->told.data, "smtp smtp mail.example:25 [] AUTH LOGIN dXNlcg== c2VjcmV0 250");
	expect_in(w->told.data, "DATA MAIL FROM:<a@b>, RCPT TO:<c@d> 250 30 ");
	expect_in(w->told.data, "secrets\r\n..dot\r\n file ()");
}

static void test_ssh(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);
	_cleanup_close_ int fd = world_connect(w, "host.example", 22);

	world_hear(w, fd, "SSH-2.0-OpenSSH", &answer);
	world_say(w, fd, "SSH-2.0-OpenSSH_9.9 me\r\n");
	world_say(w, fd, "\1\2\3");
	world_hear(w, fd, NULL, &answer);
	assert_string_equal(w->told.data, "ssh ssh host.example:22 []  SSH-2.0-OpenSSH_9.9 me 0 0 "
					  "e3b0c442  () 0\n");
}

static void test_other(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	world_ask(w, "c2.example", 4444, "hello there", &answer);
	assert_string_equal(
		w->told.data,
		"other sink c2.example:4444 []   0 11 12998c01 hello there file () 0\n");
	buf_clear(&w->told);
	world_ask(w, "c2.example", 4444, "GE", &answer);
	expect_in(w->told.data, "other sink c2.example:4444 []   0 2 ");
	buf_clear(&w->told);
	world_ask(w, "c2.example", 4444, "", &answer);
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
	_cleanup_free_ char *name = xstrdup(host); /* OpenSSL's macro casts const away */
	BIO *memory = BIO_new_mem_buf(authority_pem(w->authority), -1);
	X509 *root = PEM_read_bio_X509(memory, NULL, NULL, NULL);

	c->fd = world_connect(w, host, port);
	c->context = SSL_CTX_new(TLS_client_method());
	if (trusts)
		X509_STORE_add_cert(SSL_CTX_get_cert_store(c->context), root);
	X509_free(root);
	BIO_free(memory);
	SSL_CTX_set_verify(c->context, SSL_VERIFY_PEER, NULL);
	c->ssl = SSL_new(c->context);
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_connect_state(c->ssl);
	SSL_set_tlsext_host_name(c->ssl, name);
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
	const time_t start = world_now();
	int r;

	while ((r = SSL_connect(c->ssl)) != 1) {
		const int why = SSL_get_error(c->ssl, r);

		world_turn(w);
		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return r;
		assert_false(world_is_late(start));
	}
	return r;
}

static void client_ask(struct world *w, struct client *c, const char *text, const char *end)
{
	_cleanup_buf_ struct buf answer = BUF_INIT(0);
	const time_t start = world_now();
	char piece[4096];

	assert_int_equal(SSL_write(c->ssl, text, (int)strlen(text)), (int)strlen(text));
	buf_puts(&answer, "");
	while (!answer.len || !strstr(answer.data, end)) {
		const int n = SSL_read(c->ssl, piece, sizeof(piece));

		if (n > 0)
			buf_put(&answer, piece, (size_t)n);
		world_turn(w);
		if (world_is_late(start))
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
	world_wait_for_end(w, 1);
	expect_in(w->told.data, "tls tls secure.example:443 [secure.example]   0 0 e3b0c442  ");
	expect_in(w->told.data, "unknown ca");
}

static void test_tls_garbage(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);

	world_ask(w, "secure.example", 443, "\x16\x03\x01\x01garbage that is no hello", &answer);
	expect_in(w->told.data, "tls tls secure.example:443 []");
}

static void test_starttls(void **state)
{
	struct world *w = *state;
	_cleanup_buf_ struct buf answer = BUF_INIT(0);
	struct client c;

	client_open(w, &c, "mail.example", 587, true);
	world_hear(w, c.fd, "220 ", &answer);
	/* What is sent behind STARTTLS in plain is not taken for what comes inside of TLS. */
	world_say(w, c.fd, "STARTTLS\r\nMAIL FROM:<injected>\r\n");
	world_hear(w, c.fd, "220 go on\r\n", &answer);
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
	_cleanup_close_ int fd = world_connect(w, "a.example", 80);
	_cleanup_close_ int other_fd = world_connect(w, "a.example", 4444);

	world_say(w, fd, "PUT /x HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf");
	world_say(w, other_fd, "of no protocol");
	for (unsigned i = 0; i < 20; i++)
		world_turn(w);
	decoy_stop(w->decoy, world_on_stopped, w);
	assert_int_equal(w->ended, 2);
	assert_string_equal(w->reason, "session ended");
	expect_in(w->told.data, " of no protocol file ");
	expect_in(w->told.data, " half file cut ");
	(void)uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(w->stopped, 1);
	/* The fixture stops one that lives. */
	w->stopped = 0;
	world_open_decoy(w, &world_ops);
}

int main(void)
{
#define TEST(_name) cmocka_unit_test_setup_teardown(_name, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_smtp),	   TEST(test_ssh),
		TEST(test_other),	   TEST(test_tls),
		TEST(test_tls_to_address), TEST(test_tls_untrusted),
		TEST(test_tls_garbage),	   TEST(test_starttls),
		TEST(test_smtps),	   TEST(test_stop_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
