/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "monitor/policy/policy.h"

/*
 * Sequences, held against their definition: a search through everything that ever was. The rule
 * under test speaks of a connection to port 9; steps are connections to other ports, and the time
 * of all is given.
 */

#define COUNT(_rows) (sizeof(_rows) / sizeof((_rows)[0]))
#define MS	     UINT64_C(1000000)
#define JUDGED	     9

/* Every allocation is counted: a decision must not make one, and a session few bytes. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);

static unsigned long allocated;

void *__wrap_malloc(size_t size)
{
	allocated += size;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	allocated += count * size;
	return __real_calloc(count, size);
}

void *__wrap_realloc(void *at, size_t size)
{
	allocated += size;
	return __real_realloc(at, size);
}

/* ---- policies ---- */

static struct policy *load(const char *verdict, const char *sequence, const char *history)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct policy *policy = NULL;
	struct error err = {0};

	buf_printf(&text,
		   "{\"policy\":\"t\",\"version\":1,\"defaults\":{\"net.connect\":\"allow\"},"
		   "\"rules\":[{\"id\":\"a\",\"category\":\"c\",\"severity\":\"low\",\"on\":["
		   "\"net.connect\"],\"when\":\"action.port == 9\",\"verdict\":\"%s\",\"because\":"
		   "\"b\",\"sequence\":%s,\"match\":[{\"before\":[%s],\"action\":{\"kind\":"
		   "\"net.connect\",\"port\":9,\"host\":\"h\",\"path\":\"/f\"}}],"
		   "\"not_match\":[{\"action\":{\"kind\":\"net.connect\",\"port\":1}}]}]}",
		   verdict, sequence, history);
	if (policy_load_text("t", text.data, text.len, &policy, &err) < 0)
		fail_msg("%s\nin %s", err.text, text.data);
	return policy;
}

#define CONNECT(_port) \
	"{\"action\":{\"kind\":\"net.connect\",\"port\":" #_port ",\"host\":\"h\",\"path\":\"/f\"}}"
#define STEP(_port) "{\"on\":[\"net.connect\"],\"when\":\"action.port == " #_port "\"}"

static bool fires(const struct policy *policy, struct policy_state *session, struct action action)
{
	struct decision d;

	policy_decide(policy, session, &action, &d);
	return d.rule != NULL;
}

/* One connection of process 1 at a time of its own. */
static bool at(const struct policy *policy, struct policy_state *session, uint64_t ms, int64_t port)
{
	return fires(policy, session,
		     (struct action){.kind = ACTION_CONNECT,
				     .time_ns = ms * MS,
				     .pid = 1,
				     .host = STR("h"),
				     .path = STR("/f"),
				     .port = port});
}

struct row {
	uint64_t ms;
	int64_t port;
	bool fires;
};

