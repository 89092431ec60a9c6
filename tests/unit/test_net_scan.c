/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include <zlib.h>

#include "common/buf.h"
#include "monitor/net/scan.h"

#define CANARY "canary-0123456789abcdef"

static const struct str texts[] = {{CANARY, sizeof(CANARY) - 1},
				   {"\xfb\xff\xfe>?another\0one", 16}};

static struct scan_set *make_set(void)
{
	struct error err = {0};
	struct scan_set *set = NULL;

	assert_int_equal(scan_set_new(texts, 2, &set, &err), 0);
	return set;
}

/* Fed at once, byte by byte, and in pieces, it must come to the same. */
static void expect(const void *bytes, size_t len, uint64_t found)
{
	static const size_t steps[] = {SIZE_MAX, 1, 2, 5, 4096};
	_cleanup_(scan_set_freep) struct scan_set *set = make_set();

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		_cleanup_(scan_freep) struct scan *scan = scan_new(set);

		for (size_t at = 0; at < len;) {
			const size_t some = len - at < steps[i] ? len - at : steps[i];

			scan_feed(scan, (const uint8_t *)bytes + at, some);
			at += some;
		}
		assert_int_equal(scan_found(scan), found);
		assert_null(scan_gave_up(scan));
	}
}

static void expect_text(const char *text, uint64_t found)
{
	expect(text, strlen(text), found);
}

static void test_plain(void **state)
{
	(void)state;
	expect_text("", 0);
	expect_text(CANARY, 1);
	expect_text("POST /?k=" CANARY "& HTTP/1.1\r\n", 1);
	expect_text("canary-0123456789abcde", 0);
	expect_text("canary-0123456789abcdeg", 0);
	expect_text("canary-canary-0123456789abcdef", 1);
	expect_text("canary-0123 456789abcdef", 0); /* white space is an encoder's */
	expect(texts[1].at, texts[1].len, 2);
	expect_text(CANARY "\xfb\xff\xfe>?another", 1);
}

/* Somebody else's encoder: this is what `printf '%s' TEXT | base64`, and basenc, print. */
static void test_encoded(void **state)
{
	(void)state;
	expect_text("Y2FuYXJ5LTAxMjM0NTY3ODlhYmNkZWY=", 1);	   /* CANARY */
	expect_text("eGNhbmFyeS0wMTIzNDU2Nzg5YWJjZGVmeHg=", 1);	   /* x CANARY xx */
	expect_text("eHhjYW5hcnktMDEyMzQ1Njc4OWFiY2RlZng=", 1);	   /* xx CANARY x */
	expect_text("Y2FuYXJ5LTAxMjM0NTY3ODlhYmN4ZWY=", 0);	   /* canary-...abcxef */
	expect_text("Y2FuYXJ5LTAxMjM0\nNTY3ODlh\r\n YmNkZWY=", 1); /* in lines */
	expect_text("63616e6172792d303132333435363738396162636465660a", 1);
	expect_text("63616E6172792D303132333435363738396162636465660A", 1);
	expect_text("63 61 6e 61 72 79 2d 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66", 1);
	expect_text("63616e6172792d303132333435363738396162636465670a", 0);
	expect_text("+//+Pj9hbm90aGVyAG9uZQ==", 2);
	expect_text("-__-Pj9hbm90aGVyAG9uZQ", 2);
}

static void filler(struct buf *to, size_t len)
{
	uint32_t x = 12345;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525u + 1013904223u;
		buf_putc(to, (char)('a' + (x >> 24) % 24));
	}
}

