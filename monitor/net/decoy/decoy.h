/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The decoy internet of one session: servers that answer a program in place of those that it asked
 * for, so that what it would do can be watched to its end while nothing leaves.
 *
 *	accepted socket --first bytes--> [TLS -->] HTTP -> a service by host and path
 *	                                           SMTP, SSH, or whatever it is: kept
 *
 * Everything that a program sends is evidence: a hash of it, its beginning, and up to a limit the
 * bytes themselves in a file. What is answered is made up; credentials among it are unlike those of
 * any other session, so that where one turns up it came from here.
 *
 * It knows no session: whoever starts it gives it a loop and functions. Nothing here opens a
 * socket.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "common/error.h"
#include "monitor/action.h"

#define MAX_DECOY_FLOWS	   1024u       /* at one time; one more is reset */
#define MAX_DECOY_REQUESTS 1024u       /* of HTTP/2, not over; one more ends its connection */
#define DECOY_BODY_SHOWN   256u	       /* bytes of a body that an event shows */
#define DECOY_HEAD_SHOWN   2048u       /* bytes of a request's header fields, likewise */
#define DECOY_KEPT_REQUEST (4u << 20)  /* bytes of one request that are kept in its file */
#define DECOY_KEPT_SESSION (64u << 20) /* bytes that all files of a session have */
#define DECOY_KEPT_FILES   1024u       /* files of a session */
#define DECOY_IDLE_MS	   60000u      /* a program that says nothing for so long */
#define MAX_DECOY_CANARIES 24u	       /* texts: the session's own and those of its script */

struct authority;    /* tls_module.h */
struct tls_module;   /* likewise */
struct decoy_script; /* script.h */
struct first_seen;   /* monitor/net/first_bytes.h */
struct decoy;

/* Whom a program believes to be connected with, and on whose behalf it is. Copied by whoever keeps
 * it. */
struct decoy_peer {
	const char *host;    /* name asked for; else the address */
	const char *address; /* numeric */
	uint16_t port;
	const char *call_id; /* NULL: none */
	uint32_t exec_id;
	uint32_t pid;
	const void *caller; /* the attacher's; lives as long as the flow */
};

/* One request, once it is over; borrowed for the length of the call. */
struct decoy_request {
	const struct decoy_peer *peer;
	const char *protocol; /* "http", "https", "smtp", "ssh", "other" */
	const char *service;  /* what answered: "metadata", "object-store", "git", ... */
	const char *host;     /* that the request itself names; empty: none */
	const char *method;   /* "PUT"; of other protocols what stands for it; may be empty */
	const char *path;     /* with the query, as sent; may be empty */
	const char *detail;   /* what the service saw in it: "1 ref, pack of 3 objects"; or empty */
	struct str head;      /* header fields, at most DECOY_HEAD_SHOWN */
	struct str body;      /* at most DECOY_BODY_SHOWN */
	uint64_t bytes;	      /* of the body */
	char sha256[65];      /* of the body */
	int status;	      /* that was answered; 0: the protocol has none */
	const char *file;     /* in the evidence folder; NULL: nothing was kept */
	bool is_cut;	      /* the file has not all of the body, or the request has not */
	uint64_t canaries;    /* bit i: text i of decoy_canaries() was in it */
	const char *unsearched; /* why not all of the body was searched for them, or NULL */
};

struct decoy_totals {
	uint64_t bytes_out, bytes_in; /* out: what the program sent; as its socket has them */
	uint64_t started_ns;	      /* CLOCK_MONOTONIC */
};

enum decoy_outcome {
	DECOY_ANSWERS,
	DECOY_RESETS,
	DECOY_WAITS, /* nothing more is read until decoy_again() */
};

struct decoy_ops {
	/*
	 * What a program says first, and with plain HTTP each request, before it is answered; as
	 * the relay asks about what it is to send. @waiter: for decoy_again(); NULL: it cannot
	 * wait. May be NULL.
	 */
	enum decoy_outcome (*head)(void *ctx, const struct decoy_peer *peer,
				   const struct first_seen *seen, void *waiter);
	/* Who waited is gone. */
	void (*forget)(void *ctx, void *waiter);
	void (*request)(void *ctx, const struct decoy_request *request);
	/* Once for each attached flow, last; @flow: as it was attached. @reason: static. */
	void (*ended)(void *ctx, void *flow, const struct decoy_totals *totals, const char *reason);
};

struct decoy_config {
	uv_loop_t *loop; /* borrowed, as all that follows */
	const struct tls_module *tls;
	const struct authority *authority; /* of that module; NULL: TLS is not answered */
	const struct decoy_script *script; /* NULL: the services of its own alone */
	int evidence_fd;		   /* folder for what is kept; -1: nothing is */
	const struct decoy_ops *ops;
	void *ctx;
};

/* Errors: no randomness, no memory for TLS. */
int decoy_new(const struct decoy_config *config, struct decoy **ret, struct error *err);

/*
 * The made-up credentials, and what the script calls a canary. Return: how many, at most
 * MAX_DECOY_CANARIES; their texts and names live as long as the decoy.
 */
size_t decoy_canaries(const struct decoy *decoy, struct str texts[MAX_DECOY_CANARIES],
		      const char *names[MAX_DECOY_CANARIES]);

/*
 * decoy_attach - serves a connected stream socket until either side ends it.
 * @socket_fd: non-blocking; taken over, also on failure
 * @flow: handed to ended(). Errors: -ENFILE over MAX_DECOY_FLOWS; those of uv_poll_init().
 */
int decoy_attach(struct decoy *decoy, int socket_fd, const struct decoy_peer *peer, void *flow);

/* What waits is asked about anew, after which it may be gone. */
void decoy_again(void *waiter);

/*
 * Ends every flow, each with ended() called from here, and frees all once their handles are closed.
 * @closed: called from the loop when that was; may be NULL.
 */
void decoy_stop(struct decoy *decoy, void (*closed)(void *ctx), void *ctx);