static void check(const char *sequence, const char *history, const struct row *rows, size_t n)
{
	struct policy *policy = load("log", sequence, history);
	struct policy_state *session = policy_state_new(policy);

	for (size_t i = 0; i < n; i++) {
		if (at(policy, session, rows[i].ms, rows[i].port) != rows[i].fires)
			fail_msg("%s: row %zu", sequence, i);
	}
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

/* ---- by hand ---- */

static void test_order_and_span(void **state)
{
	static const struct row rows[] = {
		{1000, 9, false}, {1100, 2, false}, {1200, 1, false}, {1300, 9, false},
		{1400, 2, false}, {1500, 9, true},  {2200, 9, true}, /* the edge belongs to it */
		{2201, 9, false}, /* 1001 ms from the first step */
		{2300, 2, false}, {2301, 9, false}, {2400, 1, false}, {2500, 2, false},
		{2600, 9, true},
	};

	(void)state;
	check("{\"steps\":[" STEP(1) "," STEP(2) "],\"within\":\"1s\"}", CONNECT(1) "," CONNECT(2),
	      rows, COUNT(rows));
}

/* A later start is kept with an earlier one's end in sight: the earlier one must not hide it. */
static void test_the_latest_start_counts(void **state)
{
	static const struct row rows[] = {
		{1000, 1, false},
		{1900, 1, false},
		{1950, 2, false},
		{2500, 9, true},
	};

	(void)state;
	check("{\"steps\":[" STEP(1) "," STEP(2) "],\"within\":\"1s\"}", CONNECT(1) "," CONNECT(2),
	      rows, COUNT(rows));
}

static void test_one_event_is_one_step(void **state)
{
	static const struct row rows[] = {
		{1, 1, false}, {2, 9, false}, {3, 1, false},
		{4, 9, false}, {5, 1, false}, {6, 9, true},
	};

	(void)state;
	check("{\"steps\":[{\"on\":[\"net.connect\"],\"when\":\"action.port == 1\",\"repeat\":2}," STEP(
		      1) "]}",
	      CONNECT(1) "," CONNECT(1) "," CONNECT(1), rows, COUNT(rows));
}

static void test_missing_between_and_at_the_end(void **state)
{
	static const struct row rows[] = {
		{1, 1, false}, {2, 3, false}, {3, 2, false}, {4, 9, false}, /* 3 was between */
		{5, 1, false}, {6, 2, false}, {7, 9, true},  {8, 3, true},
	};
	static const struct row last[] = {
		{1, 1, false}, {2, 9, true},  {3, 3, false},
		{4, 9, false}, {5, 1, false}, {6, 9, true},
	};

	(void)state;
	check("{\"steps\":[" STEP(1) ",{\"on\":[\"net.connect\"],\"when\":\"action.port == 3\","
				     "\"missing\":true}," STEP(2) "]}",
	      CONNECT(1) "," CONNECT(2), rows, COUNT(rows) - 1);
	check("{\"steps\":[" STEP(1) ",{\"on\":[\"net.connect\"],\"when\":\"action.port == 3\","
				     "\"missing\":true}]}",
	      CONNECT(1), last, COUNT(last));
}

/* "Pushed, with no run of the tests since the last change." */
static void test_missing_since(void **state)
{
	static const struct row rows[] = {
		{1, 9, false}, {2, 1, false},  {3, 9, true},   {4, 3, false},
		{5, 9, false}, {6, 1, false},  {7, 9, true},   {8, 3, false},
		{9, 9, false}, {10, 4, false}, {11, 9, false},
	};

	(void)state;
	check("{\"steps\":[{\"on\":[\"net.connect\"],\"when\":\"action.port == 3\",\"missing\":true}"
	      "],\"since\":" STEP(1) ",\"until\":" STEP(4) "}",
	      CONNECT(1), rows, COUNT(rows));
}

static void test_never_before(void **state)
{
	static const struct row rows[] = {
		{1000, 9, true},
		{1500, 3, false},
		{2500, 9, false},
		{2501, 9, true},
	};

	(void)state;
	check("{\"steps\":[{\"on\":[\"net.connect\"],\"when\":\"action.port == 3\",\"missing\":true}"
	      "],\"within\":\"1s\"}",
	      "", rows, COUNT(rows));
}

/* What is refused has not been: as a step the attempt counts, but it undoes nothing. */
static void test_what_is_refused_undoes_nothing(void **state)
{
	static const char text[] =
		"{\"policy\":\"t\",\"version\":1,\"defaults\":{\"net.connect\":\"allow\"},\"rules\":["
		"{\"id\":\"no-3\",\"category\":\"c\",\"severity\":\"low\",\"on\":[\"net.connect\"],"
		"\"when\":\"action.port in [1, 3]\",\"verdict\":\"deny\",\"because\":\"b\",\"match\":["
		"{\"action\":{\"kind\":\"net.connect\",\"port\":3}}],\"not_match\":[{\"action\":{"
		"\"kind\":\"net.connect\"}}]},"
		"{\"id\":\"seq\",\"category\":\"c\",\"severity\":\"low\",\"on\":[\"net.connect\"],"
		"\"when\":\"action.port == 9\",\"verdict\":\"kill\",\"because\":\"b\",\"sequence\":{"
		"\"steps\":[" STEP(
			1) ",{\"on\":[\"net.connect\"],\"when\":\"action.port == 3\","
			   "\"missing\":true}],\"until\":" STEP(3) "},\"match\":[{\"before\":[" CONNECT(
				   1) "],\"action\":{\"kind\":\"net.connect\",\"port\":9}}],\"not_match\":[{\"action\":{"
				      "\"kind\":\"net.connect\",\"port\":9}}]}]}";
	struct policy *policy = NULL;
	struct policy_state *session;
	struct error err = {0};

	(void)state;
	if (policy_load_text("t", text, sizeof(text) - 1, &policy, &err) < 0)
		fail_msg("%s", err.text);
	session = policy_state_new(policy);
	assert_true(at(policy, session, 1, 1)); /* denied */
	assert_true(at(policy, session, 2, 3)); /* denied, so it resets nothing */
	assert_true(at(policy, session, 3, 9));
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

/* ---- keys ---- */

static struct action of_process(uint32_t pid, uint64_t ms, int64_t port)
{
	return (struct action){.kind = ACTION_CONNECT,
			       .time_ns = ms * MS,
			       .pid = pid,
			       .exec_id = 1,
			       .host = STR("h"),
			       .path = STR("/f"),
			       .port = port};
}

static void test_a_lineage_is_a_process_and_what_it_starts(void **state)
{
	struct policy *policy =
		load("log", "{\"steps\":[" STEP(1) "],\"by\":\"lineage\"}", CONNECT(1));
	struct policy_state *session = policy_state_new(policy);
	struct action action = {.kind = ACTION_FORK, .pid = 20, .parent = 10};

	(void)state;
	assert_false(fires(policy, session, of_process(10, 1, 1)));
	assert_true(fires(policy, session, of_process(10, 2, 9)));
	assert_false(fires(policy, session, of_process(11, 2, 9)));
	assert_false(fires(policy, session, of_process(20, 2, 9)));
	(void)fires(policy, session, action);
	assert_true(fires(policy, session, of_process(20, 3, 9)));
	action = (struct action){.kind = ACTION_FORK, .pid = 30, .parent = 20};
	(void)fires(policy, session, action);
	action = (struct action){.kind = ACTION_PROC_EXIT, .pid = 20};
	(void)fires(policy, session, action);
	assert_true(fires(policy, session, of_process(30, 4, 9)));
	assert_false(fires(policy, session, of_process(20, 4, 9))); /* another one of this number */
	/* What a child does is not its parent's. */
	action = (struct action){.kind = ACTION_FORK, .pid = 41, .parent = 40};
	(void)fires(policy, session, action);
	assert_false(fires(policy, session, of_process(41, 5, 1)));
	assert_false(fires(policy, session, of_process(40, 6, 9)));
	assert_true(fires(policy, session, of_process(41, 6, 9)));
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

static struct action of_name(const char *path, const char *op, const char *target, int64_t port)
{
	return (struct action){.kind = op ? ACTION_FILE_CHANGE : ACTION_CONNECT,
			       .pid = 1,
			       .path = str_of(path),
			       .target = str_of(target),
			       .op = str_of(op),
			       .host = STR("h"),
			       .port = port};
}

static void test_a_file_keeps_its_past_under_another_name(void **state)
{
	struct policy *policy =
		load("log", "{\"steps\":[" STEP(1) "],\"by\":\"file\"}", CONNECT(1));
	struct policy_state *session = policy_state_new(policy);
	struct action failed = of_name("/c", "rename", "/d", 0);

	(void)state;
	assert_false(fires(policy, session, of_name("/a", NULL, NULL, 1)));
	assert_true(fires(policy, session, of_name("/a", NULL, NULL, 9)));
	assert_false(fires(policy, session, of_name("/b", NULL, NULL, 9)));
	(void)fires(policy, session, of_name("/a", "rename", "/b", 0));
	assert_false(fires(policy, session, of_name("/a", NULL, NULL, 9)));
	assert_true(fires(policy, session, of_name("/b", NULL, NULL, 9)));
	(void)fires(policy, session, of_name("/b", "link", "/c", 0));
	assert_true(fires(policy, session, of_name("/b", NULL, NULL, 9)));
	assert_true(fires(policy, session, of_name("/c", NULL, NULL, 9)));
	failed.result = -2;
	(void)fires(policy, session, failed);
	assert_true(fires(policy, session, of_name("/c", NULL, NULL, 9)));
	/* An exchange looks like a rename: neither file loses what it was. */
	(void)fires(policy, session, of_name("/x", "rename", "/c", 0));
	assert_true(fires(policy, session, of_name("/x", NULL, NULL, 9)));
	assert_false(fires(policy, session, of_name("/c", NULL, NULL, 9)));
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

static void test_a_host_by_any_spelling(void **state)
{
	struct policy *policy =
		load("log", "{\"steps\":[" STEP(1) "],\"by\":\"host\"}", CONNECT(1));
	struct policy_state *session = policy_state_new(policy);
	struct action action = of_process(1, 1, 1);

	(void)state;
	action.host = STR("Up.example.");
	assert_false(fires(policy, session, action));
	action = of_process(1, 2, 9);
	assert_false(fires(policy, session, action));
	action.host = STR("up.EXAMPLE");
	assert_true(fires(policy, session, action));
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

/* ---- what nobody sees ---- */

#define OPENED "{\"action\":{\"kind\":\"file.open\",\"path\":\"/s\",\"result\":3}}"
#define READS  "{\"on\":[\"file.open\"],\"when\":\"action.path == '/s'\"}"

static void test_what_cannot_be_seen_counts_as_done(void **state)
{
	static const struct {
		const char *verdict, *steps, *history;
		bool fires, after_1;
	} rows[] = {
		{"deny", READS, OPENED, true, true},
		{"allow", READS, OPENED, false, false},
		{"deny", READS "," STEP(1), OPENED "," CONNECT(1), false, true},
		{"deny", STEP(1) "," READS, CONNECT(1) "," OPENED, false, true},
		{"deny", STEP(2) "," READS, CONNECT(2) "," OPENED, false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		_cleanup_buf_ struct buf sequence = BUF_INIT(0);
		struct policy *policy;
		struct policy_state *session;

		buf_printf(&sequence, "{\"steps\":[%s],\"within\":\"1s\"}", rows[i].steps);
		policy = load(rows[i].verdict, sequence.data, rows[i].history);
		session = policy_state_new(policy);
		assert_false(at(policy, session, 1, 9));
		policy_state_assume_unseen(session, false, true);
		if (at(policy, session, 10000, 9) != rows[i].fires)
			fail_msg("row %zu", i);
		(void)at(policy, session, 10001, 1);
		if (at(policy, session, 10002, 9) != rows[i].after_1)
			fail_msg("row %zu, after 1", i);
		(void)policy_state_free(session);
		(void)policy_free(policy);
	}
}

/* Without a trace nobody sees which process starts which: an execution is one lineage then. */
static void test_an_untraced_execution_is_one_lineage(void **state)
{
	struct policy *policy =
		load("log", "{\"steps\":[" STEP(1) "],\"by\":\"lineage\"}", CONNECT(1));
	struct policy_state *session = policy_state_new(policy);
	struct action other = of_process(12, 3, 9);

	(void)state;
	policy_state_assume_unseen(session, false, true);
	assert_false(fires(policy, session, of_process(10, 1, 1)));
	assert_true(fires(policy, session, of_process(11, 2, 9)));
	other.exec_id = 2;
	assert_false(fires(policy, session, other));
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

/* ---- memory ---- */

static struct action to_host(char text[32], unsigned n, uint64_t ms, int64_t port)
{
	struct action action = of_process(1, ms, port);

	(void)snprintf(text, 32, "h%u.example", n);
	action.host = str_of(text);
	return action;
}

static uint64_t evicted(const struct policy_state *session)
{
	const struct rule_info *rule;
	const uint64_t count = policy_state_evicted(session, &rule);

	assert_int_equal(rule != NULL, count > 0);
	return count;
}

static void test_100000_events_take_64_kib(void **state)
{
	struct policy *policy = load(
		"log", "{\"steps\":[" STEP(1) "," STEP(2) "],\"by\":\"host\",\"within\":\"1s\"}",
		CONNECT(1) "," CONNECT(2));
	const unsigned long before = allocated;
	struct policy_state *session = policy_state_new(policy);
	const unsigned long taken = allocated - before;
	uint64_t first_loss = 0;
	char text[32];

	(void)state;
	assert_in_range(taken, 1024, 64 << 10);
	/* Few at a time: those that are over make room, and nothing is lost. */
	for (unsigned i = 0; i < 50000; i++)
		(void)fires(policy, session, to_host(text, i, 10ULL * i, 1));
	assert_int_equal(evicted(session), 0);
	/* All at once: the oldest gives way, and it is told. */
	for (unsigned i = 0; i < 50000; i++) {
		(void)fires(policy, session, to_host(text, i, 1000000, 1));
		if (evicted(session) && !first_loss)
			first_loss = i;
	}
	assert_in_range(first_loss, 100, 2000);
	assert_int_equal(evicted(session), 50000 - first_loss);
	assert_int_equal(allocated - before, taken);
	/* The youngest are still known. */
	(void)fires(policy, session, to_host(text, 49999, 1000001, 2));
	assert_true(fires(policy, session, to_host(text, 49999, 1000002, 9)));
	(void)fires(policy, session, to_host(text, 1, 1000003, 2));
	assert_false(fires(policy, session, to_host(text, 1, 1000004, 9)));
	(void)policy_state_free(session);
	(void)policy_free(policy);
}

/* ---- against the definition ---- */

enum {
	EVENTS = 22,
	PORTS = 6, /* 0 to 5 at random; each step also has 100 and more to itself */
	ELEMENTS = 5
};

struct element {
	unsigned ports; /* bit per port */
	bool missing;
	unsigned repeat;
};

struct spec {
	struct element elements[ELEMENTS];
	unsigned count;
	unsigned since, until; /* bits; 0: none */
	uint64_t within_ms;
};

struct event {
	uint64_t ms;
	unsigned port;
};

static uint32_t noise = 7;

static unsigned chance(unsigned n)
{
	noise = noise * 1664525 + 1013904223;
	return (noise >> 10) % n;
}

static bool is_of(unsigned ports, const struct event *e)
{
	return ports & (1u << e->port);
}

/* Is there no event of the ports strictly between the two? */
static bool is_missing(const struct event *events, unsigned ports, size_t after, size_t before)
{
	for (size_t i = after; i < before; i++) {
		if (is_of(ports, &events[i]))
			return false;
	}
	return true;
}

/* Elements from `element` on, the last event used being events[last], before events[now]. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as a sequence has steps */
static bool goes_on(const struct spec *spec, const struct event *events, unsigned element,
		    unsigned repeated, size_t last, size_t now)
{
	unsigned missing = 0;

	while (!repeated && element < spec->count && spec->elements[element].missing)
		missing |= spec->elements[element++].ports;
	if (element == spec->count)
		return is_missing(events, missing, last + 1, now);
	for (size_t i = last + 1; i < now; i++) {
		const struct element *e = &spec->elements[element];
		const bool done = repeated + 1 == e->repeat;

		if (is_of(e->ports, &events[i]) && is_missing(events, missing, last + 1, i) &&
		    goes_on(spec, events, done ? element + 1 : element, done ? 0 : repeated + 1, i,
			    now))
			return true;
	}
	return false;
}

/* May the first step (or, if there is none, the action judged) be at events[first]? */
static bool may_start(const struct spec *spec, const struct event *events, unsigned missing,
		      size_t from, size_t first)
{
	if (!spec->since) {
		while (from < first && spec->within_ms &&
		       events[first].ms - events[from].ms > spec->within_ms)
			from++;
		return is_missing(events, missing, from, first);
	}
	for (size_t i = from; i < first; i++) {
		if (is_of(spec->since, &events[i]) && is_missing(events, missing, i + 1, first))
			return true;
	}
	return false;
}

static bool defined(const struct spec *spec, const struct event *events, size_t now)
{
	const uint64_t latest = events[now].ms;
	unsigned missing = 0;
	unsigned begin = 0;
	size_t from = 0;

	for (size_t i = 0; i < now; i++) {
		if (is_of(spec->until, &events[i]))
			from = i; /* itself may be a step: it ends what was before it */
	}
	while (begin < spec->count && spec->elements[begin].missing)
		missing |= spec->elements[begin++].ports;
	if (begin == spec->count)
		return may_start(spec, events, missing, from, now);
	for (size_t i = from; i < now; i++) {
		const struct element *e = &spec->elements[begin];

		if (!is_of(e->ports, &events[i]) || !may_start(spec, events, missing, from, i) ||
		    (spec->within_ms && latest - events[i].ms > spec->within_ms))
			continue;
		if (goes_on(spec, events, e->repeat == 1 ? begin + 1 : begin, e->repeat > 1, i,
			    now))
			return true;
	}
	return false;
}

static void put_ports(struct buf *out, unsigned ports, unsigned own)
{
	buf_printf(out, "\"on\":[\"net.connect\"],\"when\":\"action.port in [%u", own);
	for (unsigned p = 0; p < PORTS; p++) {
		if (ports & (1u << p))
			buf_printf(out, ", %u", p);
	}
	buf_puts(out, "]\"");
}

static void make_spec(struct spec *spec, struct buf *text, struct buf *history)
{
	*spec = (struct spec){.count = 1 + chance(ELEMENTS)};
	spec->within_ms = chance(3) ? 5 + chance(60) : 0;
	spec->since = chance(3) ? 0 : 1u << chance(PORTS);
	spec->until = chance(3) ? 0 : 1u << chance(PORTS);
	buf_puts(text, "{\"steps\":[");
	if (spec->since)
		buf_puts(history, CONNECT(50));
	for (unsigned i = 0; i < spec->count; i++) {
		struct element *e = &spec->elements[i];

		*e = (struct element){.ports = 1u << chance(PORTS) | 1u << chance(PORTS),
				      .missing = !chance(3),
				      .repeat = chance(3) ? 1 : 1 + chance(3)};
		buf_printf(text, "%s{", i ? "," : "");
		put_ports(text, e->ports, 100 + i);
		if (e->missing)
			buf_puts(text, ",\"missing\":true}");
		else
			buf_printf(text, ",\"repeat\":%u}", e->repeat);
		for (unsigned n = 0; !e->missing && n < e->repeat; n++)
			buf_printf(history, "%s{\"action\":{\"kind\":\"net.connect\",\"port\":%u}}",
				   history->len ? "," : "", 100 + i);
	}
	buf_puts(text, "]");
	if (spec->within_ms)
		buf_printf(text, ",\"within\":\"%lums\"", (unsigned long)spec->within_ms);
	if (spec->since) {
		buf_puts(text, ",\"since\":{");
		put_ports(text, spec->since, 50);
		buf_puts(text, "}");
	}
	if (spec->until) {
		buf_puts(text, ",\"until\":{");
		put_ports(text, spec->until, 51);
		buf_puts(text, "}");
	}
	buf_puts(text, "}");
}

static void test_any_sequence_is_what_it_is_defined_to_be(void **state)
{
	unsigned fired = 0;
	unsigned judged = 0;

	(void)state;
	for (unsigned trial = 0; trial < 1500; trial++) {
		_cleanup_buf_ struct buf text = BUF_INIT(0);
		_cleanup_buf_ struct buf history = BUF_INIT(0);
		struct event events[EVENTS + 1];
		struct policy_state *session;
		struct policy *policy;
		struct spec spec;
		uint64_t ms = 1000;

		buf_puts(&history, "");
		make_spec(&spec, &text, &history);
		policy = load("log", text.data, history.data);
		session = policy_state_new(policy);
		for (size_t i = 0; i < EVENTS; i++) {
			ms += chance(10);
			events[i] = (struct event){ms, chance(PORTS)};
			/* The action judged is no step, so it can be asked after each of them. */
			const bool expected = defined(&spec, events, i);

			if (at(policy, session, ms, JUDGED) != expected)
				fail_msg("trial %u, event %zu: %s: should be %d", trial, i,
					 text.data, expected);
			fired += expected;
			judged++;
			(void)at(policy, session, ms, events[i].port);
		}
		(void)policy_state_free(session);
		(void)policy_free(policy);
	}
	/* It has something to tell apart. */
	assert_in_range(fired, judged / 20, judged - judged / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_span),
		cmocka_unit_test(test_the_latest_start_counts),
		cmocka_unit_test(test_one_event_is_one_step),
		cmocka_unit_test(test_missing_between_and_at_the_end),
		cmocka_unit_test(test_missing_since),
		cmocka_unit_test(test_never_before),
		cmocka_unit_test(test_what_is_refused_undoes_nothing),
		cmocka_unit_test(test_a_lineage_is_a_process_and_what_it_starts),
		cmocka_unit_test(test_a_file_keeps_its_past_under_another_name),
		cmocka_unit_test(test_a_host_by_any_spelling),
		cmocka_unit_test(test_what_cannot_be_seen_counts_as_done),
		cmocka_unit_test(test_an_untraced_execution_is_one_lineage),
		cmocka_unit_test(test_100000_events_take_64_kib),
		cmocka_unit_test(test_any_sequence_is_what_it_is_defined_to_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
