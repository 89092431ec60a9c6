/* SPDX-License-Identifier: Apache-2.0 */

/*
 * shipped-gen FOLDER - checks the policies that ship while cordon is built, and prints a header
 * with their hash, by which a session knows that their examples hold (policy_load_with()). Where
 * they do not load here, a session is left to say why.
 */

#include <stdio.h>

#include "monitor/policy/policy.h"

int main(int argc, char **argv)
{
	const char *const paths[] = {argc == 2 ? argv[1] : ""};
	struct policy *policy = NULL;
	struct error err;

	if (policy_load(paths, 1, &policy, &err) < 0)
		(void)fprintf(stderr, "shipped-gen: %s\n", err.text);
	(void)printf("#define SHIPPED_POLICIES_HASH \"%s\"\n", policy ? policy_hash(policy) : "");
	(void)policy_free(policy);
	return 0;
}
