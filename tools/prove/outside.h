/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What an outsider can see. A fresh arena for each run: folders with known content, listeners, a
 * process that is to stay alive. Afterwards the effects are looked for.
 */

#include "tools/prove/prove.h"

struct outside {
	struct arena arena;
	char secret[40];
	int tcp_fd;
	int udp_fd;
	int abstract_fd;	  /* stream */
	int abstract_datagram_fd; /* of the same name */
	int path_fds[3];	  /* sock in away, work and bound */
	int bound_datagram_fd;	  /* datagrams in bound */
	int victim_fd;		  /* a byte sent is answered, if it lives and runs */

	struct share_of_host {
		int nice;
		int policy;
		int io;
		int processors;
		unsigned long files;
	} victim_had;

	char *before; /* what the folders held */
	int segment;  /* objects.h; -1: none, as the others */
	int queue;
	bool has_posix_queue;
	int terminal_fd;
	int terminal_peer_fd;
	attempt_fn left;   /* of the row; NULL: none */
	int answer_fds[2]; /* then: standard input of who takes it, and our end */
	size_t looked_at;  /* of the output, for what it says of that */
	bool is_taken;	   /* of that, nothing was left once */
	bool live;	   /* the workspace may change; only modes and devices in it count */
};

/* Below $TMPDIR, else /tmp. @objects: those of objects.h, too. Return: 0, negative errno. Owns what
 * it makes until outside_close(). */
int outside_open(struct outside *o, const char *program, bool live, bool objects);
/*
 * Looks for all effects of a run whose output is given.
 * @patient: what may end any moment is waited for, before it counts as a survivor.
 */
unsigned outside_effects(struct outside *o, const char *output, bool patient);
/* Does this stand in the record of the run, however long that is? */
bool outside_record_says(const struct outside *o, const char *what);
/* Removes everything, also processes of the probe that survived. */
void outside_close(struct outside *o);

const char *effect_name(unsigned effect);
