/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <string.h>

#include <sodium.h>

#include "monitor/trace/internal.h"

/* libsodium's short hash is SipHash-2-4, too. */
static void test_is_siphash(void **state)
{
	unsigned char bytes[300], expected[crypto_shorthash_BYTES], key[crypto_shorthash_KEYBYTES];
	uint64_t words[2], hash;

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 7 + 1);
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (unsigned char)(255 - i);
	memcpy(words, key, sizeof(words));
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		(void)crypto_shorthash(expected, bytes, len, key);
		hash = approval_hash(words, bytes, len);
		assert_memory_equal(&hash, expected, sizeof(hash));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_is_siphash)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
