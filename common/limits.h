/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Every size that somebody outside can influence, in one place. Checked before memory is taken.
 */

#define MAX_JSON_BYTES	  (16u << 20) /* one JSON document: policy, scenario, MCP message */
#define MAX_JSON_DEPTH	  32u
#define MAX_JSON_NODES	  (1u << 20) /* values in one document; a parsed one takes some 100 bytes */
#define MAX_PATH_BYTES	  4096u	     /* PATH_MAX */
#define MAX_ARGV_BYTES	  (128u << 10) /* argv of one exec kept for policy and record */
#define MAX_ARGV_ITEMS	  32768u       /* xargs(1) fills 128 KiB; with file names of a few bytes */
#define MAX_MESSAGE_BYTES (160u << 10) /* one message to or from the session's init */
#define MAX_MESSAGE_FDS	  6u
#define MAX_OUTBOX	  32u /* requests that one session's init does not take */
#define MAX_LABELS	  64u /* one bit each */
#define MAX_ANCESTORS	  64u /* programs that a process is told to come from */
#define MAX_RULES	  10000u
#define MAX_OUTPUT_BYTES  (1u << 20) /* tool output kept for one call of a catalogue tool */
#define MAX_EVENT_LINE	  (64u << 10)
#define MAX_SESSIONS	  4096u
#define MAX_UNIX_SOCKETS  4096u /* of one session that are looked through for the owner of one */

/* monitor/net, a session each */
#define MAX_NET_CONNECTIONS    4096u	   /* relayed, or about to be */
#define MAX_NET_DATAGRAM_FLOWS 512u	   /* of UDP: a socket and whom it sends to */
#define MAX_NET_HELD_BYTES     (16u << 20) /* of heads not whole yet, and of what is not taken */
#define MAX_PUBLISHED	       64u	   /* services that the outside may reach */
#define MAX_NET_LISTENERS      512u	   /* addresses with a port, in use at one time */
