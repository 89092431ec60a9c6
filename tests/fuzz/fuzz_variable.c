/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A variable of `cordon policy eval --var`: it is refused, or it has a type and a value, and what
 * is printed of that value is read back as the same.
 */

#include "tests/support/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "tools/cordon/policy/eval_value.h"

static void check_again(const struct cel_value *value)
{
	struct buf printed = BUF_INIT(0);
	struct buf twice = BUF_INIT(0);
	struct eval_variable again;
	struct error err = {0};
	int r;

	buf_puts(&printed, "x:typed=");
	eval_value_write(&printed, value);
	r = eval_variable_read(printed.data, &again, &err);
	/* A NUL cannot be given on a command line, nor what is nested a level too deep by then. */
	if (r == 0) {
		buf_puts(&twice, "x:typed=");
		eval_value_write(&twice, &again.value);
		fuzz_expect(strcmp(printed.data, twice.data) == 0);
	} else {
		fuzz_expect(strstr(printed.data, "\\u0000") || strstr(err.text, "deep"));
	}
	eval_variable_done(&again);
	buf_done(&printed);
	buf_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argument = xstrndup((const char *)data, size);
	struct eval_variable variable;
	struct error err = {0};

	if (eval_variable_read(argument, &variable, &err) < 0) {
		fuzz_expect(*err.text);
	} else {
		fuzz_expect(variable.type && *variable.name);
		if (variable.value.kind != CEL_ERROR)
			check_again(&variable.value);
		else
			fuzz_expect(!strchr(argument, '='));
	}
	eval_variable_done(&variable);
	free(argument);
	return 0;
}
