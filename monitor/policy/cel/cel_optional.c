/* SPDX-License-Identifier: Apache-2.0 */

/* Optional values: what may be there or not. Source: cel-spec, optionals.textproto. */

#include "monitor/policy/cel/cel_extension.h"

struct cel_value cel_of_optional(struct cel_run *run, const struct cel_value *v)
{
	struct cel_value *kept = v ? cel_take(&run->arena, sizeof(*kept)) : NULL;

	if (v && !kept)
		return cel_no_memory();
	if (kept)
		*kept = *v;
	return (struct cel_value){.kind = CEL_OPTIONAL, .list = {kept, v != NULL}};
}

const struct cel_value *cel_optional_get(const struct cel_value *optional)
{
	return optional->list.items;
}

bool cel_optional_decides(const struct cel_extension *row, const struct cel_value *first,
			  struct cel_value *ret)
{
	if ((row->which != OPTIONAL_OR && row->which != OPTIONAL_OR_VALUE) ||
	    first->kind != CEL_OPTIONAL || !cel_count(first))
		return false;
	*ret = row->which == OPTIONAL_OR ? *first : *cel_optional_get(first);
	return true;
}

static bool is_zero(const struct cel_value *v)
{
	switch (v->kind) {
	case CEL_NULL:
		return true;
	case CEL_BOOL:
		return !v->boolean;
	case CEL_INT:
	case CEL_UINT:
	case CEL_DURATION:
		return !v->integer;
	case CEL_DOUBLE:
		return v->number == 0;
	case CEL_STRING:
	case CEL_BYTES:
		return !v->text.len;
	case CEL_LIST:
	case CEL_MAP:
	case CEL_OPTIONAL:
		return !cel_count(v);
	case CEL_TIMESTAMP:
		return !v->integer && !v->nanos;
	default:
		return false;
	}
}

struct cel_value cel_run_optional(struct cel_run *run, enum cel_extra which,
				  const struct cel_value *args, unsigned count)
{
	const struct cel_value *held;

	if (which == OPTIONAL_OF || which == OPTIONAL_OF_NON_ZERO)
		return cel_of_optional(run, which == OPTIONAL_OF_NON_ZERO && is_zero(args) ? NULL
											   : args);
	if (which == OPTIONAL_NONE || !count)
		return cel_of_optional(run, NULL);
	held = cel_optional_get(args);
	switch ((int)which) {
	case OPTIONAL_HAS:
		return cel_of_bool(held != NULL);
	case OPTIONAL_OR:
		return held ? args[0] : args[1];
	case OPTIONAL_OR_VALUE:
		return held ? *held : args[1];
	default:
		return held ? *held
			    : cel_of_error("optional.none() dereference: there is no value");
	}
}
