/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Ways from one process to another, for test_trace_flow.c. */

#include <stdbool.h>
#include <stddef.h>

/* A way from one process to another; each step returns 0. */
struct way {
	const char *name;
	int (*prepare)(void);
	int (*write)(void); /* by who has read the secret */
	int (*read)(void);
	bool is_of_all;	     /* every process of the session gets it */
	bool is_none;	     /* nothing goes on by it */
	int (*before)(void); /* by the writer, before it reads the secret */
};

extern const struct way ways[];
extern const size_t way_count;

/* What a way has prepared before anybody forked: all inherit it, nobody but the two use it. */
extern int way_fds[2];

/* Four bytes to and from a descriptor. */
int way_put(int fd);
int way_get(int fd);
int way_nothing(void);

/* flow_sockets.c */
int hear_unix(void);
int speak_unix(void);
int hear_tcp(void);
int speak_tcp(void);
int hear_tcp6(void);
int speak_tcp6(void);
int hear_udp(void);
int speak_udp(void);
int hear_datagrams(void);
int speak_datagrams(void);
int take_one(void);
int connect_first(void);
int serve(void);
int pass_on(void);
int get_passed(void);
