/* SPDX-License-Identifier: Apache-2.0 */
/* Who runs first and where: of a process outside, and our own over others. */
#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "tools/prove/probes/attempt.h"

#define IOPRIO_REAL_TIME (1 << 13)
#define IOPRIO_IDLE	 (3 << 13)
#define OF_A_PROCESS	 1 /* IOPRIO_WHO_PROCESS */
#define LATER		 19
#define SOONER		 (-10)

static int renice_victim(const struct arena *a)
{
	return outcome(setpriority(PRIO_PROCESS, (id_t)a->victim, LATER));
}

static int bind_victim(const struct arena *a)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	return outcome(sched_setaffinity(a->victim, sizeof(one), &one));
}

static int starve_victim(const struct arena *a)
{
	const struct sched_param none = {0};

	return outcome(sched_setscheduler(a->victim, SCHED_IDLE, &none));
}

static int starve_victims_disk(const struct arena *a)
{
	return outcome(syscall(SYS_ioprio_set, OF_A_PROCESS, a->victim, IOPRIO_IDLE));
}

static int limit_victim(const struct arena *a)
{
	const struct rlimit none = {0};

	return outcome(prlimit(a->victim, RLIMIT_NOFILE, &none, NULL));
}

static int sooner(const struct arena *a)
{
	(void)a;
	return outcome(setpriority(PRIO_PROCESS, 0, SOONER));
}

static int later(const struct arena *a)
{
	(void)a;
	return outcome(setpriority(PRIO_PROCESS, 0, LATER));
}

static int real_time(const struct arena *a)
{
	const struct sched_param least = {.sched_priority = 1};

	(void)a;
	return outcome(sched_setscheduler(0, SCHED_FIFO, &least));
}

/* struct sched_attr; libc has none yet. */
static int deadline(const struct arena *a)
{
	const struct {
		uint32_t size;
		uint32_t policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime;
		uint64_t deadline;
		uint64_t period;
	} attr = {.size = sizeof(attr),
		  .policy = 6, /* SCHED_DEADLINE */
		  .runtime = 10000000,
		  .deadline = 100000000,
		  .period = 100000000};

	(void)a;
	return outcome(syscall(SYS_sched_setattr, 0, &attr, 0));
}

static int real_time_disk(const struct arena *a)
{
	(void)a;
	return outcome(syscall(SYS_ioprio_set, OF_A_PROCESS, 0, IOPRIO_REAL_TIME));
}

static int later_disk(const struct arena *a)
{
	(void)a;
	return outcome(syscall(SYS_ioprio_set, OF_A_PROCESS, 0, IOPRIO_IDLE));
}

#define HOST_ROW(_id, _attempt, _flags)                                                       \
	ROW("process." _id, "11,33", "pid namespace of the session", _attempt, .twin = later, \
	    .effect = EFFECT_VICTIM, .expect = {ESRCH, EPERM}, .control = CONTROL_HOST,       \
	    .flags = (_flags))
#define OWN_ROW(_id, _attempt, _twin)                                                   \
	ROW("process." _id, "33", "no capabilities; rlimit", _attempt, .twin = (_twin), \
	    .expect = {EPERM, EACCES}, .control = CONTROL_HOST, .flags = ROW_ROOT)

const struct row priority_rows[] = {
	HOST_ROW("renice-host", renice_victim, 0),
	HOST_ROW("bind-host", bind_victim, ROW_TWO_CPUS),
	HOST_ROW("starve-host", starve_victim, 0),
	HOST_ROW("starve-host-disk", starve_victims_disk, 0),
	HOST_ROW("limit-host", limit_victim, 0),
	OWN_ROW("sooner", sooner, later),
	OWN_ROW("real-time", real_time, later),
	OWN_ROW("deadline", deadline, later),
	OWN_ROW("real-time-disk", real_time_disk, later_disk),
	{0},
};
