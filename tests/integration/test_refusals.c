/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A host that lacks one layer of the floor: the launcher runs under a filter that refuses one
 * system call, as a kernel without it or a container's profile would, and everything else is real.
 * No session then stands, or no program starts in it, and the reason names layer and way out.
 *
 * The test's own program is what stands in the launcher's place and becomes it.
 */

#include "tests/support/test.h"

#include <linux/filter.h>
#include <linux/if.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "common/cleanup.h"
#include "sandbox/lite.h"
#include "tests/support/floor.h"

/* What the launcher's libc and headers may not know by name. */
#define NR_OPEN_TREE	  428
#define NR_MOVE_MOUNT	  429
#define NR_FSOPEN	  430
#define NR_FSCONFIG	  431
#define NR_FSMOUNT	  432
#define NR_CLOSE_RANGE	  436
#define NR_OPENAT2	  437
#define NR_MOUNT_SETATTR  442
#define NR_LANDLOCK_MAKE  444
#define NR_LANDLOCK_ADD	  445
#define NR_LANDLOCK_APPLY 446

enum stage {
	STARTS,	      /* nothing is missing */
	REFUSED,      /* no session; lite would do, and the reason says so */
	NEVER,	      /* no session, and lite needs it as well */
	TOO_OLD,      /* no session, and no Landlock that lite could rest on */
	NOT_RUN,      /* no program in it */
	LITE_REFUSED, /* the same of isolation lite */
	LITE_NOT_RUN,
};

struct lack {
	const char *name;
	int nr;
	int argument; /* refused where this one & mask is value */
	unsigned mask, value;
	int code;
	enum stage stage;
	const char *layer, *way_out; /* in the reason */
	unsigned flags;		     /* of the execution */
};

#define ALWAYS	     0, 0, 0
#define FLAG(_i, _f) (_i), (_f), (_f)
#define IS(_i, _v)   (_i), ~0u, (_v)

