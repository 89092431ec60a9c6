/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "monitor/trace/object.h"

#include <trace.lskel.h>

#define OBJECT		 trace_object_tracepoint
#define OBJECT_NAME	 "tracepoint"
#define FLOWS_APART	 false
#define SKELETON(suffix) trace_bpf##suffix
#include "monitor/trace/object_template.h"
