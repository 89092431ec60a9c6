/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * json_oracle_accepts - what another strict JSON reader (jansson, repeated keys refused) says.
 * In a file of its own: that library's names and ours collide.
 */
bool json_oracle_accepts(const char *text, size_t len);
