/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Environment variables that change what a program runs before, or instead of, its own code. */

#include <stdbool.h>

/* @variable: "NAME=VALUE". */
bool is_startup_variable(const char *variable);
