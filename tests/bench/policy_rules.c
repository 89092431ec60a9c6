/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/policy_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tests/bench/samples.h"

#define COUNT(_rows) (sizeof(_rows) / sizeof((_rows)[0]))

/* '#' is the number of the rule; the examples are made of hit and of an empty action. */
static const struct template
{
	const char *on, *when, *verdict, *hit, *more;
}

templates[] = {
	{"exec", "command(action.argv) in ['tool#', 'tool#-cli'] || action.name == 'tool#'", "deny",
	 "\"name\":\"tool#\"", ""},
	{"net.connect", "inCIDR(action.address, ['10.%.0.0/16', 'fd00:#::/32'])", "deny",
	 "\"address\":\"10.%.0.1\"", ""},
	{"net.connect", "hostMatches(action.host, ['*.service#.example', 'service#.example'])",
	 "deny", "\"host\":\"a.service#.example\"", ""},
	{"file.open",
	 "action.result >= 0 && glob(action.path, ['**/.tool#/credentials', '~/.t#/**'])", "log",
	 "\"path\":\"/w/.tool#/credentials\"", "\"label\":[\"l%\"],"},
	{"net.connect", "action.family == 'unix' && glob(action.path, '/run/service#/**')", "deny",
	 "\"family\":\"unix\",\"path\":\"/run/service#/s\"", ""},
	{"net.connect", "!action.loopback && action.port in [2#, 3#]", "deny", "\"port\":2#", ""},
	{"exec", "action.argv.exists(a, a == '--flag#' || a.startsWith('pool#+'))", "deny",
	 "\"argv\":[\"--flag#\"]", ""},
	{"exec", "action.path.startsWith('/opt/tool#/') && action.provenance == 'session'", "kill",
	 "\"path\":\"/opt/tool#/x\",\"provenance\":\"session\"", ""},
	{"net.listen", "'l%' in session.labels && action.port == 1#", "deny", NULL, ""},
	{"exec", "action.name in ['scan#', 'probe#']", "deny", "\"name\":\"scan#\"",
	 "\"count\":{\"window\":\"60s\",\"at_least\":1},"},
	{"exec", "action.name == 'push#'", "deny", "\"name\":\"push#\"",
	 "\"sequence\":{\"within\":\"60s\",\"by\":\"lineage\",\"steps\":[{\"on\":[\"exec\","
	 "\"file.open\"],\"when\":\"glob(action.path, '**/.seq#/**')\",\"missing\":true}]},"},
	{"net.connect", "!action.loopback && action.port in [4#, 5#]", "deny", "\"port\":4#",
	 "\"budget\":{\"of\":\"connections\",\"per\":\"session\",\"limit\":0},"},
};

void bench_stop(const char *what, const struct error *err)
{
	(void)fprintf(stderr, "bench_policy: %s %s\n", what, err ? err->text : "");
	exit(1);
}

/* '#' becomes the number, '%' a number of at most two digits. */
static void put(struct buf *out, const char *text, unsigned n)
{
	for (; *text; text++) {
		if (*text == '#')
			buf_printf(out, "%u", n);
		else if (*text == '%')
			buf_printf(out, "%u", n % 50);
		else
			buf_putc(out, *text);
	}
}

static void put_rule(struct buf *out, unsigned n)
{
	const struct template *t = &templates[n % COUNT(templates)];
	_cleanup_buf_ struct buf text = BUF_INIT(0);

	buf_printf(&text,
		   "%s{\"id\":\"r#\",\"category\":\"bench\",\"severity\":\"low\",\"on\":[\"%s\"],"
		   "\"when\":\"",
		   n ? ",\n" : "", t->on);
	put(out, text.data, n);
	put(out, t->when, n);
	buf_printf(out, "\",\"verdict\":\"%s\",\"because\":\"bench\",", t->verdict);
	put(out, t->more, n);
	put(out, "\"match\":[{\"action\":{\"kind\":\"", n);
	buf_puts(out, t->on);
	put(out, t->hit ? "\"," : "\",\"port\":1#}, \"labels\":[\"l%\"]}],", n);
	if (t->hit) {
		put(out, t->hit, n);
		buf_puts(out, "}}],");
	}
	buf_printf(out, "\"not_match\":[{\"action\":{\"kind\":\"%s\"}}]}", t->on);
}

static struct policy *load_shipped(void)
{
	const char *paths[] = {BENCH_POLICIES};
	struct policy *policy = NULL;
	struct error err = {0};

	if (policy_load(paths, 1, &policy, &err) < 0)
		bench_stop("", &err);
	return policy;
}

struct policy *rule_set_load(const struct rule_set *set, double *ret_ms)
{
	char path[] = "/tmp/cordon-bench-XXXXXX.json";
	const char *paths[2] = {path, BENCH_POLICIES};
	_cleanup_close_ int policy_fd = mkstemps(path, 5);
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	struct policy *policy = set->shipped ? load_shipped() : NULL;
	const unsigned shipped = policy ? (unsigned)policy_rule_count(policy) : 0;
	const unsigned count = set->count > shipped ? set->count : shipped;
	struct error err = {0};
	double start;
	int r;

	if (count == shipped)
		return policy;
	policy = policy_free(policy);
	buf_puts(&text, "{\"policy\":\"bench\",\"version\":1,\"rules\":[");
	for (unsigned n = 0; n < count - shipped; n++)
		put_rule(&text, n);
	buf_puts(&text, "]}");
	if (policy_fd < 0 || write(policy_fd, text.data, text.len) != (ssize_t)text.len)
		bench_stop("cannot write a policy to /tmp", NULL);
	start = clock_us();
	r = policy_load(paths, shipped ? 2 : 1, &policy, &err);
	if (ret_ms)
		*ret_ms = (clock_us() - start) / 1e3;
	(void)unlink(path);
	if (r < 0)
		bench_stop("", &err);
	return policy;
}
