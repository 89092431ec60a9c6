/* SPDX-License-Identifier: Apache-2.0 */

/* Every form of the socket calls: what the gate reads of each, and what each returns. */

#include "tests/support/test.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/integration/gate_fixture.h"

#define PORT 4711

union any_address {
	struct sockaddr generic;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
	struct sockaddr_nl nl;
};

static union any_address inet(const char *text)
{
	union any_address a = {.in = {.sin_family = AF_INET, .sin_port = htons(PORT)}};

	(void)inet_pton(AF_INET, text, &a.in.sin_addr);
	return a;
}

static union any_address inet6(const char *text)
{
	union any_address a = {.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)}};

	(void)inet_pton(AF_INET6, text, &a.in6.sin6_addr);
	return a;
}

static union any_address local(const char *path)
{
	union any_address a = {.un = {.sun_family = AF_UNIX}};

	(void)snprintf(a.un.sun_path, sizeof(a.un.sun_path), "%s", path);
	return a;
}

static int result_of(long r)
{
	return r < 0 ? errno : 0;
}

static int connect_to(int domain, int type, union any_address a, socklen_t len)
{
	const int socket_fd = socket(domain, type | SOCK_CLOEXEC, 0);

	return result_of(connect(socket_fd, &a.generic, len));
}

static int connect_tcp(void *arg)
{
	(void)arg;
	return connect_to(AF_INET, SOCK_STREAM, inet("192.0.2.7"), sizeof(struct sockaddr_in));
}

static int connect_udp(void *arg)
{
	(void)arg;
	return connect_to(AF_INET, SOCK_DGRAM, inet("127.1.2.3"), sizeof(struct sockaddr_in));
}

static int connect_any(void *arg)
{
	(void)arg;
	return connect_to(AF_INET, SOCK_DGRAM, inet("0.0.0.0"), sizeof(struct sockaddr_in));
}

static int connect_v6(void *arg)
{
	(void)arg;
	return connect_to(AF_INET6, SOCK_STREAM, inet6("2001:db8::5"), sizeof(struct sockaddr_in6));
}

static int connect_mapped(void *arg)
{
	(void)arg;
	return connect_to(AF_INET6, SOCK_DGRAM, inet6("::ffff:10.1.2.3"),
			  sizeof(struct sockaddr_in6));
}

/* An address that the socket cannot take: what the kernel says to it is all that comes of it. */
static int connect_by_unix(void *arg)
{
	(void)arg;
	return connect_to(AF_UNIX, SOCK_STREAM, inet("127.0.0.1"), sizeof(struct sockaddr_in));
}

static int connect_by_netlink(void *arg)
{
	(void)arg;
	return connect_to(AF_NETLINK, SOCK_RAW, inet("127.0.0.1"), sizeof(struct sockaddr_in));
}

static int connect_tcp_to_unix(void *arg)
{
	(void)arg;
	return connect_to(AF_INET, SOCK_STREAM, local("d/sock"), sizeof(struct sockaddr_un));
}

static int connect_unix(void *arg)
{
	(void)arg;
	return connect_to(AF_UNIX, SOCK_STREAM, local("way/../way/sock"),
			  sizeof(struct sockaddr_un));
}

static int connect_unix_missing(void *arg)
{
	(void)arg;
	return connect_to(AF_UNIX, SOCK_STREAM, local("no-such"), sizeof(struct sockaddr_un));
}

static int connect_abstract(void *arg)
{
	union any_address a = {.un = {.sun_family = AF_UNIX, .sun_path = "\0cordon-test"}};

	(void)arg;
	return connect_to(AF_UNIX, SOCK_STREAM, a, sizeof(sa_family_t) + 12);
}

static int connect_nothing(void *arg)
{
	union any_address a = {.generic = {.sa_family = AF_UNSPEC}};

	(void)arg;
	return connect_to(AF_INET, SOCK_DGRAM, a, sizeof(a.in));
}

static int connect_short(void *arg)
{
	(void)arg;
	return connect_to(AF_INET, SOCK_STREAM, inet("192.0.2.7"), 1);
}

static int connect_negative(void *arg)
{
	(void)arg;
	return connect_to(AF_INET, SOCK_STREAM, inet("192.0.2.7"), (socklen_t)-1);
}

static int connect_bad_pointer(void *arg)
{
	(void)arg;
	return result_of(syscall(SYS_connect, socket(AF_INET, SOCK_STREAM, 0), 8, 16));
}

static int connect_bad_fd(void *arg)
{
	const union any_address a = inet("192.0.2.7");

	(void)arg;
	return result_of(connect(555, &a.generic, sizeof(a.in)));
}

static int connect_no_socket(void *arg)
{
	const union any_address a = inet("192.0.2.7");
	int ends[2];

	(void)arg;
	return pipe(ends) < 0 ? 98 : result_of(connect(ends[0], &a.generic, sizeof(a.in)));
}

