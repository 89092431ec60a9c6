/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/record_fixture.h"

#include <argp.h>
#include <sodium.h>

#include "common/error.h"
#include "tools/cordon/commands.h"
#include "tools/cordon/log/log_show.h"
#include "tools/cordon/log/log_verify.h"
#include "tools/toolkit/paths.h"

static struct record_fixture fixture;
static char out_path[96];
static struct buf output;

/* In place of the toolkit's: the key of the fixture. */
int paths_record_key(char **ret, struct error *err)
{
	(void)err;
	*ret = xstrdup(fixture.key);
	return 0;
}

int paths_policies(char **ret, struct error *err)
{
	*ret = NULL;
	return error_set(err, ENOENT, "there is no folder of policies here");
}

static void put(struct record *record, const struct event_head *head, const char *members)
{
	struct json_writer *w = record_begin(record, head);

	if (*members) {
		buf_putc(w->out, ',');
		buf_puts(w->out, members);
	}
	assert_int_equal(record_end(record), 0);
}

static void write_session(bool closed)
{
	struct record *record = fixture_open(&fixture, "s-1");
	struct event_head head = {.kind = "session.start",
				  .time_ns = UINT64_C(9007199254740993000)};

	put(record, &head,
	    "\"fields\":{\"utc\":\"2026-11-24T23:59:59.999000000Z\",\"mode\":\"enforce\"}");
	head = (struct event_head){.kind = "exec",
				   .call = "c1",
				   .exec_id = 1,
				   .pid = 7,
				   .time_ns = UINT64_C(9007199254741994000)};
	put(record, &head,
	    "\"fields\":{\"path\":\"/bin/sh\",\"argv\":[\"sh\",\"-c\",\"echo \\u001b[31m 'x'\\u009b\\n\"]},"
	    "\"verdict\":\"allow\"");
	head.kind = "net.connect";
	head.call = "c2";
	head.exec_id = 2;
	put(record, &head,
	    "\"fields\":{\"address\":\"2001:db8::1\",\"host\":\"evil.example\",\"port\":443},"
	    "\"verdict\":\"deny\",\"rule\":\"exfil.x\",\"because\":\"Secrets were \\u001b[2J read.\"");
	head.kind = "file.open";
	put(record, &head,
	    "\"fields\":{\"path\":\"/etc/shadow\",\"write\":true,\"result\":-13},\"verdict\":\"log\"");
	head.kind = "limit.hit";
	put(record, &head, "\"fields\":{\"limit\":\"memory\",\"hits\":2},\"verdict\":\"log\"");
	put(record, &head,
	    "\"fields\":{\"limit\":\"disk\",\"hits\":1,\"op\":\"write\",\"exe\":\"dd\"},\"verdict\":\"log\"");
	head.kind = "exec.end";
	put(record, &head, "\"fields\":{\"outcome\":\"exited\",\"status\":3,\"wall_ns\":1500000}");
	put(record, &head,
	    "\"fields\":{\"outcome\":\"signaled\",\"status\":9,\"memory_kills\":1,\"left\":4}");
	if (closed)
		assert_int_equal(record_close(record, head.time_ns, NULL), 0);
	else
		assert_null(record_abandon(record));
}

static int run_log(void *arg)
{
	char **argv = arg;
	int argc = 0;
	int status;

	while (argv[argc])
		argc++;
	if (!freopen(out_path, "we", stdout) || dup2(fileno(stdout), STDERR_FILENO) < 0)
		return 99;
	status = cmd_log(argc, argv);
	return fflush(stdout) == 0 ? status : 99;
}

/* The exit status of `cordon log` with these arguments; what it printed is in `output`. */
static int cordon_log(const char *a, const char *b, const char *c)
{
	const char *const words[] = {"cordon log", a, b, c};
	char text[4][128]; /* not from the heap: argp may leave by exit() */
	char *argv[5] = {0};
	int status;

	for (int i = 0; i < 4 && words[i]; i++) {
		(void)snprintf(text[i], sizeof(text[i]), "%s", words[i]);
		argv[i] = text[i];
	}
	status = in_child(run_log, argv);
	assert_true(WIFEXITED(status));
	load(out_path, &output);
	return WEXITSTATUS(status);
}

