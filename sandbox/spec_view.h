/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The part of the view that every session has: programs and libraries read-only, a filtered /etc,
 * fresh /proc, minimal /dev, empty writable places. What is not listed here does not exist inside.
 */

#include "sandbox/spec.h"

/* lite: as far as it can be had without mounts, that is, the host's own files. @tmp: TMPDIR. */
void view_add_system(struct spec *spec, const char *tmp);
/* A writable, empty folder; its size in 64ths of the session's memory. */
void view_add_tmpfs(struct spec *spec, const char *target, uint32_t mode, unsigned sixtyfourths);
