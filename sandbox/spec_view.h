/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The part of the view that every session has: programs and libraries read-only, a filtered /etc,
 * fresh /proc, minimal /dev, empty writable places. What is not listed here does not exist inside.
 */

#include "sandbox/spec.h"

void view_add_system(struct spec *spec);
