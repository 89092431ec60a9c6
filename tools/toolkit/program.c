/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buf.h"
#include "tools/toolkit/paths.h"

int paths_program(char **ret, struct error *err)
{
	(void)err;
	*ret = xstrdup("/proc/self/exe");
	return 0;
}
