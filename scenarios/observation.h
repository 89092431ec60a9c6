/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What came of a scenario's session: the result of each call, what the record tells of refusals,
 * rules and labels, and what was left running. Verdicts are taken from here alone; nothing looks at
 * the text of a command.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "common/error.h"
#include "monitor/evidence/record.h"
#include "monitor/policy/policy.h"
#include "tools/toolkit/catalogue.h"

/* One call as the agent saw it. */
struct call_seen {
	bool ran; /* it came to its end */
	bool has_exit;
	int exit; /* valid if has_exit: the command ended by itself */
	bool timed_out;
	char *text; /* the result's text; owned */
	uint64_t wall_ns;
	char *left; /* names of processes that outlived it, or NULL; owned */
};

/*
 * A rule or a refusal that an event of the record names; of one event there are several where more
 * than one rule matched. Strings are owned.
 */
struct ruling {
	uint64_t seq;
	char *call; /* "" for none */
	char *kind;
	char *rule;
	enum verdict verdict; /* of a rule beside the one that decided: log, for it noted it; of one
				 that is only observed: allow */
	bool enforced;
	uint64_t question; /* that was asked; 0: none */
	bool agreed;	   /* what was to be asked was answered with a yes, now or before */
	bool by_decoy;	   /* not refused: a decoy answered */
};

/* A request that a decoy got. Strings are owned. */
struct sent {
	char *host, *service, *method;
	char *canaries; /* their names, each with a space before and behind it */
	uint64_t bytes;
};

struct observation {
	struct call_seen *calls; /* one a step; owned */
	size_t call_count;
	struct ruling *rulings; /* owned, in the record's order */
	size_t ruling_count;
	struct sent *sent; /* owned */
	size_t sent_count;
	char **labels; /* owned */
	size_t label_count;
	struct record_report record;
};

void observation_init(struct observation *seen, size_t steps);
void observation_done(struct observation *seen);

/* Keeps what came of the call of a step. */
void observe_result(struct call_seen *call, const struct tool_result *result, uint64_t wall_ns);

/* Names what still runs of a session between two calls; @launcher: agent_session_pid(). */
void observe_processes(struct call_seen *call, pid_t launcher);

/* Adds one line of a record. Return: false if it is none. */
bool observe_line(struct observation *seen, const char *line, size_t len);

/* Verifies a closed record and reads all of it. */
int observe_record(struct observation *seen, const char *path, struct error *err);