static const struct lack lacks[] = {
	{"nothing", SYS_reboot, ALWAYS, EPERM, STARTS, NULL, NULL, 0},

	{"user namespaces", SYS_clone, FLAG(0, CLONE_NEWUSER), EPERM, REFUSED, "user", "container",
	 0},
	{"namespaces and Landlock", SYS_clone, FLAG(0, CLONE_NEWUSER), EPERM, TOO_OLD, "user",
	 "container", 0},
	{"mount namespaces", SYS_clone, FLAG(0, CLONE_NEWNS), EINVAL, REFUSED, "mount", "container",
	 0},
	{"pid namespaces", SYS_clone, FLAG(0, CLONE_NEWPID), EINVAL, REFUSED, "pid", "container",
	 0},
	{"network namespaces", SYS_clone, FLAG(0, CLONE_NEWNET), EINVAL, REFUSED, "net",
	 "container", 0},
	{"ipc namespaces", SYS_clone, FLAG(0, CLONE_NEWIPC), EINVAL, REFUSED, "ipc", "container",
	 0},
	{"uts namespaces", SYS_clone, FLAG(0, CLONE_NEWUTS), EINVAL, REFUSED, "uts", "container",
	 0},
	{"cgroup namespaces", SYS_unshare, FLAG(0, CLONE_NEWCGROUP), EINVAL, REFUSED,
	 "cgroup namespace", "CONFIG_CGROUPS", 0},
	{"a pid namespace of the call", SYS_clone, 0, CLONE_NEWPID | CLONE_NEWUSER, CLONE_NEWPID,
	 EPERM, NOT_RUN, "process for the call", "cordon doctor", 0},

	{"ids", SYS_setresuid, ALWAYS, EPERM, REFUSED, "step user", "setresuid", 0},
	{"secure bits", SYS_prctl, IS(0, PR_SET_SECUREBITS), EPERM, REFUSED, "secure bits", "prctl",
	 0},
	{"a host name", SYS_sethostname, ALWAYS, EPERM, REFUSED, "host name", "sethostname", 0},
	{"IPv4 sockets", SYS_socket, IS(0, AF_INET), EAFNOSUPPORT, REFUSED, "loopback", "socket",
	 0},
	{"interface flags", SYS_ioctl, IS(1, SIOCSIFFLAGS), EPERM, REFUSED, "loopback", "ioctl", 0},

	{"mount", SYS_mount, ALWAYS, EPERM, REFUSED, "step root", "mount", 0},
	{"fsopen", NR_FSOPEN, ALWAYS, ENOSYS, REFUSED, "step root", "Linux 5.12", 0},
	{"fsconfig", NR_FSCONFIG, ALWAYS, EPERM, REFUSED, "step root", "fsconfig", 0},
	{"fsmount", NR_FSMOUNT, ALWAYS, EPERM, REFUSED, "step root", "fsmount", 0},
	{"move_mount", NR_MOVE_MOUNT, ALWAYS, EPERM, REFUSED, "step root", "move_mount", 0},
	{"openat2", NR_OPENAT2, ALWAYS, ENOSYS, REFUSED, "step view", "openat2", 0},
	{"pivot_root", SYS_pivot_root, ALWAYS, EPERM, REFUSED, "step pivot", "pivot_root", 0},
	{"umount2", SYS_umount2, ALWAYS, EPERM, REFUSED, "step pivot", "umount2", 0},
	{"open_tree", NR_OPEN_TREE, ALWAYS, ENOSYS, REFUSED, "view", "open_tree", 0},
	{"mount_setattr", NR_MOUNT_SETATTR, ALWAYS, ENOSYS, REFUSED, "mount flags", "mount_setattr",
	 0},

	{"dropping capabilities", SYS_prctl, IS(0, PR_CAPBSET_DROP), EPERM, NEVER,
	 "step capabilities", "prctl", 0},
	{"no_new_privs", SYS_prctl, IS(0, PR_SET_NO_NEW_PRIVS), EINVAL, NEVER, "no_new_privs",
	 "prctl", 0},
	{"capset", SYS_capset, ALWAYS, EPERM, NOT_RUN, "capabilities", "cordon doctor", 0},

	{"Landlock in the kernel", NR_LANDLOCK_MAKE, ALWAYS, ENOSYS, NEVER, "Landlock", "lsm=", 0},
	{"Landlock turned on", NR_LANDLOCK_MAKE, ALWAYS, EOPNOTSUPP, NEVER, "Landlock", "lsm=", 0},
	{"a Landlock domain", NR_LANDLOCK_MAKE, 2, 1, 0, EPERM, NOT_RUN, "Landlock",
	 "cordon doctor", 0},
	{"Landlock rules", NR_LANDLOCK_ADD, ALWAYS, EPERM, NOT_RUN, "Landlock", "cordon doctor", 0},
	{"Landlock's hold", NR_LANDLOCK_APPLY, ALWAYS, EPERM, NOT_RUN, "Landlock", "cordon doctor",
	 0},

	{"seccomp's actions", SYS_seccomp, IS(0, SECCOMP_GET_ACTION_AVAIL), EOPNOTSUPP, NEVER,
	 "seccomp", "CONFIG_SECCOMP_FILTER", 0},
	{"seccomp filters", SYS_seccomp, IS(0, SECCOMP_SET_MODE_FILTER), EINVAL, NOT_RUN, "filter",
	 "cordon doctor", 0},
	{"seccomp listeners", SYS_seccomp, FLAG(1, SECCOMP_FILTER_FLAG_NEW_LISTENER), EINVAL,
	 NOT_RUN, "filter", "cordon doctor", EXEC_GATE},
	{"a listener that is free", SYS_seccomp, FLAG(1, SECCOMP_FILTER_FLAG_NEW_LISTENER), EBUSY,
	 NOT_RUN, "already listens", "run without", EXEC_GATE},

	{"limits", SYS_prlimit64, ALWAYS, EPERM, NOT_RUN, "limit", "cordon doctor", 0},
	{"close_range", NR_CLOSE_RANGE, ALWAYS, ENOSYS, NOT_RUN, "descriptors", "cordon doctor", 0},

	{"Landlock in lite", NR_LANDLOCK_MAKE, ALWAYS, ENOSYS, LITE_REFUSED, "Landlock ABI 6",
	 "--isolation=full", 0},
	{"subreapers", SYS_prctl, IS(0, PR_SET_CHILD_SUBREAPER), EINVAL, LITE_REFUSED, "orphans",
	 "parent", 0},
	{"no_new_privs in lite", SYS_prctl, IS(0, PR_SET_NO_NEW_PRIVS), EINVAL, LITE_REFUSED,
	 "no_new_privs", "prctl", 0},
	{"capset in lite", SYS_capset, ALWAYS, EPERM, LITE_REFUSED, "step capabilities", "prctl",
	 0},
	{"a private folder", SYS_mkdir, ALWAYS, EACCES, LITE_REFUSED, "private folder",
	 "another --session", 0},
	{"the gate on files", SYS_reboot, ALWAYS, EPERM, LITE_NOT_RUN, "gate on files",
	 "EXEC_FILES", EXEC_GATE},
	{"any gate", SYS_reboot, ALWAYS, EPERM, LITE_NOT_RUN, "gate on files", "EXEC_FILES", 0},
};

#define LACKS (sizeof(lacks) / sizeof(lacks[0]))

/* ---- in the launcher's place ---- */

static int refuse(const struct lack *lack)
{
	const unsigned argument = (unsigned)offsetof(struct seccomp_data, args) +
				  (unsigned)lack->argument * (unsigned)sizeof(__u64);
	/* clone3 carries its flags in memory: the launcher falls back to clone, and so does libc.
	 */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 6, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
			 lack->stage == TOO_OLD ? NR_LANDLOCK_MAKE : SYS_clone3, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)lack->nr, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, lack->mask),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, lack->value, 0, 2),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)lack->code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

