/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The escape suite: attempts to get out of a session, each with a control that shows that the
 * attempt is a real one.
 *
 *	cordon-prove                 the runner: makes an arena, runs every row, judges from outside
 *	cordon-prove --probe ID ...  the other end: carries an attempt out, in the session or
 *	                             beside it
 *
 * One program, static, because it must run in any view. An attempt says by an errno how it went;
 * where it could have an effect outside, that word does not count: the runner looks for the effect.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What an attempt knows of the place it is to reach. Paths are the same inside and outside. */
struct arena {
	char dir[64];	/* holds what follows; nothing of it is in the view but work, bound, bin */
	char away[96];	/* not in the view: secret, given, sock */
	char work[96];	/* the workspace: kept, out -> ../away/secret, sock */
	char bound[96]; /* bound read-only: file, sock, datagrams, out -> ../away/secret */
	char bin[96];	/* bound read-only: escape, forbidden, forbiddem */
	char abstract[64]; /* name of a listener in the host's network namespace, without its NUL */
	int port;	   /* of listeners outside, TCP and UDP, on 127.0.0.1 */
	pid_t victim;	   /* host pid of a process outside, of the same user */
	const char *row;   /* id of the row that is attempted; borrowed */
};

/* What an outsider can see to have happened. Any of these in a session is an escape. */
enum effect {
	EFFECT_LEAK = 1,    /* the secret stands in the probe's output */
	EFFECT_CHANGE = 2,  /* a file outside changed or came into being */
	EFFECT_REACHED = 4, /* a listener outside was reached */
	EFFECT_VICTIM = 8,  /* the process outside was killed, stopped or has other limits, priority
			     * or processors */
	EFFECT_SURVIVOR = 16, /* a process of the probe runs after its call */
	EFFECT_RAN = 32,      /* the program that policy forbids has run */
	EFFECT_TAKEN = 64     /* somebody outside got nothing of what it took: share.h */
};

/* Where the control runs: the same attempt with the wall away must succeed. */
enum control {
	CONTROL_NONE, /* the row has an allowed twin instead */
	CONTROL_HOST, /* as the caller, in no sandbox */
	CONTROL_RULE, /* in such a session, without the arena's rules, or limit of the disk */
	CONTROL_SENT, /* in such a session, which is sent what the row would hand in: handed.h */
	CONTROL_BARE  /* fresh user, mount, pid, net, ipc, uts namespaces, all capabilities, no
		       * filter
		       */
};

enum row_flags {
	ROW_RO = 1,		/* workspace ro instead of cow */
	ROW_LIVE = 2,		/* workspace live: only set-id bits and devices there count */
	ROW_POLICY = 4,		/* the arena's own policy: no program called forbidden, no memfd */
	ROW_TRACE = 8,		/* rests on the BPF trace; skipped without it */
	ROW_ONCE = 16,		/* not again with a second thread */
	ROW_LIMITS = 32,	/* small limits on pids, memory and file size */
	ROW_STDIN_FOLDER = 64,	/* standard input is a folder outside, else a file outside */
	ROW_ORPHAN = 128,	/* the supervisor is killed while the probe runs */
	ROW_SIGNAL_SCOPE = 256, /* rests on Landlock's signal scope; skipped without it */
	ROW_FILES = 512,   /* the arena's rules on files, and a case that they protect: files.h */
	ROW_BESIDE = 1024, /* meanwhile its case is changed from outside */
	ROW_ROOT = 2048,   /* the control needs root; skipped without it */
	/* Standard input is a socket of the host, and its policy the arena's for that: handed.h */
	ROW_HANDED_TCP = 4096,
	ROW_HANDED_UDP = 8192,
	ROW_HANDED_DATAGRAM = 16384, /* UNIX */
	ROW_HANDED_NO_PEER = 32768,  /* UNIX, a stream */
	ROW_LAYER = 65536,	     /* a small limit of the disk */
	ROW_ENDED = 131072,   /* the attempt is not refused: its call is ended for want of room */
	ROW_OBJECTS = 262144, /* the host has objects of the arena's: objects.h */
	ROW_TWO_CPUS =
		524288, /* takes one of the processors away; skipped where there is but one */
};

#define ATTEMPT_BROKEN 200 /* the attempt could not be made: the row fails */

/* Return: 0 if it succeeded as far as can be seen from here, an errno, or ATTEMPT_BROKEN. */
typedef int (*attempt_fn)(const struct arena *arena);

struct row {
	const char *id;
	const char *classes; /* of attack, by the numbers of README.md */
	const char *wall;    /* what is to hold */
	attempt_fn attempt;
	attempt_fn twin; /* what must still work in the same session; NULL: none */
	attempt_fn left; /* takes a little, outside, of what the attempt holds; NULL: nobody does */
	unsigned effect; /* what the attempt is after, as seen from outside; 0: its errno counts */
	int expect[4];	 /* the errnos by which the wall answers; none: any, the effect counts */
	int expect_signal;
	enum control control;
	unsigned flags;
};

/* A row of a table: what each has to say, then the other fields that it needs. */
#define ROW(_id, _classes, _wall, _attempt, ...)                                            \
	{                                                                                   \
		.id = (_id), .classes = (_classes), .wall = (_wall), .attempt = (_attempt), \
		__VA_ARGS__                                                                 \
	}

/* The tables, one for each file of probes/; each ends with an empty row. */
extern const struct row view_rows[];
extern const struct row write_rows[];
extern const struct row process_rows[];
extern const struct row network_rows[];
extern const struct row kernel_rows[];
extern const struct row kernel_terminal_rows[];
extern const struct row handed_rows[];
extern const struct row hands_rows[];
extern const struct row exec_rows[];
extern const struct row exec_indirect_rows[];
extern const struct row gate_rows[];
extern const struct row race_rows[];
extern const struct row race_string_rows[];
extern const struct row race_connect_rows[];
extern const struct row limit_rows[];
extern const struct row limit_disk_rows[];
extern const struct row share_rows[];
extern const struct row object_rows[];
extern const struct row priority_rows[];
extern const struct row file_way_rows[];
extern const struct row file_race_rows[];

/* The tables, NULL at the end. */
extern const struct row *const row_tables[];

/* The probe's end. @argv from "--probe" on. Return: exit status. */
int probe_main(int argc, char **argv);
/* Fills the paths of an arena from its folder. */
void arena_name(struct arena *arena, const char *dir);
