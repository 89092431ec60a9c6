/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One connection of the decoy: a socket, TLS between if the program began it, and the protocol that
 * was recognised. visit.c moves bytes, visit_input.c tells whose they are; a protocol reads and
 * says what it likes.
 *
 *	no protocol yet --port, or first bytes--> protocol --visit_close()--> what was said is
 *	sent, then our side is shut, and what still comes is dropped until the program closes
 */

#include <uv.h>

#include "common/buf.h"
#include "monitor/net/decoy/decoy.h"
#include "monitor/net/decoy/evidence.h"
#include "monitor/net/decoy/service.h"
#include "monitor/net/decoy/tls_module.h"

struct visit;

/* Those that speak first have begin() called as soon as they are recognised. */
struct protocol {
	const char *name;
	const char *secured_name; /* the same below TLS */
	void (*begin)(struct visit *visit);
	/* Return: how many of @bytes it took; the others come again, with more. */
	size_t (*take)(struct visit *visit, const char *bytes, size_t len);
	/* Nothing more will come. */
	void (*end)(struct visit *visit);
	/* What was said before visit_stalls() has been read; may be NULL. */
	void (*resume)(struct visit *visit);
	void (*free)(struct visit *visit); /* of visit->talk */
};

extern const struct protocol http_protocol;  /* serve_http.c */
extern const struct protocol http2_protocol; /* serve_http2.c */
extern const struct protocol smtp_protocol;  /* serve_smtp.c */
extern const struct protocol ssh_protocol;   /* serve_ssh.c */
extern const struct protocol other_protocol; /* serve_other.c */

struct decoy {
	struct decoy_config config;
	struct tls_server *tls; /* NULL until somebody speaks TLS */
	struct service_state services;
	struct scan_set *canaries;
	struct evidence_store store;
	struct visit *visits;
	unsigned count;
	unsigned requests; /* of HTTP/2, of all visits */
	uv_timer_t life;   /* closed last but for connections */
	bool stopping;
	bool life_closed;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

struct visit {
	struct decoy *decoy; /* borrowed: outlives us */
	void *flow;	     /* the attacher's */
	int socket_fd;
	uv_poll_t poll;
	uv_timer_t idle;
	unsigned handles;
	struct first_bytes *first;	 /* NULL: nobody asks, or no more */
	struct tls *tls;		 /* NULL: plain */
	const struct protocol *protocol; /* NULL: not known yet */
	void *talk;			 /* the protocol's */
	char *host, *address, *call_id;	 /* of peer */
	struct decoy_peer peer;
	char *target; /* whom it means to talk to: peer's host, or what it asked a proxy for */
	uint16_t target_port;
	struct buf piece; /* what was read, and is looked at before anybody gets it */
	size_t looked_at; /* of it */
	bool is_broken;	  /* ... and was found so */
	bool is_last;	  /* the session ends: what is read now cannot wait */
	bool waits;	  /* for the owner's word on what was looked at last */
	struct buf in;	  /* what it said and nobody took yet */
	struct buf out;	  /* what is to be sent */
	size_t out_sent;  /* of out */
	bool input_ended, closing, shut, has_ended;
	bool stalled; /* what was read waits until the program reads what was said */
	struct decoy_totals totals;
	struct visit *next, *prev;
};

/* decoy.c */
/* Fills in peer, protocol and canaries, and tells of it. */
void visit_tell(struct visit *visit, struct decoy_request *request);
void decoy_unlist(struct visit *visit);
void decoy_free_when_over(struct decoy *decoy);
/* NULL if TLS is not answered. */
struct tls_server *decoy_tls(struct decoy *decoy);

static inline const struct tls_module *visit_tls(const struct visit *visit)
{
	return visit->decoy->config.tls;
}

/* visit.c */
/* Takes over socket_fd, also on failure. */
int visit_start(struct decoy *decoy, int socket_fd, const struct decoy_peer *peer, void *flow,
		struct visit **ret);
void visit_say(struct visit *visit, const char *bytes, size_t len);
/* So much is unsent that nothing more should be said: take() returns, and is called again later. */
bool visit_stalls(struct visit *visit);
/* What was said is still sent. */
void visit_close(struct visit *visit);
/* Now, with ended() called from here; what is there already is read first. */
void visit_finish(struct visit *visit, const char *reason);
/* The same, without looking at what was not read yet. */
void visit_end(struct visit *visit, const char *reason, bool reset);
void visit_drop_protocol(struct visit *visit);

/* visit_input.c */
/* From the next byte on it is TLS. False if TLS is not answered, or is spoken already. */
bool visit_start_tls(struct visit *visit);
/* What follows is another protocol, with that host: a proxy was asked for it. */
void visit_tunnel(struct visit *visit, const char *host, uint16_t port);
/* Gives what waits in visit->in to the protocol that it is of. */
void visit_use_input(struct visit *visit);
/* One piece. Return: false when the connection has ended. */
bool visit_read(struct visit *visit);
/* What was read goes on to where it is to go, as far as it may. Return: as above. */
bool visit_pass(struct visit *visit);
