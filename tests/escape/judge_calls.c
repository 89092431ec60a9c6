/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/escape/judge.h"

void judge_calls(const struct places *p, struct results *results)
{
	(void)p;
	(void)results;
}
