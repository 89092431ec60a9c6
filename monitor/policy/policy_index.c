/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Per action kind: which rules can match, found by the keys (keys.h) that an action has. The time
 * of a decision then depends on the rules that can match, not on all of them. A collision of hashes
 * only brings a candidate too many; its expression still decides.
 */

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/policy_index.h"
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
	uint32_t first; /* of its key */
};

/* One thing to look up in an action: the keys of this kind that a field has. */
struct probe {
	enum key_kind kind;
	uint32_t field;
	uint64_t salt;			    /* tells its keys from those of others */
	uint64_t lengths[KEY_LENGTH_WORDS]; /* KEY_NET: bits that rules ask for */
};

struct kind_index {
	uint32_t *rules; /* position -> rule; behind them steps */
	size_t count;
	struct flags *flags;  /* by position */
	uint64_t flag_fields; /* those that are in any of them */
	uint32_t *always;     /* positions of those without a key */
	size_t always_count;
	struct slot *slots;
	size_t mask; /* slots are a power of two */
	struct link *links;
	size_t link_count;
	struct probe *probes;
	size_t probe_count;
	uint64_t labels; /* bits that rules test */
};

static uint64_t salt_of(enum key_kind kind, uint32_t field)
{
	return (uint64_t)kind << 56 ^ (uint64_t)field << 48;
}

static inline uint64_t slot_hash(uint64_t hash, uint64_t salt, uint8_t bits)
{
	const uint64_t h = (hash ^ salt ^ (uint64_t)bits << 40) * KEY_HASH_FACTOR;

	return h ^ (h >> 32);
}

static inline struct slot *find_slot(const struct kind_index *x, uint64_t hash)
{
	size_t at = hash & x->mask;

	while (x->slots[at].first != NO_ENTRY && x->slots[at].hash != hash)
		at = (at + 1) & x->mask;
	return &x->slots[at];
}

static void note_probe(struct kind_index *x, const struct key *key)
{
	struct probe *probe = NULL;

	if (key->kind == KEY_LABEL) {
		x->labels |= UINT64_C(1) << key->hash;
		return;
	}
	for (size_t i = 0; i < x->probe_count; i++) {
		if (x->probes[i].kind == key->kind && x->probes[i].field == key->field)
			probe = &x->probes[i];
	}
	if (!probe) {
		x->probes = xrealloc_array(x->probes, x->probe_count + 1, sizeof(*x->probes));
		probe = &x->probes[x->probe_count++];
		*probe = (struct probe){.kind = key->kind,
					.field = key->field,
					.salt = salt_of(key->kind, key->field)};
	}
	if (key->kind == KEY_NET && key->bits / 64 < KEY_LENGTH_WORDS)
		probe->lengths[key->bits / 64] |= UINT64_C(1) << (key->bits % 64);
}

static void add_guard(struct kind_index *x, const struct guard *guard, uint32_t number)
{
	const uint32_t position = (uint32_t)x->count++;

	x->rules[position] = number;
	x->flags[position] = guard->flags;
	x->flag_fields |= guard->flags.set | guard->flags.clear;
	if (guard->always)
		x->always[x->always_count++] = position;
	for (size_t i = 0; i < guard->count; i++) {
		const struct key *key = &guard->keys[i];
		const uint64_t hash =
			slot_hash(key->hash, salt_of(key->kind, key->field), key->bits);
		struct slot *slot = find_slot(x, hash);

		note_probe(x, key);
		x->links[x->link_count] = (struct link){position, slot->first, key->first};
		slot->hash = hash;
		slot->first = (uint32_t)x->link_count++;
	}
}

/* Of a rule, or behind the rules of a step; NULL: it is not on this kind. */
static const struct guard *guard_on(const struct policy *policy, size_t number, unsigned kind)
{
	const uint32_t bit = 1u << kind;
	const struct step *step;

	if (number < policy->rule_count)
		return policy->rules[number].kinds & bit ? &policy->rules[number].guard : NULL;
	step = &policy->steps[number - policy->rule_count];
	return step->is.kinds & bit ? &step->is.guard : NULL;
}

static void build_kind(const struct policy *policy, unsigned kind, struct kind_index *x)
{
	size_t keys = 0;
	size_t slots = 8;

	for (size_t i = 0; i < policy->rule_count + policy->step_count; i++) {
		const struct guard *guard = guard_on(policy, i, kind);

		x->count += guard != NULL;
		keys += guard ? guard->count : 0;
	}
	while (slots < keys * 2)
		slots *= 2;
	x->mask = slots - 1;
	x->slots = xcalloc(slots, sizeof(*x->slots));
	for (size_t i = 0; i < slots; i++)
		x->slots[i].first = NO_ENTRY;
	x->links = xcalloc(keys, sizeof(*x->links));
	x->rules = xcalloc(x->count, sizeof(*x->rules));
	x->flags = xcalloc(x->count, sizeof(*x->flags));
	x->always = xcalloc(x->count, sizeof(*x->always));
	x->count = 0;
	for (size_t i = 0; i < policy->rule_count + policy->step_count; i++) {
		const struct guard *guard = guard_on(policy, i, kind);

		if (guard)
			add_guard(x, guard, (uint32_t)i);
	}
}

