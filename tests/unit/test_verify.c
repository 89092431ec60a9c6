/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/record_fixture.h"

#include <sodium.h>

#include "common/hex.h"
#include "common/limits.h"
#include "monitor/evidence/chain.h"
#include "monitor/evidence/key.h"

static struct record_fixture fixture;
static struct buf whole; /* the bytes of a closed record of five events */
static size_t starts[6]; /* where its lines start; [5] is its end */

static int setup(void **state)
{
	unsigned line = 0;

	(void)state;
	fixture_setup(&fixture);
	write_record(&fixture, "s-1", 5, true);
	load(fixture.path, &whole);
	for (size_t i = 0; i < whole.len; i++) {
		if (whole.data[i] == '\n')
			starts[++line] = i + 1;
	}
	assert_int_equal(line, 5);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_remove(&fixture);
	buf_done(&whole);
	return 0;
}

static struct record_report verify(void)
{
	struct record_report report;
	struct error err = {0};

	if (record_verify(fixture.path, fixture.key, &report, &err) < 0)
		fail_msg("%s", err.text);
	return report;
}

static void expect(enum record_state state, uint64_t line, const char *reason)
{
	const struct record_report report = verify();

	if (report.state != state || report.bad_line != line || !strstr(report.reason, reason))
		fail_msg("state %d, line %llu: %s; expected state %d, line %llu: %s",
			 (int)report.state, (unsigned long long)report.bad_line, report.reason,
			 (int)state, (unsigned long long)line, reason);
}

static void put_line(struct buf *out, unsigned line)
{
	buf_put(out, whole.data + starts[line - 1], starts[line] - starts[line - 1]);
}

/* Lines of the good record, by number, in the order of the digits. */
static void store_lines(const char *numbers)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);

	for (; *numbers; numbers++)
		put_line(&text, (unsigned)(*numbers - '0'));
	store(fixture.path, text.data, text.len);
}

static void test_closed(void **state)
{
	const struct record_report report = verify();

	(void)state;
	assert_int_equal(report.state, RECORD_CLOSED);
	assert_int_equal(report.events, 5);
	assert_string_equal(report.session, "s-1");
	assert_true(report.signer_is_ours);
	assert_int_equal(strlen(report.signer), 64);
	assert_string_equal(report.reason, "");
}

/* Whatever single byte is changed, the record is no longer whole. */
static void test_every_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < whole.len; i++) {
		struct record_report report;

		whole.data[i] ^= 1;
		store(fixture.path, whole.data, whole.len);
		whole.data[i] ^= 1;
		report = verify();
		if (report.state == RECORD_CLOSED)
			fail_msg("byte %zu was changed and nobody saw it", i);
		if (report.state == RECORD_BROKEN) {
			unsigned line = 1;

			while (starts[line] <= i)
				line++;
			/* a changed newline shows in the line that grew */
			assert_in_range(report.bad_line, line, line);
		}
	}
}

/* Wherever the file ends, it is cut, never broken and never whole. */
static void test_every_length(void **state)
{
	(void)state;
	for (size_t len = 0; len < whole.len; len++) {
		struct record_report report;

		store(fixture.path, whole.data, len);
		report = verify();
		if (report.state != RECORD_CUT)
			fail_msg("cut at %zu: state %d, %s", len, (int)report.state, report.reason);
		assert_false(report.signer_is_ours);
		for (unsigned line = 1; line <= 5; line++)
			if (starts[line] <= len)
				assert_true(report.events >= line);
	}
}

static void test_order(void **state)
{
	(void)state;
	store_lines("12345");
	expect(RECORD_CLOSED, 0, "");
	store_lines("1235");
	expect(RECORD_BROKEN, 4, "lines before this one were removed");
	store_lines("2345");
	expect(RECORD_BROKEN, 1, "lines before this one were removed");
	store_lines("13245");
	expect(RECORD_BROKEN, 2, "lines before this one were removed");
	store_lines("122345");
	expect(RECORD_BROKEN, 3, "the line was repeated or moved here");
	store_lines("123455");
	expect(RECORD_BROKEN, 6, "something follows the end");
	store_lines("");
	expect(RECORD_CUT, 0, "the record is empty");
	store_lines("123");
	expect(RECORD_CUT, 0, "there is no session.end");
}

