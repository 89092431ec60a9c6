/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Per action kind: which rules can match, found by hashing the few things that rules compare with
 * constants. The time of a decision then depends on the rules that can match, not on all of them.
 * A collision of hashes only brings a candidate too many; its expression still decides.
 */

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/command.h"
#include "monitor/policy/rule.h"

#define NO_ENTRY UINT32_MAX

/* One constant and the first of the rules (by position) that test for it. */
struct slot {
	uint64_t hash;
	uint32_t first; /* index in links, NO_ENTRY: empty */
};

struct link {
	uint32_t position;
	uint32_t next;
};

struct kind_index {
	uint32_t *rules; /* position -> rule */
	size_t count;
	uint64_t *always; /* bits by position */
	struct slot *slots;
	size_t mask; /* slots are a power of two; 0: no slots */
	struct link *links;
	size_t link_count;
	uint32_t fields[32]; /* rows of action_fields that rules test */
	size_t field_count;
	bool command;
	uint64_t labels; /* bits that rules test */
};

static uint64_t slot_hash(enum key_kind key, uint32_t field, uint64_t hash)
{
	const uint64_t h = (hash ^ ((uint64_t)key << 56) ^ ((uint64_t)field << 48)) *
			   UINT64_C(0x9e3779b97f4a7c15);

	return h ^ (h >> 32);
}

static struct slot *find_slot(const struct kind_index *x, uint64_t hash)
{
	size_t at = hash & x->mask;

	while (x->slots[at].first != NO_ENTRY && x->slots[at].hash != hash)
		at = (at + 1) & x->mask;
	return &x->slots[at];
}

static void note_key(struct kind_index *x, const struct atom *atom)
{
	if (atom->key == KEY_COMMAND)
		x->command = true;
	if (atom->key == KEY_LABEL)
		x->labels |= UINT64_C(1) << atom->hash;
	if (atom->key != KEY_FIELD)
		return;
	for (size_t i = 0; i < x->field_count; i++) {
		if (x->fields[i] == atom->field)
			return;
	}
	x->fields[x->field_count++] = atom->field;
}

static void add_rule(struct kind_index *x, const struct rule *rule, uint32_t position)
{
	if (rule->guard.always)
		x->always[position / 64] |= UINT64_C(1) << (position % 64);
	for (size_t i = 0; i < rule->guard.count; i++) {
		const struct atom *atom = &rule->guard.atoms[i];
		const uint64_t hash = slot_hash(atom->key, atom->field, atom->hash);
		struct slot *slot = find_slot(x, hash);

		note_key(x, atom);
		x->links[x->link_count] = (struct link){position, slot->first};
		slot->hash = hash;
		slot->first = (uint32_t)x->link_count++;
	}
}

static void build_kind(const struct policy *policy, unsigned kind, struct kind_index *x)
{
	size_t atoms = 0;
	size_t slots = 8;

	for (size_t i = 0; i < policy->rule_count; i++) {
		if (!(policy->rules[i].kinds & (1u << kind)))
			continue;
		x->count++;
		atoms += policy->rules[i].guard.count;
	}
	while (slots < atoms * 2)
		slots *= 2;
	x->mask = slots - 1;
	x->slots = xcalloc(slots, sizeof(*x->slots));
	for (size_t i = 0; i < slots; i++)
		x->slots[i].first = NO_ENTRY;
	x->links = xcalloc(atoms, sizeof(*x->links));
	x->rules = xcalloc(x->count, sizeof(*x->rules));
	x->always = xcalloc((x->count + 63) / 64, sizeof(*x->always));
	x->count = 0;
	for (size_t i = 0; i < policy->rule_count; i++) {
		if (!(policy->rules[i].kinds & (1u << kind)))
			continue;
		x->rules[x->count] = (uint32_t)i;
		add_rule(x, &policy->rules[i], (uint32_t)x->count++);
	}
}

void policy_index_build(struct policy *policy)
{
	_Static_assert(sizeof(((struct kind_index *)0)->fields) / sizeof(uint32_t) >= 32,
		       "a row for every field of action_fields");

	policy->index = xcalloc(ACTION_KINDS, sizeof(*policy->index));
	for (unsigned kind = 0; kind < ACTION_KINDS; kind++)
		build_kind(policy, kind, &policy->index[kind]);
}

void policy_index_free(struct policy *policy)
{
	for (unsigned kind = 0; policy->index && kind < ACTION_KINDS; kind++) {
		struct kind_index *x = &policy->index[kind];

		free(x->rules);
		free(x->always);
		free(x->slots);
		free(x->links);
	}
	free(policy->index);
	policy->index = NULL;
}

static void mark(const struct kind_index *x, uint64_t hash, uint64_t *bits)
{
	for (uint32_t i = find_slot(x, hash)->first; i != NO_ENTRY; i = x->links[i].next)
		bits[x->links[i].position / 64] |= UINT64_C(1) << (x->links[i].position % 64);
}

static uint64_t field_hash(const struct action *action, const struct action_field *field)
{
	if (field->type == FIELD_STRING)
		return hash_string(action_string(action, field));
	if (field->type == FIELD_INT)
		return hash_integer(action_integer(action, field));
	return hash_integer(action_boolean(action, field));
}

const uint32_t *policy_index_candidates(const struct policy *policy, const struct action *action,
					uint64_t labels, uint64_t bits[INDEX_WORDS],
					size_t *ret_words)
{
	const struct kind_index *x = &policy->index[action->kind];
	const size_t words = (x->count + 63) / 64;

	*ret_words = words;
	if (!words)
		return x->rules;
	memcpy(bits, x->always, words * sizeof(*bits));
	for (size_t i = 0; i < x->field_count; i++) {
		const struct action_field *field = &action_fields[x->fields[i]];

		mark(x, slot_hash(KEY_FIELD, x->fields[i], field_hash(action, field)), bits);
	}
	if (x->command)
		mark(x,
		     slot_hash(KEY_COMMAND, 0,
			       hash_string(command_of_argv(action->name, &action->argv))),
		     bits);
	for (uint64_t left = labels & x->labels; left; left &= left - 1)
		mark(x, slot_hash(KEY_LABEL, 0, (uint64_t)__builtin_ctzll(left)), bits);
	return x->rules;
}
