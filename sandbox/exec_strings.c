/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/exec_strings.h"

#include <errno.h>
#include <stddef.h>

int exec_strings_take(const struct msg *m, char *payload, struct exec_strings *ret)
{
	size_t at = 0;

	if (m->argc < 1 || m->argc > MAX_ARGV_ITEMS || m->envc > MAX_ARGV_ITEMS)
		return -EPROTO;
	ret->cwd = msg_next_string(m, payload, &at);
	for (uint32_t i = 0; i < m->argc + m->envc; i++) {
		const char *text = msg_next_string(m, payload, &at);
		char **slot = i < m->argc ? &ret->argv[i] : &ret->env[i - m->argc];

		if (!text)
			return -EPROTO;
		/* The payload is ours and writable; execve(2) wants it without const. */
		*slot = payload + (text - payload);
	}
	ret->argv[m->argc] = NULL;
	ret->env[m->envc] = NULL;
	return ret->cwd ? 0 : -EPROTO;
}