static int bind_tcp(void *arg)
{
	const union any_address a = inet("0.0.0.0");

	(void)arg;
	return result_of(bind(socket(AF_INET, SOCK_STREAM, 0), &a.generic, sizeof(a.in)));
}

static int bind_unix(void *arg)
{
	const union any_address a = local("way/new");

	(void)arg;
	return result_of(bind(socket(AF_UNIX, SOCK_STREAM, 0), &a.generic, sizeof(a.un)));
}

static void *listen_on(void *arg)
{
	return (void *)(intptr_t)result_of(listen(*(int *)arg, 5)); /* NOLINT */
}

/* On a socket that had no address, from a second thread. */
static int listen_thread(void *arg)
{
	int socket_fd = socket(AF_INET6, SOCK_STREAM, 0);
	pthread_t thread;
	void *result;

	(void)arg;
	if (pthread_create(&thread, NULL, listen_on, &socket_fd) != 0)
		return 98;
	(void)pthread_join(thread, &result);
	return (int)(intptr_t)result;
}

static int send_to(void *arg)
{
	const union any_address a = inet("127.0.0.1");

	(void)arg;
	return result_of(
		sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, &a.generic, sizeof(a.in)));
}

/* IPv4's sendto takes an unspecified family for its own. */
static int send_to_unspecified(void *arg)
{
	union any_address a = inet("127.0.0.1");

	(void)arg;
	a.generic.sa_family = AF_UNSPEC;
	return result_of(
		sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, &a.generic, sizeof(a.in)));
}

static int send_netlink(void *arg)
{
	const union any_address a = {.nl = {.nl_family = AF_NETLINK}};
	const struct nlmsghdr head = {.nlmsg_len = sizeof(head), .nlmsg_type = NLMSG_NOOP};

	(void)arg;
	return result_of(sendto(socket(AF_NETLINK, SOCK_RAW, 0), &head, sizeof(head), 0, &a.generic,
				sizeof(a.nl)));
}

static int send_no_address(void *arg)
{
	struct msghdr message = {0};
	int ends[2];

	(void)arg;
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) < 0)
		return 98;
	return sendto(ends[0], "x", 1, 0, NULL, 0) == 1 && sendmsg(ends[0], &message, 0) == 0 ? 0
											      : 97;
}

static int send_message(void *arg)
{
	union any_address a = inet("127.0.0.1");
	struct iovec part = {(char[]){"x"}, 1};
	const struct msghdr message = {
		.msg_name = &a, .msg_namelen = sizeof(a.in), .msg_iov = &part, .msg_iovlen = 1};

	(void)arg;
	return result_of(sendmsg(socket(AF_INET, SOCK_DGRAM, 0), &message, 0));
}

static int send_message_bad_name(void *arg)
{
	const struct msghdr message = {.msg_name = (void *)8, .msg_namelen = 16}; /* NOLINT */

	(void)arg;
	return result_of(sendmsg(socket(AF_INET, SOCK_DGRAM, 0), &message, 0));
}

struct net_form {
	int (*fn)(void *arg);
	int without_gate; /* what it returns there; -1: not compared */
	bool action;	  /* the gate asks policy, which denies */
	enum action_kind kind;
	const char *family, *protocol, *address;
	int64_t port;
	bool loopback;
	const char *path; /* below the folder unless it starts with '@' or is empty */
};

static const struct net_form forms[] = {
	{connect_tcp, -1, true, ACTION_CONNECT, "inet", "tcp", "192.0.2.7", PORT, false, ""},
	{connect_udp, 0, true, ACTION_CONNECT, "inet", "udp", "127.1.2.3", PORT, true, ""},
	{connect_any, 0, true, ACTION_CONNECT, "inet", "udp", "0.0.0.0", PORT, true, ""},
	{connect_v6, -1, true, ACTION_CONNECT, "inet6", "tcp", "2001:db8::5", PORT, false, ""},
	{connect_mapped, -1, true, ACTION_CONNECT, "inet", "udp", "10.1.2.3", PORT, false, ""},
	{connect_unix, 0, true, ACTION_CONNECT, "unix", "other", "", 0, true, "d/sock"},
	{connect_abstract, ECONNREFUSED, true, ACTION_CONNECT, "unix", "other", "", 0, true,
	 "@cordon-test"},
	{bind_tcp, 0, true, ACTION_BIND, "inet", "tcp", "0.0.0.0", PORT, false, ""},
	{bind_unix, 0, true, ACTION_BIND, "unix", "other", "", 0, true, "d/new"},
	{listen_thread, 0, true, ACTION_LISTEN, "inet6", "tcp", "::", 0, false, ""},
	{send_to, 0, true, ACTION_SEND, "inet", "udp", "127.0.0.1", PORT, true, ""},
	{send_to_unspecified, 0, true, ACTION_SEND, "inet", "udp", "127.0.0.1", PORT, true, ""},
	{send_netlink, 0, true, ACTION_SEND, "netlink", "other", "", 0, true, ""},
	{send_message, 0, true, ACTION_SEND, "inet", "udp", "127.0.0.1", PORT, true, ""},
	{connect_unix_missing, ENOENT, true, ACTION_CONNECT, "unix", "other", "", 0, true,
	 "no-such"},
	{connect_by_unix, EINVAL, true, ACTION_CONNECT, "inet", "other", "127.0.0.1", PORT, true,
	 ""},
	{connect_by_netlink, EINVAL, true, ACTION_CONNECT, "inet", "other", "127.0.0.1", PORT, true,
	 ""},
	{connect_tcp_to_unix, EAFNOSUPPORT, true, ACTION_CONNECT, "unix", "tcp", "", 0, true,
	 "d/sock"},
	{.fn = connect_nothing, .without_gate = 0},
	{.fn = connect_short, .without_gate = EINVAL},
	{.fn = connect_negative, .without_gate = EINVAL},
	{.fn = connect_bad_pointer, .without_gate = EFAULT},
	{.fn = connect_bad_fd, .without_gate = EBADF},
	{.fn = connect_no_socket, .without_gate = ENOTSOCK},
	{.fn = send_no_address, .without_gate = 0},
	{.fn = send_message_bad_name, .without_gate = EFAULT},
};

