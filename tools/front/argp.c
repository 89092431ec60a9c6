/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/front/argp.h"

#include <getopt.h>
#include <stddef.h>

#include "tools/front/front.h"

#define MAX_PARSERS 4
#define MAX_OPTIONS 96

/* A parser of the tree, with its options. */
struct parser {
	const struct argp *argp;
	void *input;
	void *child_inputs[ARGP_MAX_CHILDREN];
};

struct tree {
	struct parser parsers[MAX_PARSERS];
	size_t parser_count;
	struct option options[MAX_OPTIONS + 1];
	struct parser *owners[MAX_OPTIONS]; /* of the options */
	size_t option_count;
	char letters[2 * MAX_OPTIONS + 2];
	size_t letter_count;
};

/* Those that glibc adds: an abbreviation must mean the same, and none of them is for us. */
static const struct argp_option of_glibc[] = {
	{.name = "help", .key = '?'},
	{.name = "program-name", .key = '?', .arg = ""},
	{.name = "usage", .key = '?'},
	{.name = "HANG", .key = '?'},
	{0},
};

static void add_options(struct tree *tree, const struct argp_option *options, struct parser *owner)
{
	for (const struct argp_option *o = options; o && (o->name || o->key || o->doc); o++) {
		const bool is_letter = o->key > ' ' && o->key < 0x7f && o->key != '?';

		if (!o->name)
			continue; /* a heading of the help */
		if (tree->option_count == MAX_OPTIONS)
			front_become_whole();
		tree->owners[tree->option_count] = owner;
		tree->options[tree->option_count++] = (struct option){
			.name = o->name,
			.has_arg = o->arg ? required_argument : no_argument,
			.val = o->key,
		};
		if (is_letter)
			tree->letters[tree->letter_count++] = (char)o->key;
		if (is_letter && o->arg)
			tree->letters[tree->letter_count++] = ':';
	}
}

static error_t call(struct parser *parser, struct argp_state *state, int key, char *arg)
{
	state->input = parser->input;
	state->child_inputs = parser->child_inputs;
	return parser->argp->parser(key, arg, state);
}

static void add_parser(struct tree *tree, const struct argp *argp, void *input)
{
	if (tree->parser_count == MAX_PARSERS)
		front_become_whole();
	tree->parsers[tree->parser_count++] = (struct parser){.argp = argp, .input = input};
}

/* A parser before its children, since it says what they write to. */
static void begin(struct tree *tree, struct argp_state *state)
{
	for (size_t i = 0; i < tree->parser_count; i++) {
		struct parser *parser = &tree->parsers[i];
		const struct argp_child *children = parser->argp->children;

		add_options(tree, parser->argp->options, parser);
		(void)call(parser, state, ARGP_KEY_INIT, NULL);
		for (size_t k = 0; children && children[k].argp; k++)
			add_parser(tree, children[k].argp, parser->child_inputs[k]);
	}
	add_options(tree, of_glibc, NULL);
}

static struct parser *owner_of(const struct tree *tree, int key)
{
	for (size_t i = 0; i < tree->option_count; i++) {
		if (tree->options[i].val == key)
			return tree->owners[i];
	}
	return NULL;
}

error_t argp_parse(const struct argp *argp, int argc, char **argv, unsigned flags, int *ret_next,
		   void *input)
{
	struct tree tree = {.letters = "+:", .letter_count = 2};
	struct argp_state state = {.argv = argv};
	int key;

	(void)flags;
	add_parser(&tree, argp, input);
	begin(&tree, &state);
	opterr = 0;
	while ((key = getopt_long(argc, argv, tree.letters, tree.options, NULL)) != -1) {
		struct parser *owner = owner_of(&tree, key);

		if (!owner || call(owner, &state, key, optarg) != 0)
			front_become_whole();
	}
	state.next = optind;
	if (call(tree.parsers, &state, optind < argc ? ARGP_KEY_ARGS : ARGP_KEY_NO_ARGS, NULL) != 0)
		front_become_whole();
	/* Children first, as in glibc: each says what its options come to. */
	for (size_t i = tree.parser_count; i-- > 0;)
		(void)call(&tree.parsers[i], &state, ARGP_KEY_SUCCESS, NULL);
	if (ret_next)
		*ret_next = optind;
	return 0;
}

void argp_error(const struct argp_state *state, const char *format, ...)
{
	(void)state;
	(void)format;
	front_become_whole();
}