static int become_launcher(const char *launcher, const char *row)
{
	if (refuse(&lacks[strtoul(row, NULL, 10) % LACKS]) < 0)
		return 126;
	(void)execl(launcher, "cordon-launch", (char *)NULL);
	return 127;
}

/* ---- the test ---- */

static struct spec full_spec;
static struct spec lite_spec;

static bool is_of_lite(const struct lack *lack)
{
	return lack->stage == LITE_REFUSED || lack->stage == LITE_NOT_RUN;
}

/* Behind a session of the same name, which removes its private folder when nobody waits for it. */
static void wait_for_private_folder(void)
{
	_cleanup_free_ char *folder = spec_private_dir(lite_spec.session);

	for (unsigned i = 0; i < 6000 && access(folder, F_OK) == 0; i++)
		(void)usleep(10000);
	assert_int_not_equal(access(folder, F_OK), 0);
}

static bool has_lite(void)
{
	return syscall(NR_LANDLOCK_MAKE, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) >=
	       LITE_LANDLOCK_ABI;
}

static void expect_reason(const struct lack *lack, const char *text)
{
	const bool offers_lite = lack->stage == REFUSED && has_lite();

	if (!strstr(text, lack->layer) || !strstr(text, lack->way_out))
		fail_msg("without %s: the reason names not \"%s\" and \"%s\": %s", lack->name,
			 lack->layer, lack->way_out, text);
	if (offers_lite != (strstr(text, "--isolation=lite") != NULL))
		fail_msg("without %s, isolation lite would%s do: %s", lack->name,
			 offers_lite ? "" : " not", text);
}

static void check_execution(struct floor_session *f, const struct lack *lack)
{
	static const char *const argv[] = {"/bin/sh", "-c", "echo ran", NULL};
	struct floor_result result = {0};
	const char *text = result.text;

	if (lack->flags) {
		assert_int_equal(floor_exec_start(f, &(struct floor_exec){.argv = argv,
									  .flags = lack->flags}),
				 0);
		assert_int_equal(floor_exec_wait(f, MSG_EXIT), 0);
		result.outcome = f->last.outcome;
		text = f->payload;
	} else {
		assert_int_equal(floor_run(f, argv, &result), 0);
	}
	if (lack->stage == STARTS) {
		assert_int_equal(result.outcome, EXEC_EXITED);
		assert_string_equal(result.output, "ran\n");
		return;
	}
	if (result.outcome != EXEC_SETUP_ERROR)
		fail_msg("without %s: outcome %u, output %s", lack->name, result.outcome,
			 result.output);
	assert_string_equal(result.output, "");
	expect_reason(lack, text);
}

static void test_each_lack_is_refused(void **state)
{
	static struct floor_session f;

	(void)state;
	for (size_t i = 0; i < LACKS; i++) {
		const struct lack *lack = &lacks[i];
		_cleanup_free_ char *row = xasprintf("%zu", i);
		struct error err = {0};
		int r;

		if (is_of_lite(lack) && !has_lite())
			continue; /* no lite here: test_lite_refusals.py */
		assert_int_equal(setenv("REFUSE", row, 1), 0);
		wait_for_private_folder();
		r = floor_start(&f, is_of_lite(lack) ? &lite_spec : &full_spec, &err);
		if (lack->stage == REFUSED || lack->stage == NEVER || lack->stage == TOO_OLD ||
		    lack->stage == LITE_REFUSED) {
			if (r == 0)
				fail_msg("without %s a session stands", lack->name);
			expect_reason(lack, err.text);
			continue;
		}
		if (r < 0)
			fail_msg("without %s: %s", lack->name, err.text);
		check_execution(&f, lack);
		assert_true(floor_end(&f) >= 0);
	}
}

int main(int argc, char **argv)
{
	static char folder[] = "/tmp/cordon-refusals-XXXXXX";
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_lack_is_refused)};
	const char *launcher = getenv("LAUNCHER");
	const char *row = getenv("REFUSE");
	const char *session = folder + strlen("/tmp/");
	struct error err = {0};
	int r;

	(void)argc;
	(void)argv;
	if (launcher && row)
		return become_launcher(launcher, row);
	if (!mkdtemp(folder) || setenv("LAUNCHER", floor_launcher(), 1) < 0 ||
	    setenv("CORDON_LAUNCH", "/proc/self/exe", 1) < 0)
		return 1;
	if (spec_build(&(struct spec_options){.session = session, .state_dir = folder}, &full_spec,
		       &err) < 0 ||
	    spec_build(&(struct spec_options){.session = session,
					      .state_dir = folder,
					      .isolation = ISOLATION_LITE},
		       &lite_spec, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	r = cmocka_run_group_tests(tests, NULL, NULL);
	spec_done(&full_spec);
	spec_done(&lite_spec);
	return rmdir(folder) == 0 ? r : 1;
}
