/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/error.h"

/*
 * open_regular - a file that somebody named, for reading.
 * @what: words before its path in errors, as "the record "; may be empty.
 * What is something else is refused rather than waited for, as a FIFO that nobody writes to.
 * Return: the descriptor. Errors: from open(2); -EINVAL: no regular file.
 */
int open_regular(const char *what, const char *path, struct error *err);
