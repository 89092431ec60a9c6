/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "monitor/trace/object.h"

#include <lsm_direct.lskel.h>

#define OBJECT		 trace_object_lsm_direct
#define OBJECT_NAME	 "lsm"
#define FLOWS_APART	 true
#define SKELETON(suffix) lsm_direct_bpf##suffix
#include "monitor/trace/object_template.h"
