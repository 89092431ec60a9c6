/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The programs of trace.bpf.c for Linux 6.16 and later; see state.h. */
#define DIRECT_READS
#include "monitor/bpf/trace.bpf.c"
