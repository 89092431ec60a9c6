/* SPDX-License-Identifier: Apache-2.0 */
/* JUnit's XML, as CI systems read it: a suite a family, a case a scenario. No standard says more
 * than its readers agree on: https://github.com/testmoapp/junitxml. */
#include <string.h>

#include "scenarios/report.h"

/* XML 1.0 has no way to write most control characters, so they become '?'. */
static void put_escaped(struct buf *out, const char *text)
{
	for (; text && *text; text++) {
		const unsigned char c = (unsigned char)*text;

		if (c == '&')
			buf_puts(out, "&amp;");
		else if (c == '<')
			buf_puts(out, "&lt;");
		else if (c == '>')
			buf_puts(out, "&gt;");
		else if (c == '"')
			buf_puts(out, "&quot;");
		else if (c == '\n')
			buf_puts(out, "&#10;");
		else
			buf_putc(out, c < 0x20 || c > 0x7e ? '?' : (char)c);
	}
}

static void put_attribute(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, " %s=\"", name);
	put_escaped(out, text);
	buf_putc(out, '"');
}

static void put_mismatch(struct buf *out, const struct trial *trial)
{
	const struct findings *f = &trial->findings;

	buf_puts(out, "\n   <failure message=\"not as expected\">");
	for (size_t i = 0; i < f->step_count; i++) {
		if (f->steps[i].ok)
			continue;
		buf_printf(out, "step %zu, ", i + 1);
		put_escaped(out, trial->scenario->steps[i].title);
		buf_puts(out, ": ");
		put_escaped(out, f->steps[i].why);
		buf_puts(out, "&#10;");
	}
	for (size_t i = 0; i < f->check_count; i++) {
		if (f->checks[i].ok)
			continue;
		put_escaped(out, f->checks[i].what);
		buf_puts(out, ": ");
		put_escaped(out, f->checks[i].got);
		buf_puts(out, "&#10;");
	}
	buf_puts(out, "</failure>");
}

/* What was noted of a step, whatever else became of it. */
static void put_alarms(struct buf *out, const struct findings *f)
{
	bool any = false;

	for (size_t i = 0; i < f->step_count; i++) {
		if (!f->steps[i].alarm)
			continue;
		buf_puts(out, any ? "" : "\n   <properties>");
		buf_printf(out, "\n    <property name=\"alarm of step %zu\"", i + 1);
		put_attribute(out, "value", f->steps[i].alarm->rule);
		buf_puts(out, "/>");
		any = true;
	}
	if (any)
		buf_puts(out, "\n   </properties>");
}

static void put_case(struct buf *out, const struct trial *trial)
{
	buf_puts(out, "  <testcase");
	put_attribute(out, "classname", category_name(trial->scenario->category));
	put_attribute(out, "name", trial->scenario->id);
	buf_printf(out, " time=\"%.3f\">", (double)trial->wall_ns / 1e9);
	put_alarms(out, &trial->findings);
	switch (trial->outcome) {
	case TRIAL_AS_EXPECTED:
		break;
	case TRIAL_MISMATCH:
		put_mismatch(out, trial);
		break;
	case TRIAL_SKIPPED:
	case TRIAL_NOT_RUN:
		buf_puts(out, "\n   <skipped");
		put_attribute(out, "message",
			      trial->outcome == TRIAL_SKIPPED ? trial->reason.text : "interrupted");
		buf_puts(out, "/>");
		break;
	case TRIAL_FAILED:
		buf_puts(out, "\n   <error");
		put_attribute(out, "message", trial->reason.text);
		buf_puts(out, "/>");
		break;
	}
	buf_puts(out, "</testcase>\n");
}

static void put_suite(struct buf *out, const struct trial *trials, size_t count,
		      enum scenario_category category)
{
	size_t cases = 0, failures = 0, errors = 0, skipped = 0;

	for (size_t i = 0; i < count; i++) {
		if (trials[i].scenario->category != category)
			continue;
		cases++;
		failures += trials[i].outcome == TRIAL_MISMATCH;
		errors += trials[i].outcome == TRIAL_FAILED;
		skipped += trials[i].outcome == TRIAL_SKIPPED || trials[i].outcome == TRIAL_NOT_RUN;
	}
	if (!cases)
		return;
	buf_printf(out,
		   " <testsuite name=\"%s\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" "
		   "skipped=\"%zu\">\n",
		   category_name(category), cases, failures, errors, skipped);
	for (size_t i = 0; i < count; i++) {
		if (trials[i].scenario->category == category)
			put_case(out, &trials[i]);
	}
	buf_puts(out, " </testsuite>\n");
}

void report_junit(const struct trial *trials, size_t count, struct buf *out)
{
	const struct totals t = totals_of(trials, count);

	buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	buf_printf(out,
		   "<testsuites name=\"cordon scenarios\" tests=\"%zu\" failures=\"%zu\" "
		   "errors=\"%zu\" skipped=\"%zu\">\n",
		   count, t.mismatches, t.failed, t.skipped + t.not_run);
	for (unsigned c = 0; c < CATEGORIES; c++)
		put_suite(out, trials, count, (enum scenario_category)c);
	buf_puts(out, "</testsuites>\n");
}
