/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Labels of files, as the kernel has them, in the terms of rules: action.file_labels. */

#include <stdint.h>

#include "common/limits.h"
#include "monitor/action.h"
#include "monitor/gate/gate.h"

struct session;

/* The names are borrowed from the policy. */
struct file_labels {
	struct str names[MAX_LABELS];
};

/* @known: those that the kernel has of the file. */
void file_labels_fill(const struct session *session, uint64_t known, struct file_labels *ret,
		      struct action *action);
/* Of the program, and of the script that names it. */
void file_labels_of_exec(const struct session *session, const struct gate_request *request,
			 struct file_labels *ret, struct action *action);
