/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/child_mem.h"

#include <errno.h>
#include <string.h>

#include "common/limits.h"

void child_mem_init(struct child_mem *mem, uint32_t tid)
{
	mem->tid = tid;
	for (size_t i = 0; i < CHILD_PAGES; i++)
		mem->pages[i].at = 0;
}

/* That at address 0 is never kept. */
static int get_page(struct child_mem *mem, uint64_t at, const struct child_page **ret)
{
	struct child_page *page = &mem->pages[mem->next];
	int r;

	for (size_t i = 0; at && i < CHILD_PAGES; i++) {
		if (mem->pages[i].at == at) {
			*ret = &mem->pages[i];
			return 0;
		}
	}
	page->at = 0;
	r = child_mem_fetch(mem->tid, at, page->bytes, sizeof(page->bytes));
	if (r < 0)
		return r;
	page->at = at;
	mem->next = (mem->next + 1) % CHILD_PAGES;
	*ret = page;
	return 0;
}

/* The part of the page at @at that lies behind it. */
static int read_page(struct child_mem *mem, uint64_t at, const char **ret, size_t *ret_len)
{
	const uint64_t page_at = at & ~(uint64_t)(CHILD_PAGE_BYTES - 1);
	const size_t offset = (size_t)(at - page_at);
	const struct child_page *page;
	const int r = get_page(mem, page_at, &page);

	if (r < 0)
		return r;
	*ret = page->bytes + offset;
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

/* One pointer of a vector; it may lie across two pages. */
static int read_pointer(struct child_mem *mem, uint64_t at, uint64_t *ret)
{
	const char *part;
	size_t part_len;
	const int r = read_page(mem, at, &part, &part_len);

	if (r < 0)
		return r;
	if (part_len < sizeof(*ret))
		return child_mem_read(mem, at, ret, sizeof(*ret));
	memcpy(ret, part, sizeof(*ret));
	return 0;
}

int child_mem_argv(struct child_mem *mem, uint64_t at, struct buf *to, size_t *ret_count)
{
	const size_t start = to->len;
	uint64_t pointer;
	size_t count = 0;

	for (; at; at += sizeof(pointer)) {
		int r = read_pointer(mem, at, &pointer);

		if (r < 0)
			return r;
		if (!pointer)
			break;
		if (++count > MAX_ARGV_ITEMS)
			return -E2BIG;
		r = read_argument(mem, pointer, to, start);
		if (r < 0)
			return r;
	}
	*ret_count = count;
	return 0;
}
