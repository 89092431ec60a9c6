/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "monitor/trace/object.h"

#include <trace_direct.lskel.h>

#define OBJECT		 trace_object_tracepoint_direct
#define OBJECT_NAME	 "tracepoint"
#define FLOWS_APART	 false
#define SKELETON(suffix) trace_direct_bpf##suffix
#include "monitor/trace/object_template.h"
