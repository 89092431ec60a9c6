/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Between the files of a scan: what the texts became. */

#include "monitor/net/finder.h"
#include "monitor/net/scan.h"

struct scan_set {
	struct finder plain;
	struct finder encoded;
};
