/* SPDX-License-Identifier: Apache-2.0 */
/*
 * payload_dns WINDOW BATCHES QUERIES: asks the name server at 198.18.0.1 for an address over and
 * over, with WINDOW questions on their way at a time, and prints the nanoseconds a question of each
 * batch, a line each.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SERVER	    0xc6120001u
#define ANSWERED    0x80
#define PATIENCE_US 10000
#define TRIES	    1000

static const char query[] = "\0\0\1\0\0\1\0\0\0\0\0\0\5bench\7example\0\0\1\0\1";
static int server_fd;

static void die(const char *what)
{
	(void)fprintf(stderr, "payload_dns: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void ask(void)
{
	if (send(server_fd, query, sizeof(query) - 1, 0) < 0)
		die("asking");
}

static void hear(void)
{
	char reply[512];
	const ssize_t len = recv(server_fd, reply, sizeof(reply), 0);

	/* An answer with one record. */
	if (len < (ssize_t)sizeof(query) || !(reply[2] & (char)ANSWERED) || reply[7] != 1)
		die("no proper answer");
}

/* The peer may not be there yet. */
static void wait_for_server(void)
{
	char reply[512];

	for (int i = 0; i < TRIES; i++) {
		if (send(server_fd, query, sizeof(query) - 1, 0) > 0 &&
		    recv(server_fd, reply, sizeof(reply), 0) > 0)
			return;
		(void)usleep(PATIENCE_US);
	}
	die("no server");
}

int main(int argc, char **argv)
{
	const struct sockaddr_in server = {
		.sin_family = AF_INET, .sin_port = htons(53), .sin_addr = {htonl(SERVER)}};

	if (argc != 4) {
		(void)fprintf(stderr, "usage: payload_dns WINDOW BATCHES QUERIES\n");
		return 2;
	}
	const long window = strtol(argv[1], NULL, 10);
	const long queries = strtol(argv[3], NULL, 10);

	server_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (connect(server_fd, (const struct sockaddr *)&server, sizeof(server)) < 0)
		die("connecting a socket");
	wait_for_server();
	for (long batch = strtol(argv[2], NULL, 10); batch > 0; batch--) {
		const double start = now_ns();

		for (long i = 0; i < window; i++)
			ask();
		for (long i = 0; i < queries; i++) {
			hear();
			if (i + window < queries)
				ask();
		}
		(void)printf("%.1f\n", (now_ns() - start) / (double)queries);
	}
	return 0;
}
