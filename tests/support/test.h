/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * cmocka for our tests. Its header needs the three before it; the block keeps its order by hand.
 *
 * A failed cmocka assertion in a forked child would longjmp into the runner there and run the rest
 * of the tests twice. Children therefore never assert: they do their work in in_child() and hand
 * back a number.
 */

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(_array) (sizeof(_array) / sizeof((_array)[0]))

/*
 * in_child - runs fn(arg) in a forked child, which ends by _exit(fn's result & 0xff).
 * Return: the wait status, for WIFEXITED, WEXITSTATUS, WIFSIGNALED, WTERMSIG.
 */
static inline int in_child(int (*fn)(void *arg), void *arg)
{
	const pid_t child = fork();
	int status = 0;

	if (child < 0)
		fail_msg("fork: errno %d", errno);
	if (child == 0)
		_exit(fn(arg) & 0xff);
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			fail_msg("waitpid: errno %d", errno);
	}
	return status;
}

#define assert_exited(_status, _code)                                                           \
	do {                                                                                    \
		const int _st = (_status);                                                      \
		if (!WIFEXITED(_st) || WEXITSTATUS(_st) != (_code))                             \
			fail_msg("wait status 0x%x, expected exit %d", (unsigned)_st, (_code)); \
	} while (0)
