/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Scope-bound cleanup and hand-over of what a local owns.
 */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

static inline void cleanup_free_p(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_p(const int *fd)
{
	if (*fd >= 0) {
		const int saved = errno;

		(void)close(*fd);
		errno = saved;
	}
}

#define _cleanup_free_	_cleanup_(cleanup_free_p)
#define _cleanup_close_ _cleanup_(cleanup_close_p)

/* Defines x_freep() for `_cleanup_(x_freep) type *x`, from `type *fn(type *)` or `void fn(type *)`.
 */
#define DEFINE_CLEANUP(type, fn)          \
	static inline void fn##p(type *p) \
	{                                 \
		if (*p)                   \
			(void)fn(*p);     \
	}

/* Hand-over: the value, with the variable emptied. */
#define take_ptr(ptr)                          \
	({                                     \
		__typeof__(ptr) *_pp = &(ptr); \
		__typeof__(ptr) _taken = *_pp; \
		*_pp = NULL;                   \
		_taken;                        \
	})

static inline int take_fd(int *fd)
{
	const int taken = *fd;

	*fd = -1;
	return taken;
}

/* For interfaces that do not write and yet take no const: free(), structs of the kernel. */
static inline void *without_const(const void *p)
{
	const union {
		const void *read_only;
		void *plain;
	} both = {p};

	return both.plain;
}

/* Closes an fd held in a struct and marks it empty; -1 is fine. */
static inline void close_fd(int *fd)
{
	cleanup_close_p(fd);
	*fd = -1;
}
