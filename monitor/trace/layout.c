/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: one pass over the type section notes where each type starts and picks what
 * is wanted by name; the members of each structure are searched at once, going into anonymous
 * structures and unions, for which the pass runs ahead where need be. It ends when all is found,
 * mostly long before the end. Every access is checked against the section's end, although the
 * kernel made the data.
 */
#include "monitor/trace/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/btf.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define BTF_PATH      "/sys/kernel/btf/vmlinux"
#define MAX_BTF_BYTES (64u << 20)
#define MAX_NESTING   6u
#define EXIT_HANDLER  "btf_trace_sched_process_exit"
#define ANY_SIZE      UINT32_MAX

struct wanted {
	const char *structure, *member;
	size_t offset; /* in struct trace_layout */
};

#define WANTED(name, structure, member) {#structure, #member, offsetof(struct trace_layout, name)},
static const struct wanted wanted[] = {TRACE_LAYOUT(WANTED)};
#define WANTED_COUNT (sizeof(wanted) / sizeof(wanted[0]))

struct btf_view {
	const uint8_t *types;
	const char *strings;
	uint32_t type_bytes, string_bytes;
	uint32_t *starts; /* owned: offset of each type, by id, as far as the pass came */
	uint32_t count;
	uint32_t at; /* where the pass is */
	bool is_bad; /* it came to something that cannot be read */
};

/* Bytes that follow the head of a type; ANY_SIZE for a kind that is not known. */
static uint32_t tail_bytes(const struct btf_type *type)
{
	const uint32_t vlen = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return sizeof(uint32_t);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return vlen * (uint32_t)sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return vlen * (uint32_t)sizeof(struct btf_enum);
	case BTF_KIND_FUNC_PROTO:
		return vlen * (uint32_t)sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return vlen * (uint32_t)sizeof(struct btf_var_secinfo);
	case BTF_KIND_ENUM64:
		return vlen * (uint32_t)sizeof(struct btf_enum64);
	case BTF_KIND_PTR:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_FUNC:
	case BTF_KIND_FLOAT:
	case BTF_KIND_TYPE_TAG:
		return 0;
	default:
		return ANY_SIZE;
	}
}

/* Takes one more type in; false at the end, or at what cannot be read. */
static bool pass_on(struct btf_view *btf)
{
	const struct btf_type *type = (const struct btf_type *)(const void *)(btf->types + btf->at);
	const uint32_t left = btf->type_bytes - btf->at;
	uint32_t tail;

	if (left == 0 || btf->is_bad)
		return false;
	tail = left < sizeof(*type) ? ANY_SIZE : tail_bytes(type);
	if (tail > left - sizeof(*type)) {
		btf->is_bad = true;
		return false;
	}
	btf->starts[btf->count++] = btf->at;
	btf->at += (uint32_t)sizeof(*type) + tail;
	return true;
}

static const struct btf_type *type_at(struct btf_view *btf, uint32_t id)
{
	while (id >= btf->count) {
		if (!pass_on(btf))
			return NULL;
	}
	return id == 0 ? NULL
		       : (const struct btf_type *)(const void *)(btf->types + btf->starts[id]);
}

static const char *string_at(const struct btf_view *btf, uint32_t offset)
{
	return offset < btf->string_bytes ? btf->strings + offset : "";
}

static bool is_composite(const struct btf_type *type)
{
	const uint32_t kind = BTF_INFO_KIND(type->info);

	return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION;
}

/* Offset in bits of a member, also inside anonymous ones; -1 if there is none. */
/* NOLINTNEXTLINE(misc-no-recursion): MAX_NESTING deep */
static int64_t find_member(struct btf_view *btf, const struct btf_type *type, const char *name,
			   unsigned depth)
{
	const struct btf_member *members = (const struct btf_member *)(type + 1);
	const bool with_sizes = BTF_INFO_KFLAG(type->info);

	for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++) {
		const uint32_t bits =
			with_sizes ? BTF_MEMBER_BIT_OFFSET(members[i].offset) : members[i].offset;
		const struct btf_type *inner;
		int64_t found;

		if (members[i].name_off) {
			if (strcmp(string_at(btf, members[i].name_off), name) == 0)
				return bits;
			continue;
		}
		inner = type_at(btf, members[i].type);
		if (!inner || !is_composite(inner) || depth >= MAX_NESTING)
			continue;
		found = find_member(btf, inner, name, depth + 1);
		if (found >= 0)
			return bits + found;
	}
	return -1;
}

/* Checks the header and notes where each type starts. */
static int view_open(const uint8_t *data, size_t len, struct btf_view *btf, struct error *err)
{
	const struct btf_header *header = (const struct btf_header *)(const void *)data;
	uint64_t types_end, strings_end;

	if (len < sizeof(*header) || len > MAX_BTF_BYTES || header->magic != BTF_MAGIC ||
	    header->hdr_len < sizeof(*header) || header->hdr_len > len)
		return error_set(err, EINVAL, "the kernel's BTF has no valid header");
	types_end = (uint64_t)header->hdr_len + header->type_off + header->type_len;
	strings_end = (uint64_t)header->hdr_len + header->str_off + header->str_len;
	if (types_end > len || strings_end > len || header->type_off % 4 || header->hdr_len % 4 ||
	    header->str_len == 0 || data[strings_end - 1] != '\0')
		return error_set(err, EINVAL, "the kernel's BTF has sections outside of itself");
	btf->types = data + header->hdr_len + header->type_off;
	btf->type_bytes = header->type_len;
	btf->strings = (const char *)data + header->hdr_len + header->str_off;
	btf->string_bytes = header->str_len;
	btf->starts = xcalloc(header->type_len / sizeof(struct btf_type) + 2, sizeof(uint32_t));
	btf->count = 1; /* id 0 is void */
	return 0;
}

