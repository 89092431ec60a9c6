/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where cordon finds its own parts and keeps its state.
 *
 * Beside the command (a build tree) or under the install prefix: cordon-launch, cordon-main,
 * cordon-prove, cordon-tls.so, policies/.
 * State: $CORDON_STATE_DIR, else /var/lib/cordon for root, else $XDG_STATE_HOME/cordon, else
 * ~/.local/state/cordon; in it sessions/ID/ (record.jsonl, layers/), live/ and record.key.
 */

#include "common/error.h"

struct stat;

/*
 * paths_check_own - a file or folder that we work with belongs to us, and others have none of the
 * rights @others to it (permission bits of st_mode). @what: what it is, for errors.
 * Errors: -EPERM, with what to do about it.
 */
int paths_check_own(const char *what, const char *path, const struct stat *st, unsigned others,
		    struct error *err);

/* Absolute paths, owned by the caller. */
int paths_launcher(char **ret, struct error *err);
int paths_prover(char **ret, struct error *err);
int paths_tls_module(char **ret, struct error *err);
int paths_whole(char **ret, struct error *err); /* cordon-main, where cordon is its front */
/* The program that the resident supervisor runs too: its file tells builds apart. */
int paths_program(char **ret, struct error *err);
int paths_policies(char **ret, struct error *err);
int paths_state_dir(char **ret, struct error *err); /* created with mode 0700 */
int paths_session_dir(const char *session, char **ret, struct error *err); /* created, 0700 */
int paths_live_dir(char **ret, struct error *err);			   /* created, 0700 */
int paths_ready_dir(char **ret, struct error *err);			   /* created, 0700 */
int paths_record_key(char **ret, struct error *err);
