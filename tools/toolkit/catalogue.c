/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/catalogue.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/limits.h"

/*
 * The path tools are small sh(1) scripts that get everything from outside as positional parameters,
 * never as text of the script. A path is given an absolute or "./" form first, so that no program
 * takes it for an option and no shell for /dev/tcp; redirections name only files made by mktemp.
 */

/* $p from $1, and fail: from a program's message to an exit status that names the errno. */
#define SCRIPT_HEAD                                             \
	"LC_ALL=C; export LC_ALL\n"                             \
	"case $1 in /*) p=$1;; *) p=./$1;; esac\n"              \
	"fail() {\n"                                            \
	"	case $1 in\n"                                         \
	"	*': Operation not permitted') exit 65;;\n"            \
	"	*': No such file or directory') exit 66;;\n"          \
	"	*': Permission denied') exit 77;;\n"                  \
	"	*': File exists') exit 81;;\n"                        \
	"	*': Not a directory') exit 84;;\n"                    \
	"	*': Is a directory') exit 85;;\n"                     \
	"	*': File too large') exit 91;;\n"                     \
	"	*': No space left on device') exit 92;;\n"            \
	"	*': Read-only file system') exit 94;;\n"              \
	"	*': File name too long') exit 100;;\n"                \
	"	*': Too many levels of symbolic links') exit 104;;\n" \
	"	esac\n"                                               \
	"	printf '%s\\n' \"$1\"\n"                              \
	"	exit 1\n"                                             \
	"}\n"

/* Only regular files: opening a pipe or a terminal would wait for somebody to write. */
static const char read_script[] =
	SCRIPT_HEAD "err=$(stat -L -- \"$p\" 2>&1 >/dev/null) || fail \"$err\"\n"
		    "[ -d \"$p\" ] && exit 85\n"
		    "[ -f \"$p\" ] || exit 86\n"
		    "[ -r \"$p\" ] || exit 77\n"
		    "if [ \"$3\" != 0 ]; then tail -n +\"$2\" -- \"$p\" | head -n \"$3\"\n"
		    "elif [ \"$2\" != 1 ]; then exec tail -n +\"$2\" -- \"$p\"\n"
		    "else exec cat -- \"$p\"; fi\n";

/*
 * A new file beside the old one, then rename(2): a reader sees the old content or the new one. The
 * mode is kept but for set-id bits, a symbolic link stays and its target is replaced, and a file
 * that may be written in a folder that may not is written in place.
 */
static const char write_script[] =
	SCRIPT_HEAD "case $p in */) exit 85;; esac\n"
		    "d=${p%/*}\n"
		    "[ -n \"$d\" ] || d=/\n"
		    "[ -d \"$d\" ] || err=$(mkdir -p -- \"$d\" 2>&1) ||\n"
		    "	case $err in *': File exists') exit 84;; *) fail \"$err\";; esac\n"
		    "if [ -L \"$p\" ]; then\n"
		    "	q=$(readlink -f -- \"$p\" && echo x) || exit 66\n"
		    "	p=${q%??}; d=${p%/*}; [ -n \"$d\" ] || d=/\n"
		    "fi\n"
		    "[ -d \"$p\" ] && exit 85\n"
		    "what=new\n"
		    "if [ -e \"$p\" ]; then\n"
		    "	[ -f \"$p\" ] || exit 86\n"
		    "	[ -w \"$p\" ] || exit 77\n"
		    "	what=replaced\n"
		    "fi\n"
		    "if ! t=$(mktemp -- \"$d/.cordon.XXXXXXXX\" 2>&1); then\n"
		    "	[ $what = replaced ] || fail \"$t\"\n"
		    "	err=$(dd of=\"$p\" 2>&1) || fail \"$err\"\n"
		    "	echo $what; exit 0\n"
		    "fi\n"
		    "trap 'rm -f -- \"$t\"' EXIT\n"
		    "err=$(cat 2>&1 >\"$t\") || fail \"$err\"\n"
		    "if [ $what = replaced ]; then\n"
		    "	m=$(stat -c %a -- \"$p\")\n"
		    "	case $m in ???\?) m=${m#?};; esac\n"
		    "	chmod \"$m\" -- \"$t\" || exit 1\n"
		    "else chmod =rw -- \"$t\" || exit 1; fi\n"
		    "err=$(mv -fT -- \"$t\" \"$p\" 2>&1) || fail \"$err\"\n"
		    "trap - EXIT\n"
		    "echo $what\n";

static const char list_script[] =
	SCRIPT_HEAD "err=$(stat -L -- \"$p\" 2>&1 >/dev/null) || fail \"$err\"\n"
		    "[ -d \"$p\" ] || exit 84\n"
		    "[ -r \"$p\" ] && [ -x \"$p\" ] || exit 77\n"
		    "exec find -H \"$p\" -mindepth 1 -maxdepth 1 -printf '%y\\t%s\\t%f\\t%l\\0'\n";

