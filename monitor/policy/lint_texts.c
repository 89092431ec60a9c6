/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/lint_texts.h"

#include <stdio.h>
#include <string.h>

#include "monitor/policy/cel/cel_regex.h"

/* Where in the value the constant would stand. */
enum place {
	PLACE_WHOLE,
	PLACE_START,
	PLACE_ANYWHERE
};

/* A test of one text against constants of which one must be there. */
struct text_test {
	const struct cel_node *value;
	const struct cel_node *constants;
	const struct action_field *field; /* NULL: something else than a field */
	enum place place;
	bool negative; /* none must be */
	bool folded;   /* the value is in small letters: lowerAscii() */
};

static bool as_comparison(const struct cel_node *node, struct text_test *ret)
{
	const struct cel_node *a = node->child;

	if (!a || node->kind != NODE_BINARY ||
	    (node->op != OP_EQ && node->op != OP_NE && node->op != OP_IN))
		return false;
	*ret = (struct text_test){.value = a, .constants = a->next, .negative = node->op == OP_NE};
	if (node->op != OP_IN && a->kind == NODE_STRING) {
		ret->value = a->next;
		ret->constants = a;
	}
	return true;
}

static bool as_call(const struct cel_node *node, struct text_test *ret)
{
	/* The others have patterns: an empty list of them is all that is seen. */
	if (node->kind != NODE_CALL || !node->child || !node->child->next ||
	    (node->function > FN_CONTAINS && node->function != FN_HOST_MATCHES &&
	     node->function != FN_GLOB))
		return false;
	*ret = (struct text_test){.value = node->child,
				  .constants = node->child->next,
				  .place = node->function == FN_STARTS_WITH ? PLACE_START
									    : PLACE_ANYWHERE};
	return true;
}

/* What a value is made of, through what it is made into. False: it may be an error. */
static bool look_into(struct text_test *t)
{
	const struct cel_node *value = t->value;

	for (; value->kind == NODE_CALL && value->function == FN_LOWER; value = value->child)
		t->folded = true;
	if (value->kind == NODE_FIELD && value->field->type == FIELD_STRING)
		t->field = value->field;
	return value->kind == NODE_FIELD || value->kind == NODE_VAR;
}

static bool has_capitals(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] >= 'A' && text.at[i] <= 'Z')
			return true;
	}
	return false;
}

static bool is_among(const char *const *words, struct str text)
{
	while (*words && !str_eq(str_of(*words), text))
		words++;
	return *words != NULL;
}

/* Why the text cannot be there; NULL: it can. */
static const char *misfit(const struct text_test *t, struct str text)
{
	const struct field_domain *domain = t->field ? t->field->domain : NULL;

	if (t->folded && has_capitals(text))
		return "has no capital letters, being in small ones,";
	if (!domain)
		return NULL;
	if (domain->words && t->place == PLACE_WHOLE && !is_among(domain->words, text))
		return "never is";
	switch (domain->form) {
	case TEXT_HOST:
		return has_capitals(text) ? "is in small letters, and never has" : NULL;
	case TEXT_NAME:
		return text.len && memchr(text.at, '/', text.len)
			       ? "is a name without a slash, and never has"
			       : NULL;
	case TEXT_PATH:
		return t->place != PLACE_ANYWHERE && text.len && !strchr("/@", text.at[0])
			       ? "begins with a slash (or @), and never with"
			       : NULL;
	case TEXT_ANY:
		break;
	}
	return NULL;
}

static bool say(struct fixed_part *ret, const struct cel_node *node, bool value, const char *why)
{
	*ret = (struct fixed_part){.whole = node, .at = node, .value = value};
	(void)snprintf(ret->reason, sizeof(ret->reason), "%s", why);
	return true;
}

static bool nothing_fits(const struct text_test *t, const struct cel_node *node,
			 struct fixed_part *ret)
{
	const size_t count = cel_constant_count(t->constants);
	const char *why = NULL;
	struct str first;

	for (size_t i = 0; i < count; i++) {
		why = misfit(t, cel_constant_string(t->constants, i));
		if (!why)
			return false;
	}
	if (!why)
		return false;
	first = cel_constant_string(t->constants, 0);
	(void)say(ret, node, t->negative, "");
	(void)snprintf(ret->reason, sizeof(ret->reason), "%s%s %s %s\"%.*s\"",
		       t->field ? "action." : "", t->field ? t->field->name : "this text",
		       misfit(t, first), count > 1 ? "one of these, as " : "",
		       (int)(first.len > 80 ? 80 : first.len), first.at);
	return true;
}

bool text_is_beyond(const struct cel_node *node, struct fixed_part *ret)
{
	const struct cel_node *second = node->child ? node->child->next : NULL;
	const bool is_matches = node->kind == NODE_CALL && node->function == FN_MATCHES;
	struct text_test t;

	if (is_matches && second && second->regex && !regex_can_match(second->regex))
		return say(ret, node, false, "no text matches this pattern");
	if ((!as_comparison(node, &t) && !as_call(node, &t)) || !look_into(&t))
		return false;
	/* A list that has a name may be there to be filled. */
	if (t.constants->kind == NODE_LIST && !t.constants->child &&
	    (node->kind == NODE_CALL || node->op == OP_IN))
		return say(ret, node, false, "nothing is in an empty list");
	return cel_is_constant(t.constants) && (t.field || t.folded) &&
	       !(node->kind == NODE_CALL && node->function > FN_CONTAINS) &&
	       nothing_fits(&t, node, ret);
}
