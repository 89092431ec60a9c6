/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/child_mem.h"

#include <errno.h>
#include <string.h>

#include "common/limits.h"

#define VECTOR_STEP 32u /* pointers of an argv read at once */

void child_mem_init(struct child_mem *mem, uint32_t tid)
{
	mem->tid = tid;
	mem->page_at = 0;
	mem->page_len = 0;
}

/* The part of the page at @at that lies behind it, through the one-page cache. */
static int read_page(struct child_mem *mem, uint64_t at, const char **ret, size_t *ret_len)
{
	const uint64_t page_at = at & ~(uint64_t)(CHILD_PAGE_BYTES - 1);
	const size_t offset = (size_t)(at - page_at);

	if (!mem->page_len || mem->page_at != page_at) {
		mem->page_len = 0;
		const int r = child_mem_fetch(mem->tid, page_at, mem->page, CHILD_PAGE_BYTES);

		if (r < 0)
			return r;
		mem->page_at = page_at;
		mem->page_len = CHILD_PAGE_BYTES;
	}
	*ret = mem->page + offset;
	*ret_len = CHILD_PAGE_BYTES - offset;
	return 0;
}

int child_mem_read(struct child_mem *mem, uint64_t at, void *to, size_t len)
{
	return len ? child_mem_fetch(mem->tid, at, to, len) : 0;
}

int child_mem_string(struct child_mem *mem, uint64_t at, struct buf *to, size_t max)
{
	size_t done = 0;

	for (;;) {
		const char *part;
		size_t part_len;
		int r = read_page(mem, at, &part, &part_len);

		if (r < 0)
			return r;
		const char *nul = memchr(part, 0, part_len);
		const size_t len = nul ? (size_t)(nul - part) : part_len;

		if (len > max - done)
			return -ENAMETOOLONG;
		buf_put(to, part, len);
		done += len;
		if (nul)
			return 0;
		at += len;
		if (!at) /* wrapped around the end of the address space */
			return -EFAULT;
	}
}

/* One argument with its NUL; the whole block is held below MAX_ARGV_BYTES. */
static int read_argument(struct child_mem *mem, uint64_t at, struct buf *to, size_t start)
{
	const size_t used = to->len - start;

	if (used >= MAX_ARGV_BYTES)
		return -E2BIG;
	const int r = child_mem_string(mem, at, to, MAX_ARGV_BYTES - used - 1);

	if (r == 0)
		buf_putc(to, '\0');
	return r == -ENAMETOOLONG ? -E2BIG : r;
}

int child_mem_argv(struct child_mem *mem, uint64_t at, struct buf *to, size_t *ret_count)
{
	const size_t start = to->len;
	uint64_t pointers[VECTOR_STEP] = {0};
	size_t count = 0;
	size_t have = 0;
	size_t next = 0;

	while (at) {
		if (next == have) {
			/* Up to the end of the page, so that an unmapped next one does no harm. */
			const size_t room = CHILD_PAGE_BYTES - (at & (CHILD_PAGE_BYTES - 1));

			have = room / sizeof(uint64_t);
			have = have > VECTOR_STEP ? VECTOR_STEP : (have ? have : 1);
			next = 0;
			const int r = child_mem_read(mem, at, pointers, have * sizeof(pointers[0]));

			if (r < 0)
				return r;
			at += have * sizeof(pointers[0]);
		}
		if (!pointers[next])
			break;
		if (++count > MAX_ARGV_ITEMS)
			return -E2BIG;
		const int r = read_argument(mem, pointers[next++], to, start);

		if (r < 0)
			return r;
	}
	*ret_count = count;
	return 0;
}