/* ---- arguments ---- */

#define PATH_SCHEMA(_what)                                                       \
	"\"path\":{\"type\":\"string\",\"minLength\":1,\"description\":\"" _what \
	" Relative to the workspace, or absolute.\"}"

#define TIMEOUT_SCHEMA                                                                         \
	"\"timeout_seconds\":{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":86400,"   \
	"\"description\":\"Ends the call, with everything it started, after this time. Never " \
	"more than the session's own limit.\"}"

struct arguments {
	const struct json *text; /* command, code, content */
	const struct json *path;
	const struct json *timeout;
	const struct json *offset;
	const struct json *limit;
};

#define FIELD(_name, _type, _required, _member)                              \
	{                                                                    \
		_name, _type, _required, offsetof(struct arguments, _member) \
	}

static int take_timeout(const struct json *node, uint32_t *ret, struct error *err)
{
	const double seconds = node ? json_number(node) : 0;

	if (!node)
		return 0;
	if (!(seconds > 0) || seconds > 86400)
		return error_set(err, EINVAL,
				 "arguments.timeout_seconds: must be over 0 and at most 86400");
	*ret = (uint32_t)ceil(seconds * 1000);
	return 0;
}

static int take_path(const struct json *node, struct tool_plan *ret, struct error *err)
{
	const char *path = json_string(node);

	if (!path[0])
		return error_set(err, EINVAL, "arguments.path: must not be empty");
	if (strlen(path) >= MAX_PATH_BYTES)
		return error_set(err, EINVAL, "arguments.path: over %u bytes", MAX_PATH_BYTES - 1);
	ret->subject = path;
	return 0;
}

static int take_count(const struct json *node, const char *name, int64_t absent, char to[24],
		      struct error *err)
{
	int64_t value = absent;

	if (node && json_i64(node, 1, INT32_MAX, &value) < 0)
		return error_set(err, EINVAL, "arguments.%s: must be a whole number from 1 to %d",
				 name, INT32_MAX);
	(void)snprintf(to, 24, "%lld", (long long)value);
	return 0;
}

/* Decodes the arguments and puts into the plan what tools have in common: path and timeout. */
static int take_arguments(const struct json *node, const struct json_field *fields, size_t count,
			  struct arguments *ret, struct tool_plan *plan, struct error *err)
{
	int r;

	*ret = (struct arguments){0};
	r = json_decode(node, "arguments", fields, count, ret, err);
	if (r == 0 && ret->path)
		r = take_path(ret->path, plan, err);
	return r < 0 ? r : take_timeout(ret->timeout, &plan->timeout_ms, err);
}

static int plan_script(struct tool_plan *ret, const char *name, const char *script)
{
	ret->argv[0] = "sh";
	ret->argv[1] = "-c";
	ret->argv[2] = script;
	ret->argv[3] = name;
	ret->argv[4] = ret->subject;
	return 0;
}

/* ---- the tools ---- */

static int plan_bash(const struct json *args, struct tool_plan *ret, struct error *err)
{
	static const struct json_field fields[] = {
		FIELD("command", JSON_STRING, true, text),
		FIELD("timeout_seconds", JSON_NUMBER, false, timeout),
	};
	struct arguments a;
	const int r = take_arguments(args, fields, 2, &a, ret, err);

	if (r < 0)
		return r;
	ret->command = json_string(a.text);
	if (strlen(ret->command) > MAX_COMMAND_BYTES)
		return error_set(err, EINVAL,
				 "arguments.command: over %u bytes; write it to a file with "
				 "write_file and run that",
				 MAX_COMMAND_BYTES);
	ret->argv[0] = "bash";
	ret->argv[1] = "-c";
	ret->argv[2] = ret->command;
	return 0;
}

/* The code comes by stdin: any length, and line numbers in a traceback are those of the code. */
static int plan_python(const struct json *args, struct tool_plan *ret, struct error *err)
{
	static const struct json_field fields[] = {
		FIELD("code", JSON_STRING, true, text),
		FIELD("timeout_seconds", JSON_NUMBER, false, timeout),
	};
	struct arguments a;
	const int r = take_arguments(args, fields, 2, &a, ret, err);

	if (r < 0)
		return r;
	ret->command = json_string(a.text);
	ret->input = str_of(ret->command);
	ret->argv[0] = "python3";
	ret->argv[1] = "-u"; /* stdout and stderr in the order in which they were written */
	ret->argv[2] = "-";
	return 0;
}

