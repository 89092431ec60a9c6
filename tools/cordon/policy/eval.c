/* SPDX-License-Identifier: Apache-2.0 */

/*
 * `cordon policy eval`: one expression, from text to a value as JSON. Types are left to the run, as
 * the standard allows, so that every case of the standard's tests can be run: --check and --type
 * look at them before, as the standard's checker does.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/json_scan.h"
#include "common/log.h"
#include "monitor/policy/cel/cel_run.h"
#include "monitor/policy/source.h"
#include "tools/cordon/policy/eval_value.h"
#include "tools/cordon/policy/eval_zone.h"
#include "tools/cordon/policy/policy_command.h"

#define MAX_OUTPUT (16u << 20)

struct eval {
	struct str text;
	char *input; /* owned: text from standard input */
	struct eval_variable *variables;
	struct cel_variable *declared;
	size_t variable_count;
	const char *container;
	bool check;
	bool type_only;
};

static void help(FILE *to)
{
	(void)fputs(
		"Usage: cordon policy eval [--check | --type] [--var NAME[:TYPE]=JSON]...\n"
		"                          [--container NAME] EXPR\n"
		"Evaluate an expression (-: from standard input) and print its value as JSON\n"
		"with its type.\n\n"
		"      --check                 Check types before it is evaluated\n"
		"      --type                  Check types and print that of the expression; it is\n"
		"                              not evaluated\n"
		"      --var NAME[:TYPE]=JSON  A variable. Without TYPE it is what the JSON is;\n"
		"                              types: int, uint, double, bytes (base64), duration,\n"
		"                              timestamp, list(T), map(K,T), typed (what eval\n"
		"                              prints) and more\n"
		"      --var NAME:TYPE         A variable without a value, for --type\n"
		"      --container NAME        Look names up with this prefix first\n"
		"      --help                  Give this help\n\n"
		"Exit status: 0 for a value; 1 for an error of the evaluation; 2 for wrong usage\n"
		"or an expression that is none. See cordon-policy(1).\n",
		to);
}

/* On stdout for programs, on stderr with the place for people. */
static int report(const struct eval *eval, size_t at, const char *reason, int status)
{
	_cleanup_free_ char *name = xstrdup("expression");
	_cleanup_free_ char *text = xcalloc(1, eval->text.len + 1);
	struct source source = {.name = name, .text = text, .len = eval->text.len};
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	struct error err = {0};
	unsigned column;
	unsigned line;

	if (source.len)
		memcpy(text, eval->text.at, source.len);
	json_position(text, source.len, at, &line, &column);
	buf_puts(&out, "{\"error\": ");
	eval_text_write(&out, str_of(reason));
	buf_printf(&out, ", \"line\": %u, \"column\": %u}", line, column);
	(void)puts(out.data);
	(void)source_error_at(&source, &err, EINVAL, at, reason);
	(void)fprintf(stderr, "%s\n", err.text);
	return status;
}

static int print_value(const struct eval *eval, const struct cel_value *v)
{
	_cleanup_buf_ struct buf out = BUF_INIT(MAX_OUTPUT);

	if (v->kind == CEL_ERROR)
		return report(eval, v->error.at, v->error.reason, POLICY_BAD);
	eval_value_write(&out, v);
	if (out.overflow)
		return report(eval, 0, "the value takes more than 16 MiB to print", POLICY_BAD);
	(void)puts(out.data);
	return POLICY_GOOD;
}

static int evaluate(const struct eval *eval)
{
	const struct cel_scope scope = {
		.open = true,
		.variables = eval->declared,
		.variable_count = eval->variable_count,
		.container = eval->container,
	};
	const struct cel_env env = {.zone = eval_zone_offset};
	_cleanup_free_ char *memory = xcalloc(1, CEL_MAX_MEMORY);
	_cleanup_(cel_tree_done) struct cel_tree tree = {0};
	struct cel_run run = {
		.env = &env, .arena = {memory, CEL_MAX_MEMORY, 0}, .steps = CEL_MAX_STEPS};
	struct cel_reads reads;
	struct cel_error err = {0};
	struct cel_value v;

	if (cel_parse(eval->text, &tree, &err) < 0 ||
	    cel_resolve(&tree, &scope, &reads, &err) < 0 ||
	    (eval->check && cel_check_open(&tree, &err) < 0))
		return report(eval, err.at, err.why.text, POLICY_FAILED);
	if (eval->type_only) {
		(void)printf("{\"type\": \"%s\"}\n", cel_type_text(&tree, tree.root->type));
		return POLICY_GOOD;
	}
	v = cel_run_node(&run, tree.root);
	return print_value(eval, &v);
}

