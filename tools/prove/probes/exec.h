/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Running the two payloads.
 */

#include "tools/prove/probes/attempt.h"

/* How the payloads leave; both above any errno that a refused exec leaves with. */
#define FORBIDDEN_STATUS 160
#define PERMITTED_STATUS 161

/* Become a payload. Return: errno. */
int exec_path(const char *path);
int exec_fd(int file_fd);