static int plan_read_file(const struct json *args, struct tool_plan *ret, struct error *err)
{
	static const struct json_field fields[] = {
		FIELD("path", JSON_STRING, true, path),
		FIELD("offset", JSON_NUMBER, false, offset),
		FIELD("limit", JSON_NUMBER, false, limit),
	};
	struct arguments a;
	int r = take_arguments(args, fields, 3, &a, ret, err);

	if (r == 0)
		r = take_count(a.offset, "offset", 1, ret->numbers[0], err);
	if (r == 0)
		r = take_count(a.limit, "limit", 0, ret->numbers[1], err);
	if (r < 0)
		return r;
	ret->argv[5] = ret->numbers[0];
	ret->argv[6] = ret->numbers[1];
	return plan_script(ret, "read_file", read_script);
}

static int plan_write_file(const struct json *args, struct tool_plan *ret, struct error *err)
{
	static const struct json_field fields[] = {
		FIELD("path", JSON_STRING, true, path),
		FIELD("content", JSON_STRING, true, text),
	};
	struct arguments a;
	const int r = take_arguments(args, fields, 2, &a, ret, err);

	if (r < 0)
		return r;
	ret->input = str_of(json_string(a.text));
	return plan_script(ret, "write_file", write_script);
}

static int plan_list_directory(const struct json *args, struct tool_plan *ret, struct error *err)
{
	static const struct json_field fields[] = {FIELD("path", JSON_STRING, true, path)};
	struct arguments a;
	const int r = take_arguments(args, fields, 1, &a, ret, err);

	return r < 0 ? r : plan_script(ret, "list_directory", list_script);
}

#define OBJECT_SCHEMA(_required, _properties)                                            \
	"{\"type\":\"object\",\"properties\":{" _properties "},\"required\":[" _required \
	"],\"additionalProperties\":false}"

const struct tool catalogue[] = {
	{
		.name = "bash",
		.title = "Run a shell command",
		.description =
			"Runs a command with bash in the sandboxed workspace and returns what it "
			"printed, stdout and stderr together. Files stay for the next call; "
			"processes do not: everything the command started ends with it.",
		.input_schema = OBJECT_SCHEMA(
			"\"command\"", "\"command\":{\"type\":\"string\",\"description\":\"The "
				       "command, as for bash -c.\"}," TIMEOUT_SCHEMA),
		.plan = plan_bash,
		.render = render_command,
	},
	{
		.name = "python",
		.title = "Run Python code",
		.description =
			"Runs code with python3 in the sandboxed workspace and returns what it "
			"printed. Each call is a new interpreter; only files stay.",
		.input_schema = OBJECT_SCHEMA("\"code\"",
					      "\"code\":{\"type\":\"string\",\"description\":\"The "
					      "program text.\"}," TIMEOUT_SCHEMA),
		.plan = plan_python,
		.render = render_command,
	},
	{
		.name = "read_file",
		.title = "Read a text file",
		.description = "Returns the text of a file, whole or a range of its lines.",
		.input_schema = OBJECT_SCHEMA(
			"\"path\"",
			PATH_SCHEMA("The file.") ",\"offset\":{\"type\":\"integer\",\"minimum\":1,"
						 "\"description\":\"First line, from 1.\"},"
						 "\"limit\":{\"type\":\"integer\",\"minimum\":1,"
						 "\"description\":\"How many lines.\"}"),
		.read_only = true,
		.declared = DECLARED_READ_ONLY | DECLARED_CLOSED_WORLD,
		.plan = plan_read_file,
		.render = render_read,
	},
	{
		.name = "write_file",
		.title = "Write a file",
		.description = "Writes a text file, new or in place of the old one, and makes the "
			       "folders on the way to it. The old content is replaced as a whole.",
		.input_schema =
			OBJECT_SCHEMA("\"path\",\"content\"",
				      PATH_SCHEMA("The file.") ",\"content\":{\"type\":\"string\","
							       "\"description\":\"All of its new "
							       "text.\"}"),
		.declared = DECLARED_CLOSED_WORLD,
		.plan = plan_write_file,
		.render = render_write,
	},
	{
		.name = "list_directory",
		.title = "List a folder",
		.description = "Lists what is in a folder: kind, size in bytes, name.",
		.input_schema = OBJECT_SCHEMA("\"path\"", PATH_SCHEMA("The folder.")),
		.read_only = true,
		.declared = DECLARED_READ_ONLY | DECLARED_CLOSED_WORLD,
		.plan = plan_list_directory,
		.render = render_list,
	},
};

const size_t catalogue_count = sizeof(catalogue) / sizeof(catalogue[0]);

const struct tool *catalogue_find(const char *name)
{
	for (size_t i = 0; i < catalogue_count; i++) {
		if (strcmp(catalogue[i].name, name) == 0)
			return &catalogue[i];
	}
	return NULL;
}
