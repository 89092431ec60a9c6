/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/trace/trace.h"
#include "tools/cordon/doctor/doctor.h"
#include "tools/toolkit/agent_session.h"
#include "tools/toolkit/paths.h"

void probe_btf(struct probe_result *ret)
{
	_cleanup_close_ int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	uint16_t magic = 0;

	if (fd < 0 || read(fd, &magic, sizeof(magic)) != sizeof(magic) || magic != 0xeb9f) {
		probe_set(ret, PROBE_MISSING, "/sys/kernel/btf/vmlinux: %s",
			  fd < 0 ? strerror(errno) : "no type data in it");
		probe_remedy(ret, "a kernel with CONFIG_DEBUG_INFO_BTF, and /sys mounted");
		return;
	}
	probe_set(ret, PROBE_HOLDS, "/sys/kernel/btf/vmlinux is readable");
}

static void ignore_event(void *ctx, const struct trace_event *event)
{
	(void)ctx;
	(void)event;
}

/* The very programs that a session uses, through load and attach. */
static void try_trace(struct probe_result *ret)
{
	struct trace *trace = NULL;
	struct error err = {0};
	int r = trace_open(ignore_event, NULL, &trace, &err);

	if (r == 0)
		r = trace_session_add(trace, 0, &err);
	if (r < 0) {
		probe_set(ret, PROBE_MISSING, "%s", err.text);
		probe_remedy(ret,
			     "run as root, or with CAP_BPF and CAP_PERFMON; --trace=auto goes "
			     "on without (labels are then taken as set from the start, and the "
			     "race at exec is bounded by the floor alone)");
	} else {
		trace_session_remove(trace, 0);
		probe_set(ret, PROBE_HOLDS, "back end %s, loaded and attached: %s",
			  trace_backend_name(trace),
			  trace_sees_returns(trace)
				  ? "every image is verified at exec"
				  : "every image is verified before and at exec; no counts of "
				    "system calls");
	}
	(void)trace_close(trace);
}

void probe_trace(struct probe_result *ret)
{
	probe_in_child(try_trace, ret);
}

void probe_launcher(struct probe_result *ret)
{
	_cleanup_free_ char *path = NULL;
	struct error err = {0};

	if (paths_launcher(&path, &err) < 0) {
		probe_set(ret, PROBE_MISSING, "%s", err.text);
		probe_remedy(ret, "build or install cordon-launch beside cordon");
	} else {
		probe_set(ret, PROBE_HOLDS, "%s", path);
	}
}

void probe_state(struct probe_result *ret)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *path = NULL;
	_cleanup_free_ char *file = NULL;
	struct error err = {0};
	const int r = paths_state_dir(&path, &err);

	if (r == 0) {
		file = xasprintf("%s/.doctor-XXXXXX", path);
		fd = mkostemp(file, O_CLOEXEC);
		if (fd >= 0)
			(void)unlink(file);
		else
			(void)error_errno(&err, errno, "writing in %s", path);
	}
	if (fd < 0) {
		probe_set(ret, PROBE_MISSING, "%s", err.text);
		probe_remedy(ret, "set CORDON_STATE_DIR to a folder that you may write");
	} else {
		probe_set(ret, PROBE_HOLDS, "%s is writable", path);
	}
}

void probe_policies(struct probe_result *ret)
{
	const struct session_options options = {0};
	struct policy *policy = NULL;
	struct error err = {0};

	if (load_policies(&options, &policy, &err) < 0) {
		probe_set(ret, PROBE_MISSING, "%s", err.text);
		probe_remedy(ret, "install cordon's policies folder, or name one with --policy");
		return;
	}
	probe_set(ret, PROBE_HOLDS, "%zu rules load and pass their own examples",
		  policy_rule_count(policy));
	(void)policy_free(policy);
}

/* What the last two probes start: `cordon run` as anybody would, in an empty folder. */
struct trial {
	const char *isolation, *trace; /* as options */
	const char *said;	       /* when it ran */
};

static _Noreturn void exec_cordon(const struct trial *trial, const char *folder, int out_fd)
{
	const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)dup2(null_fd, STDIN_FILENO);
	(void)dup2(out_fd, STDOUT_FILENO);
	(void)dup2(out_fd, STDERR_FILENO);
	if (chdir(folder) == 0)
		(void)execl("/proc/self/exe", "cordon", "run", "--quiet", "--discard",
			    "--timeout=25", trial->isolation, trial->trace, "--", "/bin/sh", "-c",
			    "echo held", (char *)NULL);
	_exit(127);
}

static void run_trial(const struct trial *trial, const char *folder, int out[2],
		      struct probe_result *ret)
{
	char text[320] = "";
	size_t len = 0;
	ssize_t n;
	int status = 0;
	const pid_t pid = fork();

	if (pid == 0)
		exec_cordon(trial, folder, out[1]);
	(void)close(out[1]);
	while (len < sizeof(text) - 1 && (n = read(out[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	text[strcspn(text, "\n")] = '\0';
	if (pid > 0 && status == 0 && strcmp(text, "held") == 0)
		probe_set(ret, PROBE_HOLDS, "%s", trial->said);
	else
		probe_set(ret, PROBE_MISSING, "%s", text[0] ? text : "`cordon run` failed");
}

static void try_session(const struct trial *trial, struct probe_result *ret)
{
	char folder[] = "/tmp/cordon-doctor-XXXXXX";
	int out[2];

	/* Root's session in lite is another user on the host, who must be let in. */
	if (!mkdtemp(folder) || chmod(folder, 0755) < 0) {
		probe_set(ret, PROBE_MISSING, "mkdtemp in /tmp: %s", strerror(errno));
		return;
	}
	if (pipe2(out, O_CLOEXEC) == 0) {
		run_trial(trial, folder, out, ret);
		(void)close(out[0]);
	}
	(void)rmdir(folder);
}

static void try_default(struct probe_result *ret)
{
	try_session(&(struct trial){"--isolation=full", "--trace=on",
				    "`cordon run -- sh -c 'echo held'` ran in one"},
		    ret);
}

static void try_untraced(struct probe_result *ret)
{
	try_session(&(struct trial){"--isolation=full", "--trace=auto", ""}, ret);
}

static void try_lite(struct probe_result *ret)
{
	try_session(&(struct trial){"--isolation=lite", "--trace=auto",
				    "would work here, without namespaces: no network, no cow, and "
				    "what SECURITY.md says"},
		    ret);
}

void probe_session(struct probe_result *ret)
{
	struct probe_result untraced = {.state = PROBE_MISSING};

	probe_in_child(try_default, ret);
	if (ret->state == PROBE_HOLDS)
		return;
	probe_in_child(try_untraced, &untraced);
	probe_remedy(ret, untraced.state == PROBE_HOLDS
				  ? "`cordon run --trace=auto` starts one here, without the trace"
				  : "see the rows above that are missing");
}

void probe_lite(struct probe_result *ret)
{
	probe_in_child(try_lite, ret);
	if (ret->state != PROBE_HOLDS)
		probe_remedy(ret, "needed only where there are no namespaces; the reason says what "
				  "it needs");
}