/* Of URLs and forms: curl's --data-urlencode, encodeURIComponent(), and who escapes all of it. */
static void test_percent_escapes(void **state)
{
	(void)state;
	expect_text("GET /?k=canary%2D0123456789abcdef HTTP/1.1\r\n", 1);
	expect_text("%63%61%6e%61%72%79%2d%30%31%32%33%34%35%36%37%38%39%61%62%63%64%65%66", 1);
	expect_text("%63%61%6E%61%72%79%2D%30%31%32%33%34%35%36%37%38%39%61%62%63%64%65%66", 1);
	expect_text("canary-0123456789abcde%66", 1);
	expect_text("%xcanary-0123456789abcde%66", 1);
	expect_text("%4canary-0123456789abcde%66", 0); /* "Lanary" */
	expect_text("%4canary-0123456789abcdef", 1);   /* for who undoes no escapes */
	expect_text("%%4%%63anary-0123456789abcdef", 1);
	expect_text("canary-0123456789abcde%67", 0);
	expect_text("%FB%FF%FE%3E%3Fanother%00one", 2);
	expect_text("%2B%2F%2F%2BPj9hbm90aGVyAG9uZQ%3D%3D", 2); /* base64 */
	expect_text("%2B//%2BPj9hbm90aGV\r\n yAG9uZQ==", 2);
	/* Far from what was escaped, and behind it again. */
	{
		_cleanup_buf_ struct buf out = BUF_INIT(0);

		buf_puts(&out, "%20");
		filler(&out, 3000);
		buf_puts(&out, "%0a");
		filler(&out, 9000);
		buf_puts(&out, "canary%2d0123456789abcdef");
		expect(out.data, out.len, 1);
	}
}

static void test_escapes_of_forms_and_json(void **state)
{
	static const struct str lines[] = {{"key \"one\"\n\\end & more/", 22}};
	static const char *const forms[] = {
		"k=key+%22one%22%0A%5Cend+%26+more%2F", "k=key%20%22one%22%0a%5cend%20%26%20more/",
		"{\"k\":\"key \\\"one\\\"\\n\\\\end & more/\"}",
		"{\"k\":\"key \\\"one\\\"\\n\\\\end & more\\/\"}", /* as PHP does */
	};
	struct error err = {0};
	_cleanup_(scan_set_freep) struct scan_set *set = NULL;

	(void)state;
	assert_int_equal(scan_set_new(lines, 1, &set, &err), 0);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		_cleanup_(scan_freep) struct scan *scan = scan_new(set);

		scan_feed(scan, forms[i], strlen(forms[i]));
		assert_int_equal(scan_found(scan), 1);
	}
}

/* @window_bits: 31 gzip, 15 zlib, -15 raw */
static void compressed(struct buf *to, const void *bytes, size_t len, int window_bits)
{
	static uint8_t out[1 << 20];
	z_stream z = {.next_in = without_const(bytes),
		      .avail_in = (unsigned)len,
		      .next_out = out,
		      .avail_out = sizeof(out)};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_put(to, out, sizeof(out) - z.avail_out);
	assert_int_equal(deflateEnd(&z), Z_OK);
}

static void test_compressed(void **state)
{
	static const int forms[] = {31, 15};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		_cleanup_buf_ struct buf inside = BUF_INIT(0);
		_cleanup_buf_ struct buf out = BUF_INIT(0);

		filler(&inside, 30000);
		buf_puts(&inside, CANARY);
		filler(&inside, 30000);
		buf_puts(&inside, "-__-Pj9hbm90aGVyAG9u%5AQ");
		buf_puts(&out, "xxx\x1f\x8b\x78--boundary\r\n\r\n");
		compressed(&out, inside.data, inside.len, forms[i]);
		expect(out.data, out.len, 3);
		/* Behind the end of one there may be another. */
		buf_clear(&out);
		compressed(&out, "nothing", 7, forms[i]);
		expect(out.data, out.len, 0);
		buf_puts(&out, "PACK");
		compressed(&out, CANARY, sizeof(CANARY) - 1, forms[i]);
		buf_puts(&out, "end");
		expect(out.data, out.len, 1);
	}
}

/* "Content-Encoding: deflate" comes with a head of zlib or without. */
static void test_deflate(void **state)
{
	static const int forms[] = {15, -15};
	_cleanup_(scan_set_freep) struct scan_set *set = make_set();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		_cleanup_buf_ struct buf out = BUF_INIT(0);
		_cleanup_(scan_freep) struct scan *scan = scan_new(set);

		compressed(&out, CANARY, sizeof(CANARY) - 1, forms[i]);
		scan_feed(scan, "POST\r\n\r\n", 8);
		scan_expect_deflate(scan);
		for (size_t at = 0; at < out.len; at++)
			scan_feed(scan, out.data + at, 1);
		assert_int_equal(scan_found(scan), 1);
		assert_null(scan_gave_up(scan));
	}
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	_cleanup_(scan_freep) struct scan *scan = scan_new(set);

	compressed(&out, CANARY, sizeof(CANARY) - 1, -15);
	scan_feed(scan, out.data, out.len);
	assert_int_equal(scan_found(scan), 0); /* nobody said so */
}

