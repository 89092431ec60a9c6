/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The services behind the decoy's HTTP: who answers a request, and what. Pure but for reading back
 * what a program has stored before.
 *
 *	request --script.h--> an answer of the scenario's own
 *	        --service table, first that wants it--> service
 */

#include "monitor/net/decoy/evidence.h"
#include "monitor/net/decoy/http.h"
#include "monitor/net/decoy/script.h"

#define MAX_GIT_REFS	  64u
#define MAX_STORED	  512u
#define MAX_STORED_ANSWER (1u << 20) /* of a stored object that is asked for again */
#define MAX_ANSWER_DETAIL 256u

/* Credentials that are valid nowhere; nobody else has the same. */
struct made_up {
	char aws_key_id[21];
	char aws_secret[41];
	char aws_token[201];
	char google_token[129];
	char azure_token[129];
	char aws_metadata_token[57]; /* opens the metadata service; no credential */
};

struct git_ref {
	char *repository; /* host and path */
	char *name;
	char oid[65];
};

struct stored {
	char *key; /* host and path */
	uint64_t bytes;
	char etag[33];
	char file[16]; /* in the evidence folder; empty: not kept whole */
};

/* What the services of one session remember. */
struct service_state {
	struct made_up made_up;
	struct git_ref refs[MAX_GIT_REFS];
	size_t ref_count;
	struct stored stored[MAX_STORED];
	size_t stored_count;
	unsigned long last_id; /* of whatever was "made" */
	int evidence_fd;       /* borrowed */
	const struct decoy_script *script;
};

/* Errors: no randomness. */
int service_state_init(struct service_state *state, struct error *err);
void service_state_done(struct service_state *state);

/* A request that is over. */
struct exchange {
	const struct http_request *request;
	const char *host; /* whom it is for, lower case */
	uint16_t port;
	bool is_tls;
	const struct evidence *body;
	struct service_state *state;
};

struct answer {
	const char *service;
	int status;
	struct buf fields; /* header fields, each with its line end */
	struct buf body;
	char detail[MAX_ANSWER_DETAIL];
};

void answer_init(struct answer *answer);
void answer_done(struct answer *answer);
void answer_field(struct answer *answer, const char *name, const char *value);
/* Status, type and text at once. */
void answer_text(struct answer *answer, int status, const char *type, const char *text);

/* Who answers, and his answer. */
void service_answer(const struct exchange *exchange, struct answer *ret);

/* ---- for services ---- */

struct service {
	const char *name;
	bool (*wants)(const struct exchange *exchange);
	void (*answer)(const struct exchange *exchange, struct answer *ret);
};

extern const struct service metadata_service; /* service_metadata.c */
extern const struct service git_service;      /* service_git.c */
extern const struct service model_service;    /* service_model.c: APIs of language models */
extern const struct service cloud_service;    /* service_cloud.c */
extern const struct service store_service;    /* service_store.c */
extern const struct service web_service;      /* service_web.c: everything else */

bool exchange_is(const struct exchange *exchange, const char *method);
bool exchange_path_is(const struct exchange *exchange, const char *path);
bool exchange_path_begins(const struct exchange *exchange, const char *start);
bool exchange_path_ends(const struct exchange *exchange, const char *end);
/* The host is that domain or below it. */
bool exchange_host_below(const struct exchange *exchange, const char *domain);
struct str exchange_body(const struct exchange *exchange);
/* "https://host[:port]" */
char *exchange_origin(const struct exchange *exchange);
/* "host/path" */
char *exchange_key(const struct exchange *exchange);
bool str_contains(struct str text, const char *word);