static int setup(void **state)
{
	(void)state;
	fixture_setup(&fixture);
	(void)snprintf(out_path, sizeof(out_path), "%s/out", fixture.dir);
	write_session(true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(out_path);
	buf_done(&output);
	fixture_remove(&fixture);
	return 0;
}

static void expect_output(const char *part)
{
	if (!output.data || !strstr(output.data, part))
		fail_msg("not in the output: %s\n---\n%s", part, output.data);
}

static void test_show(void **state)
{
	(void)state;
	assert_int_equal(cordon_log("show", fixture.path, NULL), 0);
	/* The time is exact although it is beyond 2^53, and goes over midnight. */
	expect_output("2026-11-24T23:59:59.999000Z  -");
	expect_output("2026-11-25T00:00:00.000001Z  c1      #1    exec           allow  /bin/sh -c "
		      "'echo \\x1b[31m '\\''x'\\''\\xc2\\x9b\\n'\n");
	expect_output("c2      #2    net.connect    deny   [2001:db8::1]:443 (evil.example)\n"
		      "    exfil.x: Secrets were \\x1b[2J read.\n");
	expect_output("file.open      log    /etc/shadow (for writing) = EACCES\n");
	expect_output("limit.hit      log    memory, 2 times\n");
	expect_output("limit.hit      log    disk, write of dd\n");
	expect_output("exec.end              exited 3, 1.5 ms\n");
	expect_output("signaled 9, 1 killed for want of memory, 4 still running\n");
	expect_output("session.end");
	assert_null(strchr(output.data, '\033')); /* no terminal, no colour */
}

/* Anybody can write a chain that holds, and name a file. */
static void test_a_record_of_another_hand(void **state)
{
	const struct event_head start = {.kind = "session.start", .time_ns = 1};
	const struct event_head event = {.kind = "\033[2J", .call = "\033[2J", .time_ns = 2};
	char path[sizeof(fixture.path) + 8];
	struct record *record;

	(void)state;
	assert_int_equal(unlink(fixture.path), 0);
	record = fixture_open(&fixture, "\302\2332J\342\200\213s");
	put(record, &start, "");
	put(record, &event,
	    "\"fields\":{\"path\":\"\\u001b[2J\"},\"verdict\":\"\\u001b[2J\",\"rule\":\"\\u009b2J\"");
	assert_int_equal(record_close(record, 3, NULL), 0);
	assert_int_equal(cordon_log("show", fixture.path, NULL), 0);
	assert_null(strpbrk(output.data, "\033\233"));
	expect_output("  \\x1b[2J  ");
	assert_int_equal(cordon_log("verify", fixture.path, NULL), 0);
	expect_output("of session \\u009b2J\\u200bs, signed");
	(void)snprintf(path, sizeof(path), "%s\033[2J", fixture.path);
	assert_int_equal(rename(fixture.path, path), 0);
	assert_int_equal(cordon_log("verify", path, NULL), 0);
	expect_output("\\x1b[2J: closed");
	assert_null(strchr(output.data, '\033'));
	assert_int_equal(unlink(path), 0);
}

static void test_filters(void **state)
{
	(void)state;
	assert_int_equal(cordon_log("show", "--verdict=deny", fixture.path), 0);
	expect_output(
		"2026-11-25T00:00:00.000001Z  c2"); /* the time, though the start is not shown */
	assert_null(strstr(output.data, "/bin/sh"));
	assert_int_equal(cordon_log("show", "--kind=net.*", fixture.path), 0);
	expect_output("2001:db8::1");
	assert_null(strstr(output.data, "/bin/sh"));
	assert_int_equal(cordon_log("show", "--call=c1", fixture.path), 0);
	expect_output("/bin/sh");
	assert_null(strstr(output.data, "2001:db8::1"));
	assert_int_equal(cordon_log("show", "--exec=2", fixture.path), 0);
	expect_output("2001:db8::1");
	assert_null(strstr(output.data, "/bin/sh"));
}

static void test_json(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);

	(void)state;
	load(fixture.path, &text);
	assert_int_equal(cordon_log("show", "--json", fixture.path), 0);
	assert_string_equal(output.data, text.data);
}

static void test_verify(void **state)
{
	_cleanup_buf_ struct buf text = BUF_INIT(0);
	char *at;

	(void)state;
	assert_int_equal(cordon_log("verify", fixture.path, NULL), 0);
	expect_output(": closed: 9 events of session s-1, signed by ");
	expect_output(" (this host)\n");
	assert_int_equal(cordon_log("verify", fixture.path, "/nowhere"), 1);

	load(fixture.path, &text);
	at = strstr(text.data, "evil");
	assert_non_null(at);
	*at = 'E';
	store(fixture.path, text.data, text.len);
	assert_int_equal(cordon_log("verify", fixture.path, NULL), 1);
	expect_output(": BROKEN: line 3: the line was changed: it does not fit its hash; 2 events");
	assert_int_equal(cordon_log("show", fixture.path, NULL), 1);
	expect_output("line 3: the line was changed");
	expect_output("(Evil.example)"); /* shown all the same */
}

static void test_verify_cut(void **state)
{
	(void)state;
	assert_int_equal(unlink(fixture.path), 0);
	write_session(false);
	assert_int_equal(cordon_log("verify", fixture.path, NULL), 3);
	expect_output(": cut: there is no session.end");
	assert_int_equal(cordon_log("show", fixture.path, NULL), 0);
	expect_output("has no session.end");
}

