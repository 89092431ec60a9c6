/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the tests of the trace share: for each test a trace of its own, and one folder for all tests
 * of a program.
 */

#include "tests/support/test.h"
#include "tests/support/traced.h"

extern struct traced traced;
extern char fixture_folder[];

/* A path in the folder; good until eight others were asked for. */
char *in_folder(const char *name);
/* A file there, with "text\n" in it. */
void make_file(const char *name);

int fixture_set_up(void **state);
int fixture_tear_down(void **state);
#define TRACE_TEST(name) \
	cmocka_unit_test_setup_teardown(test_##name, fixture_set_up, fixture_tear_down)

/*
 * Runs the tests in the folder, which is made before and removed after. Return: what main()
 * returns; 77 (skipped) for an ordinary user, who may not trace.
 */
int fixture_run(const char *name, const struct CMUnitTest *tests, size_t count);
