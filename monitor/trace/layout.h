/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Offsets of the kernel's structures, from its BTF.
 * Source: kernel Documentation/bpf/btf.rst.
 */

#include <stddef.h>

#include "common/error.h"
#include "monitor/bpf/kern.h"

/*
 * layout_load - looks every name of TRACE_LAYOUT up in the running kernel.
 * Errors: -EOPNOTSUPP without BTF or with a name missing (the text says which), -EINVAL for what is
 * malformed.
 */
int layout_load(struct trace_layout *ret, struct error *err);
