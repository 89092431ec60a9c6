/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/command.h"

#include <string.h>

/* Words of an argv, or of shell text up to its first operator. */
struct words {
	struct str_list argv;
	size_t next;
	struct str text;
	bool is_text;
};

struct wrapper {
	struct str name;
	const char *with_value;	     /* short options that take the next word */
	const char *long_with_value; /* long ones, each between blanks */
	unsigned operands;	     /* words of its own before the program */
	bool assignments;	     /* NAME=value words before the program */
};

/* ld.so(8): the program it loads is no exec of its own. */
#define LOADER_OPTIONS                                                                   \
	" --library-path --inhibit-rpath --audit --preload --argv0 --glibc-hwcaps-mask " \
	"--glibc-hwcaps-prepend "

static const struct wrapper wrappers[] = {
	{STR("env"), "uCS", " --unset --chdir --split-string ", 0, true},
	{STR("sudo"), "ugpCcDhRrtTU", " --user --group --host --prompt --chdir --chroot ", 0, true},
	{STR("doas"), "uC", "", 0, false},
	{STR("timeout"), "ks", " --kill-after --signal ", 1, false},
	{STR("nice"), "n", " --adjustment ", 0, false},
	{STR("ionice"), "cnp", " --class --classdata ", 0, false},
	{STR("chrt"), "", "", 1, false},
	{STR("taskset"), "", "", 1, false},
	{STR("chroot"), "", "", 1, false},
	{STR("flock"), "wE", " --timeout --wait --conflict-exit-code ", 1, false},
	{STR("setpriv"), "", " --ambient-caps --inh-caps --bounding-set --reuid --regid --groups ",
	 0, false},
	{STR("nohup"), "", "", 0, false},
	{STR("setsid"), "", "", 0, false},
	{STR("stdbuf"), "ioe", " --input --output --error ", 0, false},
	{STR("time"), "fo", " --format --output ", 0, false},
	{STR("xargs"), "adEILnPs",
	 " --arg-file --delimiter --replace --max-lines --max-args --max-procs ", 0, false},
	{STR("busybox"), "", "", 0, false},
	{STR("toybox"), "", "", 0, false},
	{STR("ld-linux-x86-64.so.2"), "", LOADER_OPTIONS, 0, false},
	{STR("ld-linux-aarch64.so.1"), "", LOADER_OPTIONS, 0, false},
	{STR("ld-linux.so.2"), "", LOADER_OPTIONS, 0, false},
	{STR("ld-musl-x86_64.so.1"), "", LOADER_OPTIONS, 0, false},
	{STR("ld-musl-aarch64.so.1"), "", LOADER_OPTIONS, 0, false},
	{STR("strace"), "eopPsuE", "", 0, false},
	{STR("unshare"), "", "", 0, false},
	{STR("exec"), "a", "", 0, false},
	{STR("command"), "", "", 0, false},
	{STR("builtin"), "", "", 0, false},
};

static const struct str shells[] = {STR("sh"),	STR("bash"), STR("dash"), STR("zsh"),
				    STR("ksh"), STR("ash"),  STR("fish")};

#define MAX_PEELED 16 /* wrappers inside one another; deeper is not ordinary */

static struct str base_name(struct str path)
{
	const char *slash = path.len ? memrchr(path.at, '/', path.len) : NULL;

	if (!slash)
		return path;
	return (struct str){slash + 1, path.len - (size_t)(slash + 1 - path.at)};
}

static bool is_end(char c)
{
	return strchr("\n;|&()<>", c) != NULL;
}

static struct str behind_first(struct str s)
{
	return (struct str){s.at + 1, s.len - 1};
}

/* To the first word of a command: behind blank lines, comments, and what opens a group. */
static struct str command_start(struct str s)
{
	for (;;) {
		while (s.len && strchr(" \t\n;(", *s.at) && *s.at)
			s = behind_first(s);
		if (s.len > 1 && (*s.at == '{' || *s.at == '!') && strchr(" \t\n", s.at[1])) {
			s = behind_first(s);
		} else if (s.len && *s.at == '#') {
			while (s.len && *s.at != '\n')
				s = behind_first(s);
		} else {
			return s;
		}
	}
}

/* A word of shell text; one that is quoted as a whole comes without its quotes. */
static bool text_word(struct words *w, struct str *ret)
{
	struct str s = w->text;
	char quote = '\0';
	size_t n = 0;

	while (s.len && (*s.at == ' ' || *s.at == '\t' || *s.at == '\n'))
		s = behind_first(s);
	while (n < s.len) {
		const char c = s.at[n];

		if (quote) {
			quote = c == quote ? '\0' : quote;
		} else if (c == '\'' || c == '"') {
			quote = c;
		} else if (c == '\\' && n + 1 < s.len) {
			n++;
		} else if (c == ' ' || c == '\t' || is_end(c)) {
			break;
		}
		n++;
	}
	if (!n)
		return false;
	w->text = (struct str){s.at + n, s.len - n};
	*ret = (struct str){s.at, n};
	if (n >= 2 && (*s.at == '\'' || *s.at == '"') && s.at[n - 1] == *s.at)
		*ret = (struct str){s.at + 1, n - 2};
	else if (*s.at == '\\')
		*ret = (struct str){s.at + 1, n - 1};
	return true;
}

