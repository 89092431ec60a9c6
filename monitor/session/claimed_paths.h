/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where a path leads of which the trace knows only what the caller's memory said (`claimed`,
 * monitor/trace/trace.h): "link/../x" is told by the name that rules know it by, as far as the
 * session's folders lead there now, and the links did that it was seen to make last. Whoever
 * changes folders right behind his call may have it told by another name: what is claimed stays for
 * the record, and nothing that must hold rests on it.
 */

#include <stdbool.h>

#include "monitor/action.h"

struct claimed_paths;

/* @root_fd: the session's root directory, duplicated. NULL: out of descriptors; paths stay as
 * claimed. */
struct claimed_paths *claimed_paths_new(int root_fd);
struct claimed_paths *claimed_paths_free(struct claimed_paths *paths);

/*
 * claimed_paths_settle - gives path, and target where that is a path, of an action of the trace
 * their names without links, "." and "..". A name that is no claim, or leads nowhere that can be
 * told, stays as it is. The strings live in @paths until its next call. To be called with each
 * change in the order of the session's calls, claims or not: what it does to links is noted.
 * @follow: the call follows a link that is the last name, too.
 */
void claimed_paths_settle(struct claimed_paths *paths, bool follow, struct action *action);
