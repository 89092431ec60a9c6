/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities. The init keeps those of its own user namespace; executions have none and can gain
 * none: empty sets, empty bounding set, locked secure bits (userns.c), no_new_privs.
 */
#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/launch.h"

/*
 * In lite an ordinary user has not the right to empty the bounding set. It stands for nothing under
 * no_new_privs, where no exec gives a capability; what the init has by itself goes here.
 */
int caps_lock(struct launch *l, struct error *err)
{
	for (unsigned long cap = 0; cap < 64 && !l->lite; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			if (errno == EINVAL && cap > CAP_SYS_ADMIN)
				break; /* past the last capability of this kernel */
			return error_errno(err, errno, "drop capability %lu for ever", cap);
		}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_errno(err, errno, "set no_new_privs");
	if (l->lite && caps_drop_all(err) < 0)
		return err->code;
	launch_say(l, "caps=empty");
	launch_say(l, "no_new_privs=on");
	return 0;
}

int caps_drop_all(struct error *err)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[2] = {{0}};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &head, none) < 0)
		return error_errno(err, errno, "drop all capabilities");
	return 0;
}
