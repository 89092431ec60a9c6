/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What somebody named to be read: a file, or a pipe that somebody writes to, as of the shell's
 * <(...), /dev/stdin behind a pipe, or a FIFO. Nothing else ends: a device, a folder and a FIFO
 * that nobody has open for writing are refused, and a document that stops coming is given up.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/error.h"

#define INPUT_ROOM 65536u /* what input_read_document() needs above its limit */

/*
 * input_open - opens @path for reading; what can be read can be read once.
 * @what: words before its path in errors, as "the record "; may be empty.
 * Return: the descriptor, O_NONBLOCK: of a pipe, read(2) may answer EAGAIN. Errors: from open(2);
 * those of input_check().
 */
int input_open(const char *what, const char *path, struct error *err);

/*
 * input_check - whether @fd, opened with O_NONBLOCK, will end. Waits for a FIFO's writer, but not
 * for long. Errors: -EISDIR; -EPIPE: nobody writes to it; -EINVAL: neither file nor pipe.
 */
int input_check(int fd, const char *what, const char *path, struct error *err);

/* As input_open(), of what has to be there to be read again. Errors: -ESPIPE: a pipe. */
int input_open_file(const char *what, const char *path, struct error *err);

/*
 * input_read_document - all that @fd has, behind what is in @out, whose own ceiling lies INPUT_ROOM
 * above @most. Errors: from read(2); -E2BIG: more than @most bytes; -ETIME: it stopped coming.
 */
int input_read_document(int fd, const char *name, size_t most, struct buf *out, struct error *err);
