/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The objects of OCSF that events of a record have: who acted, and on what.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"
#include "common/json_write.h"

/* Of one event; borrowed from it. */
struct ocsf_subject {
	const char *kind;
	const char *session; /* NULL: not there, as `call` */
	const char *call;
	const struct json *fields;
	uint64_t pid; /* on the host */
	bool has_pid;
};

void ocsf_put_actor(struct json_writer *w, const struct ocsf_subject *about);
void ocsf_put_process(struct json_writer *w, const struct ocsf_subject *about);
void ocsf_put_file(struct json_writer *w, const struct ocsf_subject *about);
void ocsf_put_kernel(struct json_writer *w, const struct ocsf_subject *about);
void ocsf_put_network(struct json_writer *w, const struct ocsf_subject *about);
void ocsf_put_api(struct json_writer *w, const struct ocsf_subject *about);
