/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Questions about the host that decide whether a spec can be made at all. Each refusal names the
 * path, the reason and the way out.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "sandbox/spec.h"

/* realpath(3); `what` is how the error calls it ("workspace"). Owns: the caller frees. */
int host_real_path(const char *what, const char *path, char **ret, struct error *err);

/* Is the (canonical) folder one that may be handed to an agent, in the mode asked for? */
int host_check_workspace(const char *path, const struct spec_options *options, struct error *err);
int host_check_bind(const char *path, bool writable, const char *state_dir, struct error *err);

/*
 * host_outer_ids - which host ids the session runs as: a range for root, else the caller's own.
 * Errors: -EPERM for a root that can do neither. In lite that is any root without the range: the
 * files that uid 0 owns are its own whatever capabilities it has left.
 */
int host_outer_ids(const struct spec_options *options, uint32_t *ret_base, uint32_t *ret_count,
		   struct error *err);
