/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "monitor/policy/match.h"
#include "tools/cordon/policy/learn.h"

#define SEVERAL 3u /* entries of one folder that stand for all of it */

/* The path as a pattern that matches it alone; a process's number in /proc is any. */
static char *exactly(const char *path)
{
	struct buf out = BUF_INIT(0);

	if (strncmp(path, "/proc/", 6) == 0 && strspn(path + 6, "0123456789")) {
		buf_puts(&out, "/proc/*");
		path += 6 + strspn(path + 6, "0123456789");
	}
	for (; *path; path++) {
		if (strchr("*?\\[]{}", *path))
			buf_putc(&out, '\\');
		buf_putc(&out, *path);
	}
	return out.data;
}

static size_t folder_length(const char *pattern)
{
	const char *slash = strrchr(pattern, '/');

	return slash ? (size_t)(slash - pattern) : 0;
}

/* By folder, then by name. */
static int compare(const void *a, const void *b)
{
	const char *const *left = a;
	const char *const *right = b;
	const size_t len = folder_length(*left);
	const size_t other = folder_length(*right);
	const int order = strncmp(*left, *right, len < other ? len : other);

	if (order || len == other)
		return order ? order : strcmp(*left + len, *right + other);
	return len < other ? -1 : 1;
}

/* Below these lie things that have nothing to do with each other. */
static bool may_widen(const char *pattern, size_t len)
{
	static const char *const kept[] = {"/etc",	 "/dev", "/proc/*", "/home",
					   SESSION_HOME, "/usr", "/var"};

	if (!len)
		return false;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (strlen(kept[i]) == len && strncmp(pattern, kept[i], len) == 0)
			return false;
	return true;
}

/* Runs of one folder that are long enough become the folder and @ending. */
static void widen(struct text_list *list, const char *ending)
{
	struct text_list out = {0};

	if (!list->count)
		return;
	qsort(list->items, list->count, sizeof(*list->items), compare);
	for (size_t i = 0, end; i < list->count; i = end) {
		const size_t len = folder_length(list->items[i]);

		for (end = i + 1; end < list->count; end++)
			if (folder_length(list->items[end]) != len ||
			    strncmp(list->items[end], list->items[i], len) != 0)
				break;
		if (end - i >= SEVERAL && may_widen(list->items[i], len))
			text_list_add(&out, xasprintf("%.*s%s", (int)len, list->items[i], ending));
		else
			for (size_t k = i; k < end; k++)
				text_list_add(&out, xstrdup(list->items[k]));
	}
	text_list_done(list);
	*list = out;
}

static bool ends_with(const char *text, const char *ending)
{
	const size_t len = strlen(text);

	return len > strlen(ending) && strcmp(text + len - strlen(ending), ending) == 0;
}

/* Folders of which all entries count, without that; the others stay in @rest. */
static void take_folders(struct text_list *rest, struct text_list *folders)
{
	struct text_list kept = {0};

	for (size_t i = 0; i < rest->count; i++) {
		char *text = rest->items[i];

		if (ends_with(text, "/*")) {
			text[strlen(text) - 2] = '\0';
			text_list_add(folders, text);
		} else {
			text_list_add(&kept, text);
		}
	}
	free(rest->items);
	*rest = kept;
}

static bool is_covered(const struct text_list *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *deep = list->items[i];
		const size_t len = strlen(deep) - 2;

		if (ends_with(deep, "/**") && deep != text && strncmp(deep, text, len) == 0)
			return true;
	}
	return false;
}

void learn_patterns(const struct text_list *paths, struct text_list *ret)
{
	struct text_list list = {0};
	struct text_list folders = {0};

	for (size_t i = 0; i < paths->count; i++)
		text_list_add(&list, paths->items[i][0] == '/' ? exactly(paths->items[i])
							       : xstrdup(paths->items[i]));
	widen(&list, "/*");
	take_folders(&list, &folders);
	widen(&folders, "/**");
	for (size_t i = 0; i < folders.count; i++)
		text_list_add(&list, ends_with(folders.items[i], "/**")
					     ? xstrdup(folders.items[i])
					     : xasprintf("%s/*", folders.items[i]));
	*ret = (struct text_list){0};
	for (size_t i = 0; i < list.count; i++) {
		bool known = is_covered(&list, list.items[i]);

		for (size_t k = 0; k < ret->count; k++)
			known |= strcmp(ret->items[k], list.items[i]) == 0;
		if (!known)
			text_list_add(ret, xstrdup(list.items[i]));
	}
	text_list_done(&folders);
	text_list_done(&list);
}
