/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/policy_limit.h"

#include <string.h>

static bool is(struct str a, struct str b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static bool ends(struct str a, struct str b)
{
	return a.len >= b.len && memcmp(a.at + a.len - b.len, b.at, b.len) == 0;
}

static bool starts(struct str a, struct str b)
{
	return a.len >= b.len && memcmp(a.at, b.at, b.len) == 0;
}

static bool has(struct str a, struct str b)
{
	return a.len && memmem(a.at, a.len, b.at, b.len) != NULL;
}

#define ON(_kind, _condition)                               \
	if (action->kind == ACTION_##_kind && (_condition)) \
		return VERDICT_DENY;
#define TEN(n)                                                                                  \
	ON(EXEC, is(action->name, STR("tool" #n)))                                              \
	ON(CONNECT, starts(action->address, STR("10." #n ".")))                                 \
	ON(CONNECT, ends(action->host, STR(".service" #n ".example")))                          \
	ON(FILE_OPEN, action->result >= 0 && has(action->path, STR("/.tool" #n "/")))           \
	ON(CONNECT,                                                                             \
	   is(action->family, STR("unix")) && starts(action->path, STR("/run/service" #n "/"))) \
	ON(CONNECT, !action->loopback && (action->port == 2##n || action->port == 3##n))        \
	ON(EXEC, action->argv.count &&is(action->argv.items[0], STR("--flag" #n)))              \
	ON(EXEC, starts(action->path, STR("/opt/tool" #n "/")) &&                               \
			 is(action->provenance, STR("session")))                                \
	ON(LISTEN, action->port == 1##n)                                                        \
	ON(EXEC, is(action->name, STR("scan" #n)) || is(action->name, STR("probe" #n)))
#define HUNDRED(n) \
	TEN(n##0)  \
	TEN(n##1) TEN(n##2) TEN(n##3) TEN(n##4) TEN(n##5) TEN(n##6) TEN(n##7) TEN(n##8) TEN(n##9)

enum verdict direct_10(const struct action *action)
{
	TEN(0)
	return VERDICT_ALLOW;
}

/* NOLINTNEXTLINE(readability-function-size): that is what it is */
enum verdict direct_1000(const struct action *action)
{
	HUNDRED(0)
	HUNDRED(1)
	HUNDRED(2)
	HUNDRED(3)
	HUNDRED(4)
	HUNDRED(5)
	HUNDRED(6)
	HUNDRED(7)
	HUNDRED(8)
	HUNDRED(9)
	return VERDICT_ALLOW;
}
