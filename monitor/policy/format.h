/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The form that policy files and their cases are kept in: members in one order, indented by tabs,
 * on one line what fits there. Only the order and the spaces are changed; every string and number
 * stays the bytes that it was, and members that are not known here keep their order behind those
 * that are.
 */

#include "common/buf.h"
#include "monitor/policy/source.h"

/*
 * policy_format - the text of a parsed source in that form, into @out.
 * Errors: -EINVAL if the document is neither a policy nor a file of cases.
 */
int policy_format(const struct source *source, struct buf *out, struct error *err);
