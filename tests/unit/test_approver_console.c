/* SPDX-License-Identifier: Apache-2.0 */
/* When the console shows what: two things that happen in one turn of the loop. */
#include "tests/support/test.h"

#include <pty.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "tools/toolkit/approver/approver.h"

static void ignore_reply(void *ctx, uint64_t id, const struct reply *reply)
{
	(void)ctx;
	(void)id;
	(void)reply;
}

static void on_time(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

/* The console asks 1; then 2 is asked, and 1 withdrawn, before the loop turns again. */
static void ask_in_terminal(void)
{
	uv_loop_t *loop = uv_default_loop();
	const struct approver_host host = {.loop = loop};
	struct approver *approver = approver_open("console", &host);
	uv_timer_t timer;

	approver->replied = ignore_reply;
	(void)uv_timer_init(loop, &timer);
	(void)approver->ops->ask(approver, &(struct question){1, "{\"kind\":\"first\"}"});
	(void)uv_timer_start(&timer, on_time, 300, 0);
	(void)uv_run(loop, UV_RUN_DEFAULT);
	(void)approver->ops->ask(approver, &(struct question){2, "{\"kind\":\"second\"}"});
	approver->ops->cancel(approver, 1);
	(void)uv_timer_start(&timer, on_time, 1000, 0);
	(void)uv_run(loop, UV_RUN_DEFAULT);
	(void)!write(STDOUT_FILENO, "PAUSED\n", 7);
	(void)uv_timer_start(&timer, on_time, 3000, 0);
	(void)uv_run(loop, UV_RUN_DEFAULT);
	_exit(0);
}

static void test_a_pause_whatever_was_asked_right_before(void **state)
{
	_cleanup_close_ int terminal_fd = -1;
	char shown[8192];
	size_t len = 0;
	ssize_t n;
	char *paused;
	const pid_t pid = forkpty(&terminal_fd, NULL, NULL, NULL);

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		ask_in_terminal();
	while ((n = read(terminal_fd, shown + len, sizeof(shown) - 1 - len)) > 0)
		len += (size_t)n;
	shown[len] = '\0';
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	paused = strstr(shown, "PAUSED");
	assert_non_null(paused);
	assert_non_null(strstr(paused, "second"));
	*paused = '\0';
	assert_non_null(strstr(shown, "first"));
	assert_non_null(strstr(shown, "too late"));
	assert_null(strstr(shown, "second"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_pause_whatever_was_asked_right_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
