/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The sandbox as plain data: what the session's view holds, who it runs as, which limits bind it.
 *
 * A spec is built once (spec_build), can be printed (spec_to_json) and read back (spec_from_json),
 * crosses to the launcher in the encoding of spec_wire.h, and is applied there by the ordered table
 * of steps in steps.c. Nothing in it is decided later: what the spec does not name is not there.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/json.h"

enum spec_mount_kind {
	MOUNT_BIND,    /* source -> target, read-only unless `writable` */
	MOUNT_OVERLAY, /* source as lower layer, `upper` and `work` (host paths) above it */
	MOUNT_TMPFS,
	MOUNT_PROC,
	MOUNT_DEV,     /* minimal /dev: null zero full random urandom tty, pts, shm, fd links */
	MOUNT_SYMLINK, /* target -> text */
	MOUNT_FILE,    /* a read-only file with the content `text` */
	MOUNT_COPY,    /* a read-only copy of the file `source`, at most SPEC_MAX_COPY bytes */
};

struct spec_mount {
	enum spec_mount_kind kind;
	char *source;
	char *target; /* absolute path inside */
	char *upper;
	char *work;
	char *text;
	uint64_t size_bytes; /* tmpfs; dev: of /dev/shm; 0: half of the machine's memory */
	uint32_t mode;	     /* tmpfs, file: permission bits */
	bool writable;
	bool optional; /* a missing source is no error */
	bool idmap; /* owner on the host <-> the session's user (mount_setattr(2) MOUNT_ATTR_IDMAP)
		     */
};

struct spec_limits {
	uint64_t memory_bytes;	  /* 0: none */
	uint32_t pids;		  /* 0: none */
	uint32_t cpu_millis;	  /* thousandths of a CPU; 0: none */
	uint32_t open_files;	  /* RLIMIT_NOFILE */
	uint64_t file_size_bytes; /* RLIMIT_FSIZE; 0: layer_bytes, none if nothing is on the disk */
	uint64_t layer_bytes;	  /* of the host's disk; 0: a share of what is free at the start */
};

/*
 * What walls a session stands behind. Lite has no namespace and no mount: it is for hosts that let
 * nobody make them, and what it does not hold is listed in SECURITY.md. Its spec names what
 * Landlock is to allow, each at its own path: MOUNT_BIND for what is there on the host, MOUNT_TMPFS
 * for folders that are made for the session, below spec_private_dir(), and removed with it.
 */
enum isolation {
	ISOLATION_FULL,
	ISOLATION_LITE
};

/* What the session's network leads to. */
enum net_mode {
	NET_NONE,  /* its own loopback */
	NET_RELAY, /* every address there is, each of them local: whoever supervises answers */
	NET_DECOY, /* the same; who answers is made up, and nothing ever leaves */
};

enum workspace_mode {
	WORKSPACE_DEFAULT, /* cow; in lite, which cannot have that, ro */
	WORKSPACE_COW,
	WORKSPACE_RO,
	WORKSPACE_LIVE
};

struct spec {
	char *session; /* id, [A-Za-z0-9._-]{1,64} */
	enum isolation isolation;
	enum net_mode net;
	char *hostname; /* inside */
	uint32_t uid;	/* inside */
	uint32_t gid;
	uint32_t outer_base;	   /* first id of the host range that inside ids map to */
	uint32_t outer_count;	   /* 1: only the caller's own id (ordinary user) */
	char *home;		   /* inside, a tmpfs */
	char *workspace;	   /* inside, the first directory of every execution */
	char *upper_dir;	   /* host path of the kept layer, NULL unless cow */
	char **env;		   /* NULL-terminated "NAME=value", the whole environment */
	struct spec_mount *mounts; /* in the order in which they are made */
	size_t mount_count;
	struct spec_limits limits;
	bool landlock; /* second wall; false only if asked for */
	bool cgroup;   /* try cgroups before rlimits */
};

/* What a face knows; spec_build turns it into a spec. Strings are borrowed for the call. */
struct spec_bind {
	const char *source;
	const char *target; /* NULL: same as source */
	bool writable;
};

struct spec_options {
	const char *session;
	const char *state_dir; /* host directory of this session, for the kept layer; absolute */
	enum isolation isolation;
	enum net_mode net;
	const char *workspace_dir; /* NULL: an empty tmpfs at /workspace */
	enum workspace_mode workspace_mode;
	const struct spec_bind *binds;
	size_t bind_count;
	/* Files that cordon itself shows, read-only: not held to what a user's binds are. */
	const struct spec_bind *own;
	size_t own_count;
	struct spec_limits limits; /* zeros: the defaults, spec_build.c */
	const char *const *env;	   /* additional "NAME=value", NULL-terminated, or NULL */
};

/* With NET_RELAY and NET_DECOY: the session's own addresses, and the one it asks for names. */
#define SPEC_NET_ADDRESS    "198.18.0.2"
#define SPEC_NET_ADDRESS6   "fd5c:6f72:646f:6e00::2"
#define SPEC_NET_NAMESERVER "198.18.0.1"

#define SPEC_MAX_MOUNTS	   256u
#define SPEC_MAX_TEXT	   (64u << 10) /* bytes of one MOUNT_FILE */
#define SPEC_MAX_COPY	   (256u << 10)
#define SPEC_MAX_ENV	   256u
#define SPEC_MAX_ENV_BYTES (64u << 10) /* the whole environment; an EXEC message must hold it */
#define SPEC_RANGE_IDS	   65536u      /* outer_count when root maps a range */
/* Ranges of sessions start here: container ids, as systemd's UIDS-GIDS page sets aside. */
#define SPEC_FIRST_ID 0x60000000u

/*
 * spec_build - checks the options against the host and makes the spec.
 * Errors: -ENOENT, -ENOTDIR, -EACCES, -EINVAL; the text names the path, the reason, the way out.
 * Owns: the caller frees with spec_done().
 */
int spec_build(const struct spec_options *options, struct spec *ret, struct error *err);
void spec_done(struct spec *spec);

/*
 * spec_adopt - makes a spec that was read @session's: its name, its layers, in @state_dir (as of
 * struct spec_options) and not where the spec says, and what lies in lite's private folder.
 */
void spec_adopt(struct spec *spec, const char *session, const char *state_dir);
/* The host's folder whose changes go to upper_dir, NULL unless cow. */
const char *spec_overlaid(const struct spec *spec);
/* The layers of the workspace, @overlay, in @state_dir. */
void spec_set_layers(struct spec *spec, struct spec_mount *overlay, const char *state_dir);

/* Adds an empty mount at the end; the pointer is good until the next call. */
struct spec_mount *spec_add_mount(struct spec *spec, enum spec_mount_kind kind, const char *source,
				  const char *target);
void spec_add_env(struct spec *spec, const char *assignment); /* replaces one of the same name */
/* Static text ("bind", "overlay", ...), NULL for a number that is no kind. */
const char *spec_mount_kind_name(unsigned kind);
/* "full", "lite", NULL. */
const char *isolation_name(unsigned isolation);
/* "none", "relay", NULL. */
const char *net_mode_name(unsigned net);
/* lite: the host's folder for what the session's own; the caller frees. */
char *spec_private_dir(const char *session);

/* May this be a session's name? It becomes one of files. Errors: -EINVAL. */
int spec_check_session(const char *session, struct error *err);

/* What must hold of any spec, however it was made; the launcher checks it again. */
int spec_check(const struct spec *spec, struct error *err);

void spec_to_json(const struct spec *spec, struct buf *out);
int spec_from_json(const struct json *doc, struct spec *ret, struct error *err);
