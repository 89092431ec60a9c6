/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A program that connects, says all and is gone, whose socket nobody has accepted when the session
 * ends: what it said counts. That is a matter of a few microseconds, so here a listener has nothing
 * to accept until then.
 */

#include "tests/support/test.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "monitor/session_net_internal.h"
#include "tests/integration/session_fixture.h"

#define SAY                                                                                   \
	"exec python3 -c \"import socket; s = socket.create_connection(('192.0.2.1', 4444));" \
	" s.send(b'last words')\""

static bool is_over;
static unsigned too_soon;

int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
void __real_session_net_end(struct session *session);
void __wrap_session_net_end(struct session *session);

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	if (is_over)
		return __real_accept4(fd, address, len, flags);
	too_soon++;
	errno = EAGAIN;
	return -1;
}

void __wrap_session_net_end(struct session *session)
{
	is_over = true;
	__real_session_net_end(session);
}

static void test_who_arrived_unseen(void **state)
{
	struct run run = {
		.policy = "{\"policy\":\"t\",\"version\":1}", .net = NET_DECOY, .scripts = {{SAY}}};
	struct run *runs[] = {&run};
	struct json *request;
	struct json *close;

	(void)state;
	session_run(runs, 1, &(struct supervisor_config){.trace = TRACE_MODE_AUTO});
	assert_int_equal(run.outcomes[0].result.outcome, EXEC_EXITED);
	assert_true(too_soon > 0);
	request = session_event(&run, "decoy.request", 0);
	close = session_event(&run, "net.close", 0);
	assert_string_equal(event_text(request, "body"), "last words");
	assert_int_equal(event_number(close, "bytes_out"), 10);
	json_free(request);
	json_free(close);
	session_run_done(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_who_arrived_unseen)};

	return cmocka_run_group_tests(tests, session_set_up, session_tear_down);
}