static int add_variable(struct eval *eval, const char *argument)
{
	const size_t n = eval->variable_count;
	struct error err = {0};

	eval->variables = xrealloc_array(eval->variables, n + 1, sizeof(*eval->variables));
	eval->variable_count++;
	if (eval_variable_read(argument, &eval->variables[n], &err) < 0) {
		log_error("%s", err.text);
		return POLICY_FAILED;
	}
	eval->declared = xrealloc_array(eval->declared, n + 1, sizeof(*eval->declared));
	eval->declared[n] =
		(struct cel_variable){eval->variables[n].name, eval->variables[n].value,
				      eval->variables[n].declared ? eval->variables[n].type : NULL};
	return POLICY_GOOD;
}

/* The value of an option "--name VALUE" or "--name=VALUE" at argv[*i]; NULL if it is another. */
static const char *option(const char *name, int argc, char **argv, int *i)
{
	const size_t n = strlen(name);
	const char *word = argv[*i];

	if (!word || strncmp(word, name, n) != 0)
		return NULL;
	if (word[n] == '=')
		return word + n + 1;
	return word[n] || *i + 1 == argc ? NULL : argv[++*i];
}

static void say_too_much(const struct eval *eval, const char *word, bool options)
{
	if (options && word && strncmp(word, "--", 2) == 0)
		log_error("no option %s; `cordon policy eval --help` lists them", word);
	else
		log_error("more than one expression: \"%s\" and \"%.*s\"", word,
			  (int)eval->text.len, eval->text.at);
}

/*
 * By hand, since an expression may begin with a minus: what is none of the options is the
 * expression. Return: a status, or -1 to go on.
 */
static int parse(struct eval *eval, int argc, char **argv)
{
	bool options = true;

	for (int i = 1; i < argc; i++) {
		const char *value = NULL;

		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (options && strcmp(argv[i], "--help") == 0) {
			help(stdout);
			return POLICY_GOOD;
		} else if (options && strcmp(argv[i], "--check") == 0) {
			eval->check = true;
		} else if (options && strcmp(argv[i], "--type") == 0) {
			eval->check = eval->type_only = true;
		} else if (options && (value = option("--var", argc, argv, &i))) {
			if (add_variable(eval, value) != POLICY_GOOD)
				return POLICY_FAILED;
		} else if (options && (value = option("--container", argc, argv, &i))) {
			eval->container = value;
		} else if (eval->text.at) {
			say_too_much(eval, argv[i], options);
			return POLICY_FAILED;
		} else {
			eval->text = str_of(argv[i]);
		}
	}
	if (eval->text.at)
		return -1;
	help(stderr);
	return POLICY_FAILED;
}

/* "-": the expression is what standard input holds, but for a line's end at its end. */
static void read_input(struct eval *eval)
{
	char *input = eval->input = xcalloc(1, CEL_MAX_BYTES + 2);

	eval->text = (struct str){input, fread(input, 1, CEL_MAX_BYTES + 2, stdin)};
	if (eval->text.len && input[eval->text.len - 1] == '\n')
		eval->text.len--;
}

int policy_eval_command(int argc, char **argv)
{
	struct eval eval = {0};
	int status = parse(&eval, argc, argv);

	if (status < 0 && str_eq(eval.text, STR("-")))
		read_input(&eval);
	if (status < 0)
		status = evaluate(&eval);
	for (size_t i = 0; i < eval.variable_count; i++)
		eval_variable_done(&eval.variables[i]);
	free(eval.variables);
	free(eval.input);
	free(eval.declared);
	return status;
}