static void check_seen(const struct net_form *form, const struct seen *seen)
{
	char path[256] = "";

	assert_int_equal(seen->kind, form->kind);
	assert_string_equal(seen->family, form->family);
	assert_string_equal(seen->protocol, form->protocol);
	assert_string_equal(seen->address, form->address);
	assert_int_equal(seen->port, form->port);
	assert_int_equal(seen->loopback, form->loopback);
	if (form->path[0])
		(void)snprintf(path, sizeof(path), "%s%s%s",
			       form->path[0] == '@' ? "" : fixture_folder,
			       form->path[0] == '@' ? "" : "/", form->path);
	assert_string_equal(seen->path, path);
	assert_false(seen->has_file);
}

static void test_net_forms(void **state)
{
	const union any_address a = local("d/sock");
	const int listening_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(symlink("d", "way"), 0);
	assert_int_equal(bind(listening_fd, &a.generic, sizeof(a.un)), 0);
	assert_int_equal(listen(listening_fd, 5), 0);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct net_form *form = &forms[i];
		struct fixture f = {.policy = deny_all};

		print_message("form %zu\n", i);
		assert_exited(fixture_run(&f, form->fn, NULL),
			      form->action ? EDQUOT : form->without_gate);
		assert_int_equal(f.count, form->action ? 1 : 0);
		if (form->action)
			check_seen(form, &f.seen[0]);
		if (form->without_gate < 0)
			continue;
		assert_exited(in_child(form->fn, NULL), form->without_gate);
		(void)unlink("d/new");
		/* And allowed, the same as without. */
		struct fixture allowed = {0};

		assert_exited(fixture_run(&allowed, form->fn, NULL), form->without_gate);
		(void)unlink("d/new");
	}
	(void)close(listening_fd);
}

/* Three messages to two addresses; the return is how many went out, or minus errno + 100. */
static int send_many(void *arg)
{
	union any_address first = inet("127.0.0.1");
	union any_address second = inet("127.0.0.2");
	struct iovec part = {(char[]){"x"}, 1};
	struct mmsghdr messages[3] = {0};
	const int socket_fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)arg;
	for (int i = 0; i < 3; i++) {
		messages[i].msg_hdr = (struct msghdr){.msg_name = i == 2 ? &second : &first,
						      .msg_namelen = sizeof(first.in),
						      .msg_iov = &part,
						      .msg_iovlen = 1};
	}
	const int n = sendmmsg(socket_fd, messages, 3, 0);

	return n < 0 ? 100 + errno : n;
}

static void deny_second(struct fixture *f, const struct action *action, struct gate_answer *ret)
{
	(void)f;
	if (str_eq(action->address, STR("127.0.0.2")))
		*ret = (struct gate_answer){.errno_value = EACCES};
}

static void test_sendmmsg(void **state)
{
	struct fixture allowed = {0};
	struct fixture denied = {.policy = deny_second};

	(void)state;
	assert_exited(fixture_run(&allowed, send_many, NULL), 3);
	assert_int_equal(allowed.count, 2); /* a repeated address is asked about once */
	assert_exited(fixture_run(&denied, send_many, NULL), 100 + EACCES);
	assert_int_equal(denied.count, 2);
	assert_string_equal(denied.seen[0].address, "127.0.0.1");
	assert_string_equal(denied.seen[1].address, "127.0.0.2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_net_forms),
		cmocka_unit_test(test_sendmmsg),
	};

	return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
