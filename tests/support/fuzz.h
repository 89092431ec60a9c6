/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a fuzz target needs. A target is one function over arbitrary bytes; what must hold of every
 * input is said with fuzz_expect(), which ends the process so that the fuzzer keeps the input.
 */

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define fuzz_expect(_condition)                                                                 \
	do {                                                                                    \
		if (!(_condition)) {                                                            \
			(void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, \
				      #_condition);                                             \
			abort();                                                                \
		}                                                                               \
	} while (0)

/* The lowest descriptors that are free: the same before an input and after it. */
struct fuzz_fds {
	int fd[16];
};

static inline struct fuzz_fds fuzz_free_fds(void)
{
	struct fuzz_fds ret;

	for (size_t i = 0; i < 16; i++)
		ret.fd[i] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	for (size_t i = 0; i < 16; i++)
		(void)close(ret.fd[i]);
	return ret;
}

/* What is open, and where: of a leak the number alone says little. */
static inline void fuzz_tell_open(void)
{
	for (int fd = 0; fd < 64; fd++) {
		char name[64];
		char target[256];
		ssize_t n;

		(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		n = readlink(name, target, sizeof(target));
		if (n >= 0)
			(void)fprintf(stderr, "open: %d %.*s\n", fd, (int)n, target);
	}
}

/* What stays is a leak. What a process that shared our descriptors has not let go of yet is none,
 * so that it is looked again for a tenth of a second. */
static inline void fuzz_expect_free(const struct fuzz_fds *before)
{
	struct fuzz_fds after = fuzz_free_fds();

	for (int i = 0; i < 100 && memcmp(before, &after, sizeof(after)) != 0; i++) {
		(void)usleep(1000);
		after = fuzz_free_fds();
	}
	for (size_t i = 0; i < 16 && memcmp(before, &after, sizeof(after)) != 0; i++)
		(void)fprintf(stderr, "free before and after: %d %d\n", before->fd[i], after.fd[i]);
	if (memcmp(before, &after, sizeof(after)) != 0)
		fuzz_tell_open();
	fuzz_expect(memcmp(before, &after, sizeof(after)) == 0);
}
