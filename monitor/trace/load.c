/* SPDX-License-Identifier: Apache-2.0 */
/* Which back end, and getting its programs into the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "monitor/trace/bpf_call.h"
#include "monitor/trace/internal.h"
#include "monitor/trace/layout.h"
#include "monitor/trace/trace.h"

#include "common/buf.h"
#include "common/cleanup.h"

#define LOAD_TRIES	     20
#define LOG_BYTES	     (16u << 20)
#define LSM_PATH	     "/sys/kernel/security/lsm"
#define SYS_LSM_LIST_MODULES 461 /* Linux 6.8 */
#define LSM_ID_BPF	     110
#define MAJOR		     6	/* of both below */
#define DIRECT_MINOR	     16 /* Linux 6.16 */
#define USER_PATH_MINOR	     8

static int load_error(int code, const char *log, struct error *err)
{
	if (code == -EPERM)
		return error_set(
			err, code,
			"tracing needs root, or CAP_BPF and CAP_PERFMON in the first user namespace");
	/* The verifier's own refusals are EACCES and EINVAL, too large a program E2BIG. */
	if (code == -EACCES || code == -EINVAL || code == -E2BIG || code == -EOPNOTSUPP ||
	    code == -ENOENT || code == -ESRCH)
		return error_set(
			err, EOPNOTSUPP,
			"this kernel does not take the tracing programs (it needs 6.1 or newer with BTF)%s%.300s",
			log[0] ? ": " : "", log);
	return error_errno(err, code, "loading the tracing programs");
}

/* The line of a verifier's log that says why: the last one before the statistics. */
static const char *log_reason(char *log)
{
	char *end = strstr(log, "\nprocessed ");
	char *start;

	if (end)
		*end = '\0';
	else
		log[strcspn(log, "\n")] = '\0'; /* no program: the kernel said something else */
	start = strrchr(log, '\n');
	return start ? start + 1 : log;
}

/* Once more, for the verifier's own words; a log costs time that a kernel which takes them saves.
 */
static int tell_why_refused(struct trace *trace, const struct trace_constants *constants,
			    struct error *err)
{
	_cleanup_free_ char *log = xcalloc(1, LOG_BYTES);
	const int r = trace->object->load(constants, log, LOG_BYTES, &trace->programs);

	return r < 0 ? load_error(r, log_reason(log), err) : 0;
}

/*
 * The verifier gives up for a signal (EAGAIN); by the time that we hear of it its handler has run.
 * Only somebody who sends one after the other without a pause makes this fail.
 */
static int try_object(struct trace *trace, const struct trace_object *object,
		      const struct trace_constants *constants)
{
	int r = -EAGAIN;

	trace->object = object;
	for (int i = 0; r == -EAGAIN && i < LOAD_TRIES; i++)
		r = object->load(constants, NULL, 0, &trace->programs);
	return r;
}

/* By its number: asking a kernel that has it not takes as long as half of the loading. */
static bool is_at_least(unsigned long wanted_minor)
{
	struct utsname name;
	unsigned long major, minor;
	char *end;

	if (uname(&name) < 0)
		return false;
	major = strtoul(name.release, &end, 10);
	minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	return major > MAJOR || (major == MAJOR && minor >= wanted_minor);
}

/* A back end's object; @direct where the kernel takes that. */
static int load_object(struct trace *trace, const struct trace_object *direct,
		       const struct trace_object *object, const struct trace_constants *constants,
		       struct error *err)
{
	int r;

	if (!constants->no_direct_reads && is_at_least(DIRECT_MINOR) &&
	    try_object(trace, direct, constants) == 0)
		return 0;
	r = try_object(trace, object, constants);
	if (r == 0)
		return 0;
	r = load_error(r, "", err);
	return r == -EOPNOTSUPP ? tell_why_refused(trace, constants, err) : r;
}

static bool names_bpf(const char *list)
{
	const char *at = strstr(list, "bpf");

	return at && (at == list || at[-1] == ',') && (!at[3] || at[3] == ',' || at[3] == '\n');
}

/*
 * Does the kernel ask BPF at its security hooks? Programs load and attach also where nobody would
 * ever call them. Return: 1, 0, or negative errno where it does not tell.
 */
static int asks_bpf(void)
{
	_cleanup_close_ int fd = open(LSM_PATH, O_RDONLY | O_CLOEXEC);
	char list[512];
	uint64_t ids[32];
	uint32_t bytes = sizeof(ids);
	ssize_t n = fd < 0 ? -1 : read(fd, list, sizeof(list) - 1);
	long count;

	if (n >= 0) {
		list[n] = '\0';
		return names_bpf(list);
	}
	count = syscall(SYS_LSM_LIST_MODULES, ids, &bytes, 0);
	if (count < 0)
		return -errno;
	for (long i = 0; i < count; i++)
		if (ids[i] == LSM_ID_BPF)
			return 1;
	return 0;
}

static int load_lsm(struct trace *trace, const struct trace_constants *constants, struct error *err)
{
	const int asks = asks_bpf();
	int r;

	if (asks < 0)
		return error_errno(err, asks,
				   "the kernel does not tell whether it asks BPF at its security "
				   "hooks (" LSM_PATH "; mount securityfs)");
	if (!asks)
		return error_set(err, EOPNOTSUPP,
				 "\"bpf\" is not among the security modules in " LSM_PATH
				 "; boot with it in lsm=");
	r = bpf_call_may_load_lsm();
	if (r < 0)
		return error_set(err, r,
				 "the kernel's security hooks take no program from us: that needs "
				 "root, or CAP_BPF and CAP_PERFMON, and a host that allows it; "
				 "CORDON_TRACE_BACKEND=tracepoint does without the hooks, "
				 "--trace=auto without a trace");
	return load_object(trace, &trace_object_lsm_direct, &trace_object_lsm, constants, err);
}

int trace_load(struct trace *trace, const struct trace_room *room, struct error *err)
{
	struct trace_constants constants = {.no_tags = room->no_tags,
					    .ring_bytes = (uint32_t)room->ring_bytes,
					    .no_direct_reads = room->no_direct_reads};
	enum trace_backend wanted;
	int r = trace_wanted_backend(&wanted, err);

	if (r < 0)
		return r;
	r = layout_load(&constants.layout, err);
	if (r < 0)
		return r;
	if (!is_at_least(USER_PATH_MINOR))
		constants.layout.user_path = 0;
	r = approval_key_make(trace);
	if (r < 0)
		return error_errno(err, r, "making a random key");
	memcpy(constants.approval_key, trace->approval_key, sizeof(trace->approval_key));
	if (wanted != TRACE_BACKEND_TRACEPOINT) {
		r = load_lsm(trace, &constants, err);
		if (r == 0 || wanted == TRACE_BACKEND_LSM)
			return r;
	}
	return load_object(trace, &trace_object_tracepoint_direct, &trace_object_tracepoint,
			   &constants, err);
}
