/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Files that only root and the caller can have written: neither the file, nor a folder on its way,
 * nor a symbolic link that leads there belongs to somebody else or can be written by others. What
 * a policy allows is what its file says, so whoever can change that file, or put another in its
 * place, decides. A pipe without a name, by the kernel's links in /proc/PID/fd, is held to the
 * same: who made it is its owner, and nobody else can open it.
 */

#include <sys/stat.h>

#include "common/error.h"

/*
 * trusted_open - walks to @path component by component, each checked before the next is looked up
 * in it, and opens the end for reading: what was checked is what is read. @what it is, errors say.
 * Return: the fd, owned by the caller, with the file's status in @ret_st. Errors: -EPERM with the
 * way out, -EINVAL: it is neither a file, a folder nor a pipe; -ELOOP, and those of open(2).
 */
int trusted_open(const char *what, const char *path, struct stat *ret_st, struct error *err);
