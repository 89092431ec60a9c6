/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Scenarios come from anywhere: whatever the bytes, the decoder takes them or says why not, and
 * what it took keeps its promises: nothing leads out of the workspace, every step can be called.
 */

#include <string.h>

#include "scenarios/scenario.h"
#include "tests/support/fuzz.h"
#include "tools/toolkit/catalogue.h"

static void expect_inside(const char *path)
{
	const char *rest = path[0] == '~' ? path + 1 : path;

	fuzz_expect(path[0] != '~' || path[1] == '/');
	fuzz_expect(strncmp(rest, "../", 3) != 0 && strcmp(rest, "..") != 0);
	fuzz_expect(!strstr(rest, "/../"));
}

static void expect_steps(const struct scenario *s)
{
	fuzz_expect(s->step_count > 0 && s->step_count <= MAX_SCENARIO_STEPS);
	for (size_t i = 0; i < s->step_count; i++) {
		const struct expectation *e = &s->steps[i].expect;

		fuzz_expect(catalogue_find(s->steps[i].tool) != NULL);
		fuzz_expect(e->verdict < STEP_NOT_RUN);
		fuzz_expect((e->verdict == STEP_ALLOWED) == (e->rule == NULL));
		fuzz_expect(e->exit >= 0 && e->exit <= 255);
	}
}

static void expect_sound(const struct scenario *s)
{
	fuzz_expect(s->id[0] && strlen(s->id) <= 64);
	fuzz_expect(s->category < CATEGORIES && s->looks_like < CATEGORY_BENIGN);
	for (size_t i = 0; i < s->setup.file_count; i++) {
		expect_inside(s->setup.files[i].path);
		fuzz_expect((s->setup.files[i].mode & ~0777u) == 0);
	}
	for (size_t i = 0; i < s->file_count; i++) {
		expect_inside(s->files[i].path);
		fuzz_expect(s->files[i].path[0] != '/' && s->files[i].path[0] != '~');
	}
	for (size_t i = 0; i < s->rule_count; i++)
		fuzz_expect(s->rules[i].least <= s->rules[i].most);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scenario scenario;
	struct error err = {0};

	if (scenario_decode("input", (const char *)data, size, &scenario, &err) < 0) {
		fuzz_expect(strncmp(err.text, "input:", 6) == 0);
		return 0;
	}
	expect_steps(&scenario);
	expect_sound(&scenario);
	scenario_done(&scenario);
	return 0;
}