/* A bomb costs what is allowed and no more, and is told. */
static void test_bomb(void **state)
{
	static uint8_t zeros[16 << 20];
	_cleanup_(scan_set_freep) struct scan_set *set = make_set();
	_cleanup_(scan_freep) struct scan *scan = scan_new(set);
	_cleanup_(scan_freep) struct scan *small = scan_new(set);
	_cleanup_buf_ struct buf out = BUF_INIT(0);

	(void)state;
	compressed(&out, zeros, sizeof(zeros), 31);
	assert_true(out.len < sizeof(zeros) / 900);
	scan_feed(scan, out.data, out.len);
	assert_string_equal(scan_gave_up(scan), "it inflates to too much");
	/* The bytes themselves are looked at as ever. */
	scan_feed(scan, CANARY, sizeof(CANARY) - 1);
	assert_int_equal(scan_found(scan), 1);
	/* A MiB of zeros may be. */
	buf_clear(&out);
	compressed(&out, zeros, 1 << 20, 31);
	scan_feed(small, out.data, out.len);
	assert_null(scan_gave_up(small));
}

/* Many at once, none of which ends: more than there are inflaters for. */
static void test_many(void **state)
{
	_cleanup_(scan_set_freep) struct scan_set *set = make_set();
	_cleanup_(scan_freep) struct scan *scan = scan_new(set);
	/* A stored block of 65,535 bytes, as each of them begins. */
	static const uint8_t open[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0, 0xff, 0xff, 0, 0};

	(void)state;
	for (unsigned i = 0; i < SCAN_INFLATERS; i++) {
		scan_feed(scan, open, sizeof(open));
		assert_null(scan_gave_up(scan));
	}
	scan_feed(scan, open, sizeof(open));
	assert_string_equal(scan_gave_up(scan), "too many compressed streams at once");
}

static void test_limits(void **state)
{
	const struct str few = {"1234567", 7};
	char many_bytes[SCAN_MAX_TEXT + 1] = "";
	const struct str many = {many_bytes, sizeof(many_bytes)};
	struct str all[SCAN_MAX_TEXTS + 1];
	struct scan_set *set = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(scan_set_new(&few, 1, &set, &err), -EINVAL);
	assert_string_equal(err.text,
			    "text 1 to be searched for has 7 bytes: at least 8, at most 256");
	assert_int_equal(scan_set_new(&many, 1, &set, &err), -EINVAL);
	for (size_t i = 0; i < SCAN_MAX_TEXTS + 1; i++)
		all[i] = (struct str){many_bytes + i, 100};
	assert_int_equal(scan_set_new(all, SCAN_MAX_TEXTS + 1, &set, &err), -E2BIG);
	memset(many_bytes, 'a', sizeof(many_bytes));
	for (size_t i = 0; i < SCAN_MAX_TEXTS; i++)
		all[i] = (struct str){many_bytes, SCAN_MAX_TEXT - i};
	assert_int_equal(scan_set_new(all, SCAN_MAX_TEXTS, &set, &err), 0);
	_cleanup_(scan_freep) struct scan *scan = scan_new(set);

	scan_feed(scan, many_bytes, SCAN_MAX_TEXT - 1);
	assert_true(scan_found(scan) == ~UINT64_C(1));
	scan_feed(scan, "a", 1);
	assert_true(scan_found(scan) == ~UINT64_C(0));
	(void)scan_free(take_ptr(scan));
	set = scan_set_free(set);
	/* None at all is fine as well. */
	assert_int_equal(scan_set_new(NULL, 0, &set, &err), 0);
	scan = scan_new(set);
	scan_feed(scan, CANARY, 10);
	assert_int_equal(scan_found(scan), 0);
	(void)scan_free(take_ptr(scan));
	set = scan_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_encoded),
		cmocka_unit_test(test_percent_escapes),
		cmocka_unit_test(test_escapes_of_forms_and_json),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_deflate),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