static void test_appended(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);

	(void)state;
	buf_put(&text, whole.data, whole.len);
	buf_puts(&text, "\n");
	store(fixture.path, text.data, text.len);
	expect(RECORD_BROKEN, 6, "not JSON");
	text.len = whole.len;
	buf_puts(&text, "{\"no newline");
	store(fixture.path, text.data, text.len);
	expect(RECORD_BROKEN, 6, "not JSON");
	text.len = whole.len;
	buf_puts(&text, "{}\n");
	store(fixture.path, text.data, text.len);
	expect(RECORD_BROKEN, 6, "does not end in its hash");
}

/* A forger without the key: lines with fitting hashes, made from the text of honest ones. */
static void forge(struct buf *out, unsigned line, const char *from, const char *to,
		  const char *prev)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	char hash[CHAIN_HEX + 1];
	char *at;
	char *tail;

	put_line(&text, line);
	at = strstr(text.data, from);
	assert_non_null(at);
	buf_put(out, text.data, (size_t)(at - text.data));
	buf_puts(out, to);
	at += strlen(from);
	tail = strstr(at, ",\"prev\":\"");
	assert_non_null(tail);
	buf_put(out, at, (size_t)(tail - at) + strlen(",\"prev\":\""));
	buf_put(out, prev ? prev : tail + strlen(",\"prev\":\""), CHAIN_HEX);
	buf_putc(out, '"');
	chain_hash(out->data, out->len, hash);
	buf_printf(out, ",\"hash\":\"%s\"}\n", hash);
}

static void store_forged(unsigned line, const char *from, const char *to)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	_cleanup_buf_ struct buf one = BUF_INIT(0);

	for (unsigned i = 1; i <= 5; i++) {
		if (i == line) {
			forge(&one, line, from, to, NULL);
			buf_put(&text, one.data, one.len);
		} else {
			put_line(&text, i);
		}
	}
	store(fixture.path, text.data, text.len);
}

static void test_forged(void **state)
{
	(void)state;
	/* The hash fits the line; the next line tells. */
	store_forged(3, "/file/2", "/file/9");
	expect(RECORD_BROKEN, 4, "does not follow the one before");
	store_forged(3, "s-1", "s-2");
	expect(RECORD_BROKEN, 3, "another session");
	store_forged(3, "file.open", "session.start");
	expect(RECORD_BROKEN, 3, "a second session.start");
	store_forged(1, "session.start", "file.open");
	expect(RECORD_BROKEN, 1, "does not begin with session.start");
	store_forged(3, "file.open", "session.end");
	expect(RECORD_BROKEN, 3, "session.end without a signature");
	store_forged(3, "\"seq\":2", "\"seq\":-2");
	expect(RECORD_BROKEN, 3, "seq, session or kind is missing");
	store_forged(3, "\"seq\":2", "\"seq\":2,\"seq\":2");
	expect(RECORD_BROKEN, 3, "the key is there twice");
	store_forged(3, "\"kind\"", "\"k\\u0069nd\"");
	expect(RECORD_BROKEN, 4, "does not follow the one before");
}

/* The last line of another run with the same session id: seq and session fit, the chain does not.
 */
