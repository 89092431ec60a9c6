/* SPDX-License-Identifier: Apache-2.0 */

/* In place of tools/toolkit/program.c. */

#include "tools/toolkit/paths.h"

int paths_program(char **ret, struct error *err)
{
	return paths_whole(ret, err);
}
