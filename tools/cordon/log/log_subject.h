/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What an event of a record is about, for people: the program and its arguments, the address, the
 * path, how it ended.
 */

#include "common/buf.h"
#include "common/json.h"

/* @fields: those of an event, of which one is told after what it has; else all of them. */
void log_put_subject(struct buf *out, const struct json *fields);

/* Arguments as a shell would want them. */
void log_put_arguments(struct buf *out, const struct json *argv);