static void test_other_chain(void **state)
{
	_cleanup_buf_ struct buf other = BUF_INIT(0);
	_cleanup_buf_ struct buf mixed = BUF_INIT(0);
	struct record *record;
	const char *last;

	(void)state;
	assert_int_equal(unlink(fixture.path), 0);
	record = fixture_open(&fixture, "s-1");
	assert_int_equal(put_event(record, "session.start", "another run"), 0);
	assert_int_equal(put_event(record, "file.open", "/file/1"), 0);
	assert_int_equal(put_event(record, "file.open", "/file/2"), 0);
	assert_int_equal(record_close(record, 0, NULL), 0);
	load(fixture.path, &other);
	last = other.data + other.len - 1;
	while (last[-1] != '\n')
		last--;
	put_line(&mixed, 1);
	put_line(&mixed, 2);
	put_line(&mixed, 3);
	buf_puts(&mixed, last);
	store(fixture.path, mixed.data, mixed.len);
	expect(RECORD_BROKEN, 4, "does not follow the one before");
}

/* session.end signed by a key of somebody's own. */
static void store_signed_by(const struct record_key *signs, const struct record_key *claims)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	_cleanup_buf_ struct buf end = BUF_INIT(0);
	struct record_report before;
	char claimed[CHAIN_HEX + 1];
	char head[CHAIN_HEX + 1];
	char signature[SIGN_HEX + 1];

	store(fixture.path, whole.data, whole.len);
	before = verify();
	hex_put(claims->public, 32, claimed);
	forge(&end, 5, before.signer, claimed, NULL);
	end.len -= strlen("}\n");
	(void)memcpy(head, end.data + end.len - 1 - CHAIN_HEX, CHAIN_HEX);
	head[CHAIN_HEX] = '\0';
	chain_sign(head, signs->secret, signature);
	end.data[end.len] = '\0';
	for (unsigned i = 1; i <= 4; i++)
		put_line(&text, i);
	buf_put(&text, end.data, end.len);
	buf_printf(&text, ",\"signature\":\"%s\"}\n", signature);
	store(fixture.path, text.data, text.len);
}

static void test_other_key(void **state)
{
	struct record_key ours;
	struct record_key theirs;
	struct record_report report;

	(void)state;
	assert_int_equal(key_load(fixture.key, false, &ours, NULL), 0);
	(void)crypto_sign_keypair(theirs.public, theirs.secret);

	store_signed_by(&ours, &ours); /* the twin that must pass */
	report = verify();
	assert_int_equal(report.state, RECORD_CLOSED);
	assert_true(report.signer_is_ours);

	store_signed_by(&theirs, &ours);
	expect(RECORD_BROKEN, 5, "the signature is not the signer's");

	store_signed_by(&theirs, &theirs); /* whole, but not of this host */
	report = verify();
	assert_int_equal(report.state, RECORD_CLOSED);
	assert_false(report.signer_is_ours);
}

static void test_no_key(void **state)
{
	struct record_report report;

	(void)state;
	assert_int_equal(record_verify(fixture.path, "/nowhere/record.key", &report, NULL), 0);
	assert_int_equal(report.state, RECORD_CLOSED);
	assert_false(report.signer_is_ours);
	assert_int_equal(record_verify(fixture.path, NULL, &report, NULL), 0);
	assert_false(report.signer_is_ours);
}

static void test_bounds(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct record_report report;
	struct error err = {0};

	(void)state;
	put_line(&text, 1);
	for (unsigned i = 0; i < 40u << 20; i += 1024)
		buf_printf(&text, "%01024d", 0);
	store(fixture.path, text.data, text.len);
	expect(RECORD_BROKEN, 2, "longer than 65536 bytes");
	assert_int_equal(record_verify("/nowhere", NULL, &report, &err), -ENOENT);
	assert_int_equal(record_verify("/tmp", NULL, &report, &err), -EISDIR);
	assert_non_null(strstr(err.text, "/tmp"));
}

int main(void)
{
#define VERIFY_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		VERIFY_TEST(test_closed),	VERIFY_TEST(test_every_byte),
		VERIFY_TEST(test_every_length), VERIFY_TEST(test_order),
		VERIFY_TEST(test_appended),	VERIFY_TEST(test_forged),
		VERIFY_TEST(test_other_chain),	VERIFY_TEST(test_other_key),
		VERIFY_TEST(test_no_key),	VERIFY_TEST(test_bounds),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
