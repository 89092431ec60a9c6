/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <uv.h>

#include "common/error.h"

/*
 * loop_init - uv_loop_init() with its error told, also where libuv itself would abort.
 * Errors: -EMFILE and others of it.
 */
int loop_init(uv_loop_t *loop, struct error *err);
