/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rules as rows, and policies of them. */

#include "tests/support/test.h"

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/policy/policy.h"

/* Which verdict wins, what the order of rules does not change, what a decision tells. */

struct row {
	const char *id, *on, *when, *verdict;
	const char *severity; /* NULL: low */
	const char *more;     /* members, each with a comma behind */
	const char *hit, *miss;
};

#define X "{\"action\":{\"kind\":\"exec\",\"name\":\"x\",\"argv\":[\"x\"]}}"
#define Q "{\"action\":{\"kind\":\"exec\",\"name\":\"q\",\"argv\":[\"q\"]}}"

static inline void put_row(struct buf *text, const struct row *row)
{
	buf_printf(text,
		   "{\"id\":\"%s\",\"category\":\"c\",\"severity\":\"%s\",\"on\":[\"%s\"],"
		   "\"when\":\"%s\",\"verdict\":\"%s\",\"because\":\"why %s\",%s"
		   "\"match\":[%s],\"not_match\":[%s]}",
		   row->id, row->severity ? row->severity : "low", row->on, row->when, row->verdict,
		   row->id, row->more ? row->more : "", row->hit ? row->hit : X,
		   row->miss ? row->miss : Q);
}

/* The rules in the order of `order`, or as they stand. */
static inline struct policy *load(const char *head, const struct row *rows, size_t count,
				  const size_t *order)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct policy *policy = NULL;
	struct error err = {0};

	buf_printf(&text, "{\"policy\":\"t\",\"version\":1,%s\"rules\":[", head);
	for (size_t i = 0; i < count; i++) {
		buf_puts(&text, i ? ",\n" : "");
		put_row(&text, &rows[order ? order[i] : i]);
	}
	buf_puts(&text, "]}");
	if (policy_load_text("t.json", text.data, text.len, &policy, &err) < 0)
		fail_msg("%s", err.text);
	return policy;
}

static inline struct action exec_of(const char *name)
{
	return (struct action){.kind = ACTION_EXEC, .name = str_of(name)};
}
