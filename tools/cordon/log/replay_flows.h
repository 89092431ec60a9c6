/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Flows of a record, for the budgets of bytes that leave. A session counts those as they go, by the
 * action that began the flow; the record tells how many they were when it ends, in net.close, which
 * has of that action only the host, the port and who. The rest is in the net.connect or net.send
 * before it; where there were several of one execution to one host and port, in the last of them.
 */

#include "common/json.h"
#include "monitor/action.h"

/* Of one execution to one host and port. */
struct replay_flow;

/* An event: net.connect, net.send and net.stopped are kept, of others nothing is. @line: its text.
 */
void replay_flows_note(struct replay_flow **flows, const struct json *event, const char *line,
		       size_t len);

/*
 * replay_flows_close - @close, the action of a net.close, as that which began its flow.
 * @ret_began borrows from @close and the table. @ret_stopped: the net.stopped of the flow, NULL if
 * it was not stopped; borrowed until the next event.
 * Return: false if its bytes did not leave: a decoy took them.
 */
bool replay_flows_close(struct replay_flow **flows, const struct action *close,
			struct action *ret_began, const struct json **ret_stopped);

struct replay_flow *replay_flows_free(struct replay_flow *flows);
