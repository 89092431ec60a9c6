/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The search for texts in any bytes: how they are divided changes nothing, what is there as it
 * stands is found, and nothing is found that a plain search does not find where there is nothing
 * compressed or encoded.
 */

#include <string.h>

#include "common/buf.h"
#include "monitor/net/scan.h"
#include "tests/support/fuzz.h"

static const struct str texts[] = {
	{"canary-1", 8}, {"aaaaaaaab", 9}, {"\xfb\xff\xfe\xfd\xfc\xfb\xfa\xf9", 8}};

#define COUNT (sizeof(texts) / sizeof(texts[0]))

struct result {
	uint64_t found;
	bool gave_up;
};

static struct result run(const struct scan_set *set, const uint8_t *data, size_t size, size_t step)
{
	struct scan *scan = scan_new(set);
	struct result ret;

	for (size_t at = 0; at < size;) {
		const size_t some = size - at < step ? size - at : step;

		scan_feed(scan, data + at, some);
		at += some;
	}
	ret = (struct result){scan_found(scan), scan_gave_up(scan) != NULL};
	(void)scan_free(scan);
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct scan_set *set;
	struct result whole;

	if (size > (64u << 10))
		return 0;
	if (!set)
		fuzz_expect(scan_set_new(texts, COUNT, &set, NULL) == 0);
	whole = run(set, data, size, SIZE_MAX);
	fuzz_expect(whole.found < 1u << COUNT);
	for (size_t i = 0; i < COUNT; i++) {
		if (memmem(data, size, texts[i].at, texts[i].len))
			fuzz_expect(whole.found & 1u << i);
	}
	for (size_t step = 1; step < 100; step = step * 3 + 1) {
		const struct result split = run(set, data, size, step);

		fuzz_expect(whole.gave_up || split.gave_up || split.found == whole.found);
	}
	return 0;
}
