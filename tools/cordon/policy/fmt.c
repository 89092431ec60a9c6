/* SPDX-License-Identifier: Apache-2.0 */

/*
 * cordon policy fmt: files to the form of policy_format(). A file is replaced by one beside it that
 * is complete, so that whoever loads it meanwhile sees the old or the new one.
 */

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/plain.h"
#include "monitor/policy/format.h"
#include "tools/cordon/policy/fmt_file.h"
#include "tools/cordon/policy/policy_command.h"

enum {
	KEY_CHECK = 0x3000,
	KEY_STDOUT
};

struct fmt_arguments {
	struct word_list paths;
	bool check;
	bool to_stdout;
};

static const struct argp_option options[] = {
	{"check", KEY_CHECK, NULL, 0, "Change nothing; name the files that are in another form", 0},
	{"stdout", KEY_STDOUT, NULL, 0, "Change nothing; print the one file in the form", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct fmt_arguments *a = state->input;

	switch (key) {
	case KEY_CHECK:
		a->check = true;
		return 0;
	case KEY_STDOUT:
		a->to_stdout = true;
		return 0;
	case ARGP_KEY_ARG:
		word_list_add(&a->paths, arg);
		return 0;
	case ARGP_KEY_END:
		if (!a->paths.count)
			argp_error(state, "no file is named");
		if (a->to_stdout && (a->check || a->paths.count > 1))
			argp_error(state, "--stdout goes with one file, and not with --check");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse_option,
	.args_doc = "PATH...",
	.doc = "Bring policies and their cases into one form: members in one order, indented by "
	       "tabs, on one line what fits there. Nothing but order and spaces changes. A PATH is "
	       "a file, a folder (its *.json and *.cases), or - for standard input, which is "
	       "printed. What was changed is named.\v"
	       "Exit status: 0 if all are in the form (now); 1 with --check if a file is not; 2 if "
	       "one cannot be read or written, is no JSON, or neither a policy nor cases. See "
	       "cordon-policy(1).",
};

static int format(const char *name, const char *text, size_t len, struct buf *out,
		  struct error *err)
{
	_cleanup_(sources_done) struct sources sources = {0};
	const int r = sources_add_text(&sources, name, text, len, err);

	return r < 0 ? r : policy_format(&sources.items[0], out, err);
}

static bool is_same(const struct buf *a, const struct buf *b)
{
	if (a->len != b->len || !a->data || !b->data)
		return a->len == b->len;
	return memcmp(a->data, b->data, a->len) == 0;
}

/* Who made the folder may be somebody else. */
static void print_name(const char *path)
{
	_cleanup_buf_ struct buf line = BUF_INIT(0);

	buf_put_plain(&line, path, SIZE_MAX);
	(void)printf("%s\n", line.data ? line.data : "");
}

static int print(const struct buf *out)
{
	(void)fwrite(out->data, 1, out->len, stdout);
	return POLICY_GOOD;
}

/* Return: POLICY_GOOD, POLICY_BAD (--check: it is not in the form), or a negative errno. */
static int do_file(const struct fmt_arguments *a, const char *path, struct error *err)
{
	_cleanup_(fmt_file_done) struct fmt_file file = {.fd = -1};
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	int r = fmt_file_read(path, &file, err);

	if (r == 0)
		r = format(path, file.text.data, file.text.len, &out, err);
	if (r < 0)
		return r;
	if (a->to_stdout)
		return print(&out);
	if (is_same(&out, &file.text))
		return POLICY_GOOD;
	r = a->check ? POLICY_BAD : fmt_file_replace(&file, &out, err);
	if (r >= 0)
		print_name(path);
	return r;
}

static int do_input(const struct fmt_arguments *a, struct error *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT(MAX_JSON_BYTES + 65536);
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	int r = fmt_read(stdin, "standard input", &text, err);

	if (r == 0)
		r = format("standard input", text.data ? text.data : "", text.len, &out, err);
	if (r < 0)
		return r;
	if (!a->check)
		return print(&out);
	return is_same(&out, &text) ? POLICY_GOOD : POLICY_BAD;
}

static int do_path(const struct fmt_arguments *a, const char *path, struct error *err)
{
	_cleanup_(fmt_names_done) struct fmt_names names = {0};
	int status = POLICY_GOOD;
	int r;

	if (strcmp(path, "-") == 0)
		return do_input(a, err);
	r = fmt_names_find(path, &names, err);
	if (r == 0 && a->to_stdout && names.count != 1)
		return error_set(err, EINVAL, "%s: --stdout takes one file", path);
	for (size_t i = 0; i < names.count && r >= 0; i++) {
		r = do_file(a, names.paths[i], err);
		status = r > status ? r : status;
	}
	return r < 0 ? r : status;
}

int policy_fmt_command(int argc, char **argv)
{
	struct fmt_arguments a = {0};
	int status = POLICY_GOOD;

	(void)argp_parse(&argp, argc, argv, 0, NULL, &a);
	/* Each is tried, so that --check names all. */
	for (size_t i = 0; i < a.paths.count; i++) {
		struct error err = {0};
		int r = do_path(&a, a.paths.words[i], &err);

		if (r < 0) {
			log_error("%s", err.text);
			r = POLICY_FAILED;
		}
		status = r > status ? r : status;
	}
	word_list_done(&a.paths);
	return status;
}
