/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The seccomp filter: bytes made at build time by filter_gen.c, loaded with our own flags.
 */

#include <linux/filter.h>
#include <stdbool.h>

extern const struct sock_filter filter_plain_code[];
extern const unsigned short filter_plain_code_len;
extern const struct sock_filter filter_gated_code[];
extern const unsigned short filter_gated_code_len;
/* Refuses as the plain one, but for modes that are refused by the hands (HANDS_CHMOD). */
extern const struct sock_filter filter_hands_code[];
extern const unsigned short filter_hands_code_len;
/* Notifies of exec, network, writing opens and path changes. Stands behind the one before. */
extern const struct sock_filter filter_files_code[];
extern const unsigned short filter_files_code_len;

/* Only refuses: what no namespace holds in isolation lite. Stands behind the others. */
extern const struct sock_filter filter_lite_code[];
extern const unsigned short filter_lite_code_len;

enum filter_kind {
	FILTER_PLAIN,
	FILTER_GATED,
	FILTER_GATED_FILES
};

/*
 * filter_no_datagrams - refuses (EACCES) UNIX sockets that send without a connection: each message
 * says anew where it goes, in memory that the kernel reads after whoever judged it. Before
 * filter_load(). Return: 0, negative errno.
 */
int filter_no_datagrams(void);

/*
 * filter_load - on the calling thread, which must have no_new_privs.
 * Return: for the gated filters the listener's descriptor (O_CLOEXEC), else 0; negative errno.
 * Errors: -EBUSY when somebody else already listens to this process (nested sandboxes).
 */
int filter_load(enum filter_kind kind, bool lite);
