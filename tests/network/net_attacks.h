/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * net_attacks NAME ARG...: one attempt to get bytes past the network of a session, as raw as the
 * kernel takes it. It says what the calls returned; whether anything got out is not for it to say:
 * test_attacks.py reads the capture. Static, so that it runs in any view.
 */

#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

static const char payload[] = "attack\n"; /* what none of them may get out */

union any {
	struct sockaddr generic;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
	struct sockaddr_nl nl;
	struct sockaddr_ll ll;
	struct sockaddr_storage storage;
};

struct net_attack {
	const char *name;
	int args;
	int (*run)(char **argv);
};

/* By TCP and UDP, and by the rest; each ends with an empty row. */
extern const struct net_attack inet_attacks[], other_attacks[];

/* Prints what a call returned, or its errno. */
void say(const char *what, long r);
/* Return: the length of the address. Ends the program if it is none. */
socklen_t parse(const char *address, const char *port, union any *ret);
int new_socket(int family, int type, int protocol);
/* Sends the payload and waits for an answer. Return: 0, the program's status. */
int tell(int fd);
