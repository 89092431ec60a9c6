/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From what a program says first on a relayed connection to the action that policy decides on.
 * Pure.
 */

#include "monitor/action.h"
#include "monitor/net/first_bytes.h"
#include "monitor/net/scan.h"

/* Holds the lists of one action. */
struct request_lists {
	struct str alpn[MAX_ALPN];
	struct str canaries[SCAN_MAX_TEXTS];
};

/*
 * request_action - fills the fields of net.request, and leaves who asks and when to the caller,
 * and what was searched to request_searched().
 * @seen, @target and @lists are borrowed by @ret. The host is the target's name or, if it has
 * none, the address, as @address, which the caller has written (endpoint_text()).
 */
void request_action(const struct first_seen *seen, const struct first_target *target,
		    const char *address, struct request_lists *lists, struct action *ret);
/* @names: those of the set's texts, borrowed by @ret as @lists. */
void request_searched(const struct scan_result *searched, const struct str *names,
		      struct request_lists *lists, struct action *ret);
