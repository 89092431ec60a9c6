/* SPDX-License-Identifier: Apache-2.0 */

/* The labels that a policy gives to paths, of which the trace may have told the end alone. */

#include <string.h>

#include "monitor/policy/rule.h"

struct labelling {
	const struct policy *policy;
	struct str path;
	uint64_t labels;
};

static bool is_excepted(const struct labelling *l, size_t index)
{
	const struct label_glob *globs = l->policy->globs;

	for (size_t i = index; i < l->policy->glob_count && globs[i].group == globs[index].group;
	     i++) {
		if (globs[i].except && glob_match(l->policy->patterns[i], l->path, false))
			return true;
	}
	return false;
}

static void on_pattern(void *arg, uint32_t index)
{
	struct labelling *l = arg;
	const struct label_glob *glob = &l->policy->globs[index];

	if (!glob->except && (glob->labels & ~l->labels) && !is_excepted(l, index))
		l->labels |= glob->labels;
}

/* So deep that the trace does not have all of its name, which then begins with this. */
static bool is_cut(struct str path)
{
	const struct str mark = STR(".../");

	return path.len >= mark.len && memcmp(path.at, mark.at, mark.len) == 0;
}

static size_t count_components(struct str path)
{
	size_t count = 0;

	for (size_t i = 0; i < path.len; i++)
		count += path.at[i] == '/';
	return count;
}

/*
 * Can the pattern match a path of which only the end is known, and that it is deeper than that?
 * What follows the pattern's last "**" has to be at the end, whatever lies above.
 */
static bool can_end_in(struct str pattern, struct str cut)
{
	const struct str known = {cut.at + 3, cut.len - 3};
	struct str end = pattern;
	bool any_depth = false;

	for (size_t i = 0; i + 1 < pattern.len; i++) {
		if (pattern.at[i] == '*' && pattern.at[i + 1] == '*') {
			end = (struct str){pattern.at + i, pattern.len - i};
			any_depth = true;
		}
	}
	if (!any_depth) /* "~" is two deep */
		return count_components(pattern) + 2 > count_components(known);
	return count_components(end) > count_components(known) || glob_match(end, known, false);
}

uint64_t policy_labels_of_leaf(const struct policy *policy, struct str path)
{
	uint64_t labels = 0;

	if (!is_cut(path))
		return policy_labels_of_path(policy, path);
	/* Nothing is excepted: that may hang on what is above. */
	for (size_t i = 0; i < policy->glob_count; i++) {
		if (!policy->globs[i].except && can_end_in(policy->patterns[i], path))
			labels |= policy->globs[i].labels;
	}
	return labels;
}

uint64_t policy_labels_of_path(const struct policy *policy, struct str path)
{
	struct labelling l = {.policy = policy, .path = path};
	struct path_keys keys __attribute__((uninitialized));

	if (!policy->glob_count)
		return 0;
	/* It may lie in any folder, and where its end is a program's word, that may be cut, too. */
	if (is_cut(path))
		return policy_labels_of_paths(policy);
	path_keys_of(path, &keys);
	if (keys.count <= MAX_PATH_KEYS) {
		globs_each(policy->patterns_found, &keys, on_pattern, &l);
		return l.labels;
	}
	for (uint32_t i = 0; i < policy->glob_count; i++) {
		if (glob_match(policy->patterns[i], path, false))
			on_pattern(&l, i);
	}
	return l.labels;
}

uint64_t policy_labels_of_paths(const struct policy *policy)
{
	uint64_t labels = 0;

	for (size_t i = 0; i < policy->glob_count; i++)
		labels |= policy->globs[i].except ? 0 : policy->globs[i].labels;
	return labels;
}

uint64_t policy_labels_of_read(const struct policy *policy, const struct action *action)
{
	if (action->kind != ACTION_FILE_OPEN || action->write || action->result < 0)
		return 0;
	return action->claimed ? policy_labels_of_path(policy, action->path)
			       : policy_labels_of_leaf(policy, action->path);
}
