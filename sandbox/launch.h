/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * cordon-launch from the inside: the processes of a session and what they hand to each other.
 *
 *	P keeper   host namespaces   launch.c, keeper.c   opens what only the host's rights can open
 *	C init     session's         init.c, steps.c      puts the walls up, serves EXEC
 *	L leaf     own pid+mount ns  leaf.c               reaps one execution, dies with it
 *	X          in the leaf       exec.c               gives everything up, becomes the program
 *	H hands    in the leaf       hands.c              carries out gated file operations, if any
 *
 * In isolation lite the same processes stand in the host's namespaces: lite.c.
 *
 * P clones C, C clones L, L clones X; X clones H as a child of L. No threads; nothing here
 * allocates after C serves.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/error.h"
#include "common/proto.h"
#include "sandbox/disk.h"
#include "sandbox/spec.h"

/* What stands for a limit, as HELLO says it. */
enum limit_by {
	LIMIT_NONE,
	LIMIT_CGROUP1,
	LIMIT_CGROUP2,
	LIMIT_RLIMIT
};

enum limit_kind {
	LIMIT_MEMORY,
	LIMIT_PIDS,
	LIMIT_CPU,
	LIMIT_KINDS
};

struct cgroup {
	char *dirs[LIMIT_KINDS]; /* our folder of each controller, NULL if none; v2: all the same */
	int lock_fds[LIMIT_KINDS];
	enum limit_by by[LIMIT_KINDS];
	int join_fds[LIMIT_KINDS]; /* v1: opened by P, for C to join by; -1 if none */
	int folder_fd;		   /* v2: to be cloned into; -1 if none */
	int hits_fds[LIMIT_KINDS]; /* what counts how often it was reached; -1 if none */
};

/* Descriptors of a mount's sources, opened before the view is built; -1 where empty. */
struct source {
	int tree_fd;   /* detached clone of the source, flags and ids set; copy: the file */
	int layers_fd; /* overlay: of the folder that holds upper and work */
};

/* A user namespace for idmapped mounts of files of one owner. */
struct id_map {
	int ns_fd; /* -1: none yet */
	uid_t owner;
	gid_t group;
};

struct launch {
	struct spec spec;
	int control_fd;
	int life_fd;		/* C: its hang-up means that P is gone */
	int keeper_end_fd;	/* P's end of that socket pair; C closes its copy */
	int view_fd;		/* P: C's mount namespace, see keeper.c */
	bool range;		/* outer ids are a range: P has the host's rights */
	bool lite;		/* no namespace of its own: lite.h */
	bool *has_private;	/* lite: shared by P and C, which made the private folder */
	struct id_map id_map;	/* P: the last that userns_idmap() made */
	struct source *sources; /* spec.mount_count of them */
	struct cgroup cgroup;
	struct disk disk;  /* P: what it takes of the host's disk */
	int root_fd;	   /* C: the new root */
	int landlock_abi;  /* 0: off */
	struct buf layers; /* strings for HELLO, each with its NUL */
};

