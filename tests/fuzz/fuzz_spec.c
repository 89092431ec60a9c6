/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Both ways in which a spec comes from outside: JSON (--spec FILE) and the launcher's encoding. The
 * first byte chooses: '{' is JSON, another one stands before an encoding. What is read must be
 * written and read again as the same; what passed the check must be usable as it is.
 */

#include "tests/support/fuzz.h"

#include <string.h>

#include "common/cleanup.h"
#include "sandbox/spec.h"
#include "sandbox/spec_wire.h"

static void round_trip_wire(const struct spec *spec)
{
	_cleanup_buf_ struct buf first = BUF_INIT(0);
	_cleanup_buf_ struct buf second = BUF_INIT(0);
	_cleanup_(spec_done) struct spec again = {0};

	spec_encode(spec, &first);
	if (first.len > SPEC_WIRE_MAX)
		return;
	fuzz_expect(spec_decode(first.data, first.len, &again, NULL) == 0);
	spec_encode(&again, &second);
	fuzz_expect(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
}

static void round_trip_json(const struct spec *spec)
{
	_cleanup_buf_ struct buf first = BUF_INIT(0);
	_cleanup_buf_ struct buf second = BUF_INIT(0);
	_cleanup_(spec_done) struct spec again = {0};
	_cleanup_(json_freep) struct json *doc = NULL;

	spec_to_json(spec, &first);
	fuzz_expect(json_parse("spec", first.data, first.len, &doc, NULL) == 0);
	fuzz_expect(spec_from_json(doc, &again, NULL) == 0);
	spec_to_json(&again, &second);
	fuzz_expect(strcmp(first.data, second.data) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(spec_done) struct spec spec = {0};
	struct error err = {0};

	if (size && data[0] == '{') {
		_cleanup_(json_freep) struct json *doc = NULL;

		if (json_parse("spec", (const char *)data, size, &doc, NULL) < 0)
			return 0;
		if (spec_from_json(doc, &spec, &err) < 0) {
			fuzz_expect(err.text[0] && !spec.mounts && !spec.session);
			return 0;
		}
		fuzz_expect(spec_check(&spec, NULL) == 0);
		round_trip_json(&spec);
		round_trip_wire(&spec);
	} else if (size) {
		if (spec_decode((const char *)data + 1, size - 1, &spec, &err) < 0) {
			fuzz_expect(err.code == -EBADMSG && !spec.mounts && !spec.session);
			return 0;
		}
		round_trip_wire(&spec);
		(void)spec_check(&spec, &err);
	}
	return 0;
}
