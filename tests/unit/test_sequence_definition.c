/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/policy/policy_state.h"
#include "tests/unit/sequence_fixture.h"

/*
 * Sequences of any form and streams of any events, held against what a sequence is by definition: a
 * search through everything that ever was.
 */

#define JUDGED 9

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
		const unsigned one = 1u << chance(PORTS);

		*e = (struct element){.ports = one | 1u << chance(PORTS),
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
		cmocka_unit_test(test_any_sequence_is_what_it_is_defined_to_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
