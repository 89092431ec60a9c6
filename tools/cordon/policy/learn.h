/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What `cordon policy learn` is made of:
 *
 *	learn.c		a record judged by policies, until none of it is refused
 *	learn_command.c	the command; learn_session.c, --mode=learn
 *	learn_set.c	the actions that were refused, each once
 *	learn_paths.c	many paths as few patterns
 *	learn_write.c	conditions that describe these actions and nothing else; rules of them
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "monitor/action.h"
#include "monitor/policy/source.h"

#define LEARNED_NAME "learned.json"

/*
 * learn_from - what would have allowed all of a record: a change of the policies at the paths, as a
 * unified diff, empty if they refuse nothing of it; without paths a file of its own that allows
 * that and nothing else. Errors: -EBADMSG for a record that does not hold, -ELOOP if none is found.
 */
struct learn_request {
	const char *record;
	const char *const *paths;
	size_t count;
	const char *more; /* text of one more policy, which options stand for; or NULL */
	const char *name; /* of the file for what a default refuses; NULL: LEARNED_NAME */
};

int learn_from(const struct learn_request *request, struct buf *out, struct error *err);

/* Whether policies at these paths could be changed as was proposed. Errors: -ESPIPE: one is a pipe.
 */
int learn_check_policies(const char *const *paths, size_t count, struct error *err);

/* An action with strings of its own, without what is of one occurrence. */
struct learned {
	struct action action;
	char *rule; /* owned: that refuses it; NULL: a default */
	char *key;  /* owned: two of the same key are one */
};

struct learned_set {
	struct learned *items;
	size_t count;
};

/* Return: true if it is new. */
bool learned_add(struct learned_set *set, const struct action *action, const char *rule);
void learned_done(struct learned_set *set);

struct text_list {
	char **items; /* owned, as the texts */
	size_t count;
};

void text_list_add(struct text_list *list, char *owned);
void text_list_done(struct text_list *list);

/*
 * learn_patterns - globs that match these paths. A folder of which several entries were used
 * becomes all its entries; several such folders below one become all below it. Folders that hold
 * other things of importance (the root, /etc, the home folder itself) are never widened so.
 */
void learn_patterns(const struct text_list *paths, struct text_list *ret);

/* The condition that takes in all of these items of one kind, as CEL. */
char *learn_condition(const struct learned *const *items, size_t count);
/* That the field is one of these paths, as CEL. */
void learn_put_globs(struct buf *out, const char *field, const struct text_list *paths);
/* A policy file of its own that allows the items and, if @closed, nothing else of their kinds. */
char *learn_policy(const struct learned *const *items, size_t count, bool closed);
/*
 * learn_except - the rule's condition without the items, in the text of its file.
 * Errors: -ENOENT when the file has no such rule.
 */
int learn_except(struct source *source, const char *rule, const struct learned *const *items,
		 size_t count, struct error *err);
/* What became of a file, as a unified diff; of a new one (@was NULL) all its lines. */
void learn_put_diff(const char *name, const char *was, const char *now, struct buf *out);
