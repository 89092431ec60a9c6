/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that attempts run or try to run: says who it is and leaves with a status of its own.
 * Built twice; only one of the two names is forbidden by the arena's policy.
 */
#include <string.h>
#include <unistd.h>

int main(void)
{
	static const char text[] = PAYLOAD_TEXT "\n";

	(void)!write(STDOUT_FILENO, text, sizeof(text) - 1);
	return PAYLOAD_STATUS;
}