static void test_verify_signer(void **state)
{
	char option[96];
	const char *at;

	(void)state;
	assert_int_equal(cordon_log("verify", fixture.path, NULL), 0);
	at = strstr(output.data, "signed by ");
	assert_non_null(at);
	(void)snprintf(option, sizeof(option), "--signer=%.64s", at + strlen("signed by "));
	assert_int_equal(unlink(fixture.key), 0); /* as on another host */
	assert_int_equal(cordon_log("verify", fixture.path, NULL), 1);
	expect_output("not by this host's record key");
	assert_int_equal(cordon_log("verify", option, fixture.path), 0);
	assert_int_equal(cordon_log("verify", "--signer=any", fixture.path), 0);
	option[strlen("--signer=")] = option[strlen("--signer=")] == '0' ? '1' : '0';
	assert_int_equal(cordon_log("verify", option, fixture.path), 1);
}

static void test_usage(void **state)
{
	(void)state;
	argp_err_exit_status = LOG_STATUS_USAGE; /* as main() has it */
	assert_int_equal(cordon_log("verify", NULL, NULL), 2);
	assert_int_equal(cordon_log("frobnicate", NULL, NULL), 2);
	assert_int_equal(cordon_log("show", "--verdict=maybe", fixture.path), 2);
	assert_int_equal(cordon_log("show", "--exec=-1", fixture.path), 2);
	assert_int_equal(cordon_log("show", "--exec=4294967297", fixture.path), 2);
	assert_int_equal(cordon_log("verify", "--signer=xyz", fixture.path), 2);
	assert_int_equal(cordon_log("show", "--nonsense", fixture.path), 2);
	assert_int_equal(cordon_log("--help", NULL, NULL), 0);
	assert_int_equal(cordon_log("verify", "--help", NULL), 0);
	expect_output("Exit status: 0 if all are closed");
}

static int replay_with(const char *on_loss)
{
	char path[96];
	char option[112];
	FILE *policy;
	int status;

	(void)snprintf(path, sizeof(path), "%s/policy.json", fixture.dir);
	(void)snprintf(option, sizeof(option), "--policy=%s", path);
	policy = fopen(path, "we");
	assert_non_null(policy);
	(void)fprintf(policy, "{\"policy\":\"p\",\"version\":1,\"on_loss\":\"%s\"}", on_loss);
	(void)fclose(policy);
	status = cordon_log("replay", option, fixture.path);
	(void)unlink(path);
	return status;
}

/* What follows from a loss is up to the policy that judges anew. */
static void test_replay_of_a_loss(void **state)
{
	struct record *record;
	struct event_head head = {.kind = "session.start", .time_ns = 1};
	static const char exec[] =
		"\"fields\":{\"path\":\"/bin/x\",\"name\":\"x\"},\"verdict\":\"allow\"";

	(void)state;
	(void)unlink(fixture.path);
	record = fixture_open(&fixture, "s-2");
	put(record, &head, "\"fields\":{\"trace\":\"on\"}");
	head = (struct event_head){.kind = "exec", .time_ns = 2, .exec_id = 1, .pid = 7};
	put(record, &head, exec);
	head.kind = "trace.lost";
	put(record, &head,
	    "\"verdict\":\"log\",\"rule\":\"on_loss.trace.lost\",\"fields\":{\"lost\":1}");
	head.kind = "exec";
	put(record, &head, exec);
	head.kind = "proc.exit";
	put(record, &head, "\"fields\":{\"result\":0},\"verdict\":\"allow\"");
	assert_int_equal(record_close(record, head.time_ns, NULL), 0);

	assert_int_equal(replay_with("log"), 0);
	expect_output("4 judged: 0 verdicts change");
	assert_int_equal(replay_with("deny_new"), 1);
	expect_output("now deny, by on_loss.trace.lost");
	expect_output("4 judged: 2 verdicts change (2 stricter)");
	assert_int_equal(replay_with("kill"), 1);
	expect_output("4 judged: 2 verdicts change (2 stricter)");
}

static void test_colour(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct log_printer printer = {.out = out, .colour = true};
	static const char line[] = "{\"ts\":5,\"kind\":\"exec\",\"verdict\":\"kill\"}";
	struct json *event = NULL;

	(void)state;
	assert_non_null(out);
	assert_int_equal(json_parse("event", line, strlen(line), &event, NULL), 0);
	log_print_event(&printer, event, line, strlen(line));
	(void)fclose(out);
	assert_non_null(strstr(text, "\033[1;31m  kill \033[0m\n    default\n"));
	json_free(event);
	free(text);
}

int main(void)
{
#define LOG_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		LOG_TEST(test_show),
		LOG_TEST(test_filters),
		LOG_TEST(test_json),
		LOG_TEST(test_verify),
		LOG_TEST(test_verify_cut),
		LOG_TEST(test_verify_signer),
		LOG_TEST(test_usage),
		LOG_TEST(test_colour),
		LOG_TEST(test_replay_of_a_loss),
		LOG_TEST(test_a_record_of_another_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