/* A line for HELLO: "layer=state". */
void launch_say(struct launch *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What a reason ends in where the host refuses what a wall needs. */
#define WAY_OUT		  "; way out: "
#define WAY_OUT_CONTAINER "a container around cordon must allow "
#define WAY_OUT_MOUNTING                                                                       \
	WAY_OUT "Linux 5.12 or newer; " WAY_OUT_CONTAINER "mount, fsopen, fsconfig, fsmount, " \
		"open_tree, move_mount, mount_setattr and openat2"
/* Adds @way_out, which begins with WAY_OUT, to a reason that has none: the nearest is the best. */
int launch_way_out(struct error *err, const char *way_out);
/* The host refused a wall that each execution puts up for itself: adds where to look. */
int launch_lacks(struct error *err);
/* It refused one that isolation lite does without: says so, if lite would do here. */
int launch_offer_lite(struct error *err);
/* Sends ERROR. */
void launch_tell(const struct launch *l, const struct error *err);
/* The same, and ends the process with LAUNCH_FAILED. */
_Noreturn void launch_fail(const struct launch *l, const struct error *err);

enum {
	LAUNCH_FAILED = 125
};

/* keeper.c: P's life after C was let go. */
_Noreturn void keeper_run(struct launch *l, pid_t init_pid, int init_pidfd);
/* What P says to C by the life pipe: let it go, end every call. */
#define KEEPER_GO	 'g'
#define KEEPER_END_CALLS 'd'
/* L: leaves its mount namespace to P, which it reaches by @life_fd. */
void keeper_take_view(int life_fd);

/* The kernel said no, by @code, to new namespaces: finds out which switch of the host it was.
 * Return: below 0. */
int launch_explain_clone(int code, const char *what, struct error *err);

/* userns.c */
int userns_write_maps(const struct launch *l, pid_t init_pid, struct error *err);
int userns_enter(struct launch *l, struct error *err);
/* A user namespace whose map turns owner (uid, gid on disk) into the session's user; borrowed. */
int userns_idmap(struct launch *l, uid_t owner, gid_t group, struct error *err);
/* P: the processes that this took, which have been killed. */
void userns_reap_holders(void);

/* sources.c */
int sources_make_layers(const struct launch *l, struct error *err);
int sources_open(struct launch *l, struct error *err);
void sources_close(struct launch *l);

/* mounts.c, mounts_place.c, mounts_dev.c */
int mounts_make_root(struct launch *l, struct error *err);
int mounts_build_view(struct launch *l, struct error *err);
int mounts_pivot(struct launch *l, struct error *err);
int mounts_fresh_proc(struct error *err);
int mounts_add_dev(struct launch *l, const struct spec_mount *m, struct error *err);
/* Shared by the three. */
int mounts_add_tmpfs(const struct launch *l, const struct spec_mount *m, struct error *err);
int mounts_open_target(const struct launch *l, const char *target, bool folder, struct error *err);
int mounts_new(const char *fs, const char *const *options, unsigned long attr, struct error *err);
int mounts_attach(int mount_fd, int target_fd, const char *target, struct error *err);
/* @folder: what @target is to be, if it is not there. */
int mounts_attach_at(const struct launch *l, int mount_fd, const char *target, bool folder,
		     struct error *err);
/* Opens the folder that is to hold @target, making what is missing; *ret_leaf is its last name. */
int mounts_open_parent(const struct launch *l, const char *target, const char **ret_leaf,
		       struct error *err);

/* net.c */
int net_loopback_up(struct launch *l, struct error *err);
/* With NET_RELAY and NET_DECOY: makes every address one of the session's own. */
int net_make_local(struct launch *l, struct error *err);
/* A socket in the session's network for MSG_SOCKET: O_CLOEXEC, O_NONBLOCK; or a negative errno. */
int net_socket(enum socket_kind kind, const char *address, uint16_t port);

/* cgroup.c: P but for cgroup_join, by which C moves itself before it does anything else. */
void cgroup_make(struct launch *l);
/* Refuses a limit that was asked for and that nothing holds. */
int cgroup_check(const struct launch *l, struct error *err);
int cgroup_add(const struct launch *l, pid_t pid, struct error *err);
int cgroup_join(struct launch *l, struct error *err);
void cgroup_sweep(const struct launch *l);
void cgroup_remove(struct launch *l);

/* cgroup_hits.c: P opens what C reads. */
void cgroup_watch_hits(struct launch *l);
/* Since the session began; 0 where nobody counts. */
uint64_t cgroup_hits(const struct launch *l, enum limit_kind kind);

/* What part of a limit that the kernel keeps for a user one session may use up. */
#define LAUNCH_USER_SHARE 4u

/* rlimits.c: X */
int rlimits_apply(const struct launch *l, struct error *err);

/* landlock.c: C finds out, X applies */
int landlock_abi(void); /* of this kernel; negative or 0: none */
int landlock_probe(struct launch *l, struct error *err);
int landlock_apply(const struct launch *l, struct error *err);
/*
 * X, where its hands carry out bind(2): the kernel makes no UNIX socket for anybody else, whatever
 * is exchanged after a verdict. Only for whose changes of paths are all carried out.
 */
int landlock_make_no_sockets(const struct launch *l, struct error *err);

/* caps.c */
int caps_lock(struct launch *l, struct error *err); /* C: nothing can be gained any more */
int caps_drop_all(struct error *err);

/* steps.c */
int steps_apply(struct launch *l, struct error *err);

/* init.c: C */
_Noreturn void init_run(struct launch *l);

/* What a leaf has of C. */
struct leaf_ends {
	int order_fd;	   /* the EXEC comes from there */
	int report_fd;	   /* write end of a pipe */
	uint32_t expected; /* the flags that the EXEC will have; 0: not known yet */
};

/* A process that was still running when the program of its call had ended. */
#define LEFT_MAX 16u /* of which more is told than that they were there */

struct left_process {
	uint8_t how;	   /* enum left_how */
	char where;	   /* LEFT_OF_IMAGE or its like */
	char program[126]; /* cut if it is longer */
};

/*
 * The first report of a leaf counts; the one that says `is_empty` is its last. Written atomically
 * (below PIPE_BUF).
 */
struct leaf_report {
	uint32_t outcome; /* enum exec_outcome */
	int32_t status;
	bool is_empty; /* nothing of the execution is left but L, which ends; the rest is valid */
	uint64_t user_time_us, system_time_us, max_rss_kib;
	uint32_t left; /* processes that were running when the program had ended */
	struct left_process left_first[LEFT_MAX];
	char text[512];
};

_Static_assert(sizeof(struct leaf_report) <= 4096, "written atomically");

void leaf_report(int report_fd, enum exec_outcome outcome, int status, const char *text);
/* left.c: L. Return: how many are still running but @hands (0: none). @program: the one that has
 * ended */
uint32_t left_behind(pid_t program, pid_t hands, struct left_process ret[LEFT_MAX]);
/* leaf.c: L */
_Noreturn void leaf_run(const struct launch *l, const struct leaf_ends *ends, pid_t init_pid);

/* exec.c: X. sync_fd: X tells L what to announce; go_fd: L lets X go on. */
struct exec_sync {
	uint32_t exec;
	int listener_fd; /* -1: none */
	int pty_fd;	 /* -1: none */
	int hands_fd;	 /* -1: none */
	int bell_fd;	 /* of the hands; -1: none */
	pid_t hands_pid; /* 0: none */
	bool failed;	 /* the report was written */
};

_Noreturn void exec_run(const struct launch *l, const struct leaf_ends *ends, int sync_fd,
			int go_fd);
/* exec_stdio.c: X. @flags: of the EXEC. Return: 0, or -EACCES for what leads out of the session. */
int exec_check_stdio(const struct launch *l, uint32_t flags, const int fds[3], struct error *err);
