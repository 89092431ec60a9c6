/* SPDX-License-Identifier: Apache-2.0 */

#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "monitor/policy/cel/cel.h"
#include "monitor/policy/cel/cel_extension.h"
#include "tests/unit/man_page.h"

/* cordon-expressions(5), whose source is MAN, has the functions that the code has. */

static char *expressions;

static int read_page(void **state)
{
	size_t len = 0;

	(void)state;
	return json_read_file(MAN, &expressions, &len, NULL);
}

static int free_page(void **state)
{
	(void)state;
	free(expressions);
	return 0;
}

/* "_text_.*trim*() -> string" is a method, "*math.abs*(_number_) -> dyn" a function. */
static void test_library_functions(void **state)
{
	_cleanup_free_ char *text = man_section(expressions, "## Functions of libraries");
	_cleanup_buf_ struct buf items = BUF_INIT(0);
	size_t count = 0;

	(void)state;
	man_items(text, "*_", &items);
	for (char *line = strtok(items.data, "\n"); line; line = strtok(NULL, "\n")) { // NOLINT
		char name[32];

		assert_int_equal(sscanf(strchr(line, '*'), "*%31[a-zA-Z0-9.]*", name), 1); // NOLINT
		if (!cel_extension_known(str_of(name)))
			fail_msg("there is no function %s", name);
		count++;
	}
	assert_int_equal(count, cel_extension_count());
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "_text_.*name*(...) -> type" is a method, "*name*(a, b) -> type" a function. */
static void test_functions(void **state)
{
	static const char *const type_names[] = {
		[CEL_BOOL] = "bool",	     [CEL_INT] = "int",
		[CEL_UINT] = "uint",	     [CEL_DOUBLE] = "double",
		[CEL_STRING] = "string",     [CEL_BYTES] = "bytes",
		[CEL_DURATION] = "duration", [CEL_TIMESTAMP] = "timestamp",
		[CEL_TYPE] = "type",	     [CEL_DYN] = "dyn",
	};
	_cleanup_free_ char *text = man_section(expressions, "## Functions");
	_cleanup_buf_ struct buf items = BUF_INIT(0);
	char *found[64] = {NULL};
	char *known[64] = {NULL};
	size_t count = 0;

	(void)state;
	man_items(text, "*_", &items);
	for (char *line = strtok(items.data, "\n"); line; line = strtok(NULL, "\n")) { // NOLINT
		const char *arrow = strstr(line, " -> ");
		char name[32];
		const bool method = line[0] == '_';

		if (!arrow)
			continue; /* a paragraph */
		assert_int_equal(sscanf(strchr(line, '*'), "*%31[a-zA-Z]*", name), 1); // NOLINT
		assert_true(count < 64);
		found[count++] = xasprintf("%s%s%s", method ? "." : "", name, arrow);
	}
	assert_int_equal(count, cel_signature_count);
	for (size_t i = 0; i < count; i++) {
		const struct cel_signature *f = &cel_signatures[i];

		known[i] = xasprintf("%s%s -> %s", f->method ? "." : "", f->name,
				     type_names[f->result]);
	}
	qsort(found, count, sizeof(found[0]), by_text);
	qsort(known, count, sizeof(known[0]), by_text);
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(found[i], known[i]);
		free(found[i]);
		free(known[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_library_functions),
	};

	return cmocka_run_group_tests(tests, read_page, free_page);
}