static bool next_word(struct words *w, struct str *ret)
{
	if (w->is_text)
		return text_word(w, ret);
	if (w->next >= w->argv.count)
		return false;
	*ret = w->argv.items[w->next++];
	return true;
}

static const struct wrapper *find_wrapper(struct str name)
{
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
		if (str_eq(name, wrappers[i].name))
			return &wrappers[i];
	}
	return NULL;
}

static bool is_shell(struct str name)
{
	if (name.len && name.at[0] == '-') /* a login shell's argv[0] */
		name = (struct str){name.at + 1, name.len - 1};
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (str_eq(name, shells[i]))
			return true;
	}
	return false;
}

static bool is_assignment(struct str word)
{
	const char *equals = word.len ? memchr(word.at, '=', word.len) : NULL;

	if (!equals || equals == word.at)
		return false;
	for (const char *c = word.at; c < equals; c++) {
		if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_' ||
		      (*c >= '0' && *c <= '9' && c > word.at)))
			return false;
	}
	return true;
}

/* Does this option of the wrapper take the next word as its value? */
static bool takes_value(const struct wrapper *wrapper, struct str option)
{
	if (option.len > 2 && option.at[1] == '-') {
		const char *at = memmem(wrapper->long_with_value, strlen(wrapper->long_with_value),
					option.at, option.len);

		return at && at[option.len] == ' ';
	}
	/* -k5 carries its value; of -nk the last letter counts. */
	for (size_t i = 1; i < option.len; i++) {
		if (strchr(wrapper->with_value, option.at[i]))
			return i + 1 == option.len;
	}
	return false;
}

static struct words text_words(struct str text)
{
	return (struct words){.text = command_start(text), .is_text = true};
}

static bool is_split(const struct wrapper *wrapper, struct str option)
{
	return str_eq(wrapper->name, STR("env")) &&
	       (str_eq(option, STR("--split-string")) ||
		(option.len > 1 && option.at[1] != '-' && option.at[option.len - 1] == 'S'));
}

/* Moves to the word that names what the wrapper starts. */
static bool peel(struct words *w, const struct wrapper *wrapper, struct str *word)
{
	unsigned operands = wrapper->operands;

	while (next_word(w, word)) {
		struct str value = {"", 0};

		if (str_eq(*word, STR("--")) || (wrapper->assignments && is_assignment(*word)))
			continue;
		if (word->len <= 1 || word->at[0] != '-') {
			if (!operands--)
				return true;
			continue;
		}
		if (takes_value(wrapper, *word) && !next_word(w, &value))
			return false;
		if (is_split(wrapper, *word)) /* env -S "PROGRAM ARGUMENT" */
			*w = text_words(value);
	}
	return false;
}

/* sh [options] -c TEXT: goes on inside the text. False: a script or an interactive shell. */
static bool peel_shell(struct words *w, struct str *word)
{
	struct words look = *w;
	bool has_text = false;

	while (next_word(&look, word)) {
		if (word->len < 2 || (word->at[0] != '-' && word->at[0] != '+')) {
			if (!has_text)
				return false;
			*w = text_words(*word);
			return true;
		}
		if (word->at[1] == '-')
			continue;
		has_text |= memchr(word->at, 'c', word->len) != NULL;
		if (word->at[word->len - 1] == 'o' || word->at[word->len - 1] == 'O')
			(void)next_word(&look, word); /* -euo pipefail */
	}
	return false;
}

/* @word: the first one, already taken. */
static struct str command_of(struct words *w, struct str word)
{
	struct str name = base_name(word);

	for (unsigned i = 0; i < MAX_PEELED; i++) {
		const struct wrapper *wrapper;

		while (w->is_text && is_assignment(word)) {
			if (!next_word(w, &word))
				return name;
		}
		name = base_name(word);
		wrapper = find_wrapper(name);
		if (wrapper) {
			if (!peel(w, wrapper, &word))
				return name;
		} else if (is_shell(name)) {
			if (!peel_shell(w, &word) || !next_word(w, &word))
				return name;
		} else {
			break;
		}
	}
	return base_name(word);
}

static bool is_multi_call(struct str name)
{
	return str_eq(name, STR("busybox")) || str_eq(name, STR("toybox"));
}

struct str command_of_argv(struct str name, const struct str_list *argv)
{
	struct words w = {.argv = *argv};
	struct str word;

	if (!next_word(&w, &word))
		return name;
	if (!str_eq(name, base_name(word)) && !is_multi_call(name) &&
	    (find_wrapper(name) || is_shell(name)))
		word = name;
	return command_of(&w, word);
}

struct str command_of_text(struct str text)
{
	struct words w = text_words(text);
	struct str word;

	return next_word(&w, &word) ? command_of(&w, word) : (struct str){"", 0};
}
