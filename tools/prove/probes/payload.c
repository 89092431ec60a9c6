/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that attempts run or try to run: says who it is and leaves with a status of its own.
 * Built twice; only one of the two names is forbidden by the arena's policy. The permitted one,
 * given an argument or a variable that is forbidden, says what the other does.
 */
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "tools/prove/probes/exec.h"

static const char ran[] = "the forbidden program runs\n";

static bool is_forbidden(char *const *strings)
{
	for (; *strings; strings++)
		if (strstr(*strings, "forbidden"))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	static const char text[] = PAYLOAD_TEXT "\n";

	if (is_forbidden(argv + (argc > 0)) || is_forbidden(environ)) {
		(void)!write(STDOUT_FILENO, ran, sizeof(ran) - 1);
		return FORBIDDEN_STATUS;
	}
	(void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
	return PAYLOAD_STATUS;
}