/* Fills in every wanted member of one structure; the group starts at wanted[first]. */
static bool fill_group(struct btf_view *btf, const struct btf_type *type, size_t first,
		       struct trace_layout *layout)
{
	for (size_t i = first; i < WANTED_COUNT; i++) {
		int64_t bits;
		uint32_t bytes;

		if (strcmp(wanted[i].structure, wanted[first].structure) != 0)
			break;
		bits = find_member(btf, type, wanted[i].member, 0);
		if (bits < 0 || bits % 8)
			return false;
		bytes = (uint32_t)(bits / 8);
		memcpy((char *)layout + wanted[i].offset, &bytes, sizeof(bytes));
	}
	return true;
}

/* Arguments of the tracepoint whose handler type this typedef names, without its first (void *). */
static uint32_t handler_arguments(struct btf_view *btf, const struct btf_type *type)
{
	type = type_at(btf, type->type);
	if (type && BTF_INFO_KIND(type->info) == BTF_KIND_PTR)
		type = type_at(btf, type->type);
	if (!type || BTF_INFO_KIND(type->info) != BTF_KIND_FUNC_PROTO)
		return 0;
	return BTF_INFO_VLEN(type->info) > 0 ? BTF_INFO_VLEN(type->info) - 1 : 0;
}

/* Is wanted[i] the first member of its structure? */
static bool is_group(size_t i)
{
	return i == 0 || strcmp(wanted[i].structure, wanted[i - 1].structure) != 0;
}

/* Looks a structure over. Return: wanted members that it had, all of its group or none. */
static size_t take_structure(struct btf_view *btf, const struct btf_type *type, bool *done,
			     struct trace_layout *layout)
{
	const char *name = string_at(btf, type->name_off);

	for (size_t i = 0; i < WANTED_COUNT; i++) {
		if (done[i] || name[0] != wanted[i].structure[0] || !is_group(i) ||
		    strcmp(name, wanted[i].structure) != 0)
			continue;
		done[i] = fill_group(btf, type, i, layout);
		if (done[i] && strcmp(name, "upid") == 0)
			layout->upid_bytes = type->size;
		if (done[i] && strcmp(name, "file") == 0)
			layout->user_path = type->size;
		return done[i];
	}
	return 0;
}

static int find_groups(struct btf_view *btf, struct trace_layout *layout, struct error *err)
{
	bool done[WANTED_COUNT] = {false}; /* by the first of each group */
	const struct btf_type *type;
	size_t missing = 0;

	for (size_t i = 0; i < WANTED_COUNT; i++)
		missing += is_group(i);
	for (uint32_t id = 1; missing > 0 || !layout->exit_arguments; id++) {
		type = type_at(btf, id);
		if (!type)
			break;
		if (BTF_INFO_KIND(type->info) == BTF_KIND_STRUCT && type->name_off)
			missing -= take_structure(btf, type, done, layout);
		else if (BTF_INFO_KIND(type->info) == BTF_KIND_TYPEDEF && !layout->exit_arguments &&
			 strcmp(string_at(btf, type->name_off), EXIT_HANDLER) == 0)
			layout->exit_arguments = handler_arguments(btf, type);
	}
	if (btf->is_bad)
		return error_set(err, EINVAL, "the kernel's BTF has a type that cannot be read");
	if (!layout->exit_arguments)
		return error_set(err, EOPNOTSUPP, "this kernel's BTF has no " EXIT_HANDLER);
	for (size_t i = 0; i < WANTED_COUNT; i++) {
		if (is_group(i) && !done[i])
			return error_set(
				err, EOPNOTSUPP,
				"this kernel's struct %s is not as the tracing programs know it",
				wanted[i].structure);
	}
	return 0;
}

static int layout_parse(const void *data, size_t len, struct trace_layout *ret, struct error *err)
{
	struct btf_view btf = {0};
	struct trace_layout layout = {0};
	int r = view_open(data, len, &btf, err);

	if (r == 0)
		r = find_groups(&btf, &layout, err);
	if (r == 0)
		*ret = layout;
	free(btf.starts);
	return r;
}

int layout_load(struct trace_layout *ret, struct error *err)
{
	_cleanup_close_ int fd = open(BTF_PATH, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *copy = NULL;
	struct stat st;
	size_t len, have = 0;
	void *map;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, errno == ENOENT ? EOPNOTSUPP : errno,
				   "tracing needs the kernel's type information " BTF_PATH
				   " (CONFIG_DEBUG_INFO_BTF)");
	if (st.st_size <= 0 || (uint64_t)st.st_size > MAX_BTF_BYTES)
		return error_set(err, EOPNOTSUPP, BTF_PATH " has no usable size");
	len = (size_t)st.st_size;
	/* Mapped where the kernel can (6.16), else read: it takes no copy of 5 MB. */
	map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map != MAP_FAILED) {
		r = layout_parse(map, len, ret, err);
		(void)munmap(map, len);
		return r;
	}
	copy = xcalloc(1, len);
	while (have < len) {
		const ssize_t n = read(fd, copy + have, len - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_errno(err, n < 0 ? errno : EIO, "reading " BTF_PATH);
		have += (size_t)n;
	}
	return layout_parse(copy, len, ret, err);
}