void policy_index_build(struct policy *policy)
{
	policy->index = xcalloc(ACTION_KINDS, sizeof(*policy->index));
	for (unsigned kind = 0; kind < ACTION_KINDS; kind++)
		build_kind(policy, kind, &policy->index[kind]);
}

void policy_index_free(struct policy *policy)
{
	for (unsigned kind = 0; policy->index && kind < ACTION_KINDS; kind++) {
		struct kind_index *x = &policy->index[kind];

		free(x->rules);
		free(x->flags);
		free(x->always);
		free(x->slots);
		free(x->links);
		free(x->probes);
	}
	free(policy->index);
	policy->index = NULL;
}

struct marking {
	const struct kind_index *x;
	const struct probe *probe;
	struct candidates *found;
	uint32_t first; /* component of the path whose keys these are */
	uint64_t flags; /* fields of the action that are true */
};

static inline void add(const struct marking *m, uint32_t position)
{
	const struct flags *flags = &m->x->flags[position];

	if (!((flags->set & ~m->flags) | (flags->clear & m->flags)))
		candidates_add(m->found, position);
}

static __attribute__((noinline)) void add_those(const struct marking *m, uint32_t first)
{
	const struct kind_index *x = m->x;

	for (uint32_t i = first; i != NO_ENTRY; i = x->links[i].next) {
		if (!x->links[i].first || x->links[i].first == m->first)
			add(m, x->links[i].position);
	}
}

/* Few keys are anybody's: that is all that most of them cost. */
static inline __attribute__((always_inline)) void mark(const struct marking *m, uint64_t hash,
						       uint8_t length)
{
	const struct kind_index *x = m->x;
	const uint32_t first = find_slot(x, slot_hash(hash, m->probe->salt, length))->first;

	if (first != NO_ENTRY)
		add_those(m, first);
}

/* What keys_of_text() hands each key to. */
static void on_key(void *arg, uint64_t hash, uint8_t length)
{
	mark(arg, hash, length);
}

static inline void mark_text(struct marking *m, const struct cel_env *env, struct str text)
{
	const enum key_kind kind = m->probe->kind;
	const struct path_keys *keys;
	uint64_t start;

	if (kind == KEY_VALUE) {
		mark(m, hash_string(text), 0);
	} else if (kind == KEY_START) {
		if (hash_start(text, &start))
			mark(m, start, 0);
	} else if (kind == KEY_PATH && (keys = cel_path_keys(env, text))) {
		m->first = path_keys_first(keys);
		for (unsigned i = 0; i < keys->count; i++)
			mark(m, keys->hashes[i], 0);
	} else {
		m->first = kind == KEY_PATH ? path_first(text) : 0;
		keys_of_text(kind, text, m->probe->lengths, on_key, m);
	}
}

static void mark_probe(struct marking *m, const struct cel_env *env)
{
	const struct probe *probe = m->probe;
	const struct action *action = env->action;
	const struct action_field *field = &action_fields[probe->field];
	const struct str_list *list;

	if (probe->kind == KEY_COMMAND) {
		mark(m, hash_string(cel_command(env)), 0);
		return;
	}
	switch (field->type) {
	case FIELD_STRING:
		mark_text(m, env, action_string(action, field));
		return;
	case FIELD_INT:
		mark(m, hash_integer(action_integer(action, field)), 0);
		return;
	case FIELD_BOOL:
		mark(m, hash_integer(action_boolean(action, field)), 0);
		return;
	case FIELD_LIST:
		break;
	}
	list = action_list(action, field);
	for (size_t i = 0; i < list->count; i++)
		mark_text(m, env, list->items[i]);
}

static uint64_t flags_of(const struct action *action, uint64_t fields)
{
	uint64_t flags = 0;

	for (uint64_t left = fields; left; left &= left - 1) {
		if (action_boolean(action, &action_fields[__builtin_ctzll(left)]))
			flags |= left & -left;
	}
	return flags;
}

void policy_index_candidates(const struct policy *policy, const struct cel_env *env,
			     struct candidates *ret)
{
	const struct probe label = {.kind = KEY_LABEL, .salt = salt_of(KEY_LABEL, 0)};
	const struct kind_index *x = &policy->index[env->action->kind];
	struct marking m = {.x = x, .found = ret, .flags = flags_of(env->action, x->flag_fields)};

	memset(ret->groups, 0, sizeof(ret->groups));
	ret->numbers = x->rules;
	for (size_t i = 0; i < x->always_count; i++)
		add(&m, x->always[i]);
	for (size_t i = 0; i < x->probe_count; i++) {
		m.probe = &x->probes[i];
		mark_probe(&m, env);
	}
	m.probe = &label;
	for (uint64_t left = env->labels & x->labels; left; left &= left - 1)
		mark(&m, (uint64_t)__builtin_ctzll(left), 0);
}
