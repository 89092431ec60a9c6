/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a scenario wants its decoys to say: a list of answers, of which the first that matches a
 * request is given. JSON; told by cordon-scenario(1):
 *
 *	[ {"host": "*.example.com", "path": "/api/", "method": "POST", "port": 443,
 *	   "status": 200, "headers": {"X-Name": "value"}, "body": "text", "canary": "text"} ]
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/json.h"
#include "monitor/action.h"

#define MAX_SCRIPT_ENTRIES  256u
#define MAX_SCRIPT_CANARIES 16u

struct script_field {
	char *name, *value;
};

struct script_entry {
	char *host;    /* a name, or "*.NAME" for those below it */
	char *path;    /* that the request's path begins with; NULL: any */
	char *method;  /* NULL: any */
	uint16_t port; /* 0: any */
	int status;
	struct script_field *fields;
	size_t field_count;
	char *body;   /* never NULL */
	char *canary; /* text that nobody else has; NULL: none */
};

struct decoy_script {
	struct script_entry *entries;
	size_t count;
};

/*
 * script_decode - @place: what the error text calls the array ("$.setup.decoys").
 * Errors: -EINVAL "PLACE[2].status: reason". Owns: the caller frees it with script_done().
 */
int script_decode(const struct json *array, const char *place, struct decoy_script *ret,
		  struct error *err);
void script_done(struct decoy_script *script);

const struct script_entry *script_find(const struct decoy_script *script, const char *host,
				       uint16_t port, const char *method, struct str path);
