/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of processes, and labels: of files, of sessions, of processes. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "monitor/trace/bpf_call.h"
#include "monitor/trace/internal.h"
#include "monitor/trace/trace.h"

#include "common/buf.h"
#include "common/cleanup.h"

#define MAX_LABEL_PINS 4096u /* labelled files and folders of one session */

int trace_tag(struct trace *trace, int pid_fd, uint32_t slot, uint32_t exec_id)
{
	struct trace_session *session = trace_session(trace, slot);
	const struct trace_group group = {.processes = 1};
	struct trace_tag tag = {.slot = slot, .exec_id = exec_id};
	int r;

	if (!session)
		return -ENOENT;
	session->missed_flows |= !flows_are_seen(trace);
	tag.generation = session->generation;
	tag.group = TRACE_GROUP_OF_READER | ++trace->last_group;
	/* Without its group it has all labels of its session. */
	(void)bpf_call_map_set(trace_map_fd(trace, TRACE_MAP_GROUPS), &tag.group, &group);
	r = bpf_call_map_set(trace_map_fd(trace, TRACE_MAP_TAGS), &pid_fd, &tag);
	return r == -ENOENT ? -ESRCH : r; /* task storage says so of a process that was reaped */
}

static void pin_init(struct label_pin *pin, uint64_t labels)
{
	struct statfs fs;
	struct stat st;

	pin->labels = labels;
	pin->is_layered = fstatfs(pin->fd, &fs) == 0 && fs.f_type == OVERLAYFS_SUPER_MAGIC &&
			  fstat(pin->fd, &st) == 0 && !S_ISDIR(st.st_mode);
	if (pin->is_layered)
		pin->changed = st.st_ctim;
}

/* Nobody inside can set that time, and each link that is made or removed does. */
static bool may_have_names(const struct trace_session *session, const struct label_pin *pin)
{
	struct stat st;

	if (!pin->is_layered)
		return false;
	return fstat(pin->fd, &st) < 0 || ((session->has_linked || st.st_nlink > 1) &&
					   (st.st_ctim.tv_sec != pin->changed.tv_sec ||
					    st.st_ctim.tv_nsec != pin->changed.tv_nsec));
}

/*
 * On an overlay a hard link is another inode to who opens it: the kernel looks it up anew and finds
 * where it came from only for a mount that root of the host has made. The label of its file stays
 * behind. So one that was changed, where hard links were made, counts as read, by everybody.
 */
static void look_at_links(struct trace *trace, uint32_t slot)
{
	const struct trace_session *session = trace->sessions[slot];

	for (size_t i = 0; i < session->pin_count; i++) {
		const struct label_pin *pin = &session->pins[i];

		if (!may_have_names(session, pin))
			continue;
		__atomic_fetch_or(&trace->slots[slot].everywhere, pin->labels, __ATOMIC_SEQ_CST);
		__atomic_fetch_or(&trace->slots[slot].labels, pin->labels, __ATOMIC_SEQ_CST);
	}
}

/* From here on it is seen how labels go on. */
static int begin_labels(struct trace *trace, uint32_t slot, uint64_t labels)
{
	struct trace_session *session = trace->sessions[slot];
	int r;

	if (!session->is_labelled) {
		r = flows_begin(trace);
		if (r < 0)
			return r;
		session->is_labelled = true;
	}
	if (session->missed_flows) /* with its processes something may have gone on already */
		__atomic_fetch_or(&trace->slots[slot].everywhere, labels, __ATOMIC_SEQ_CST);
	return 0;
}

int trace_label_network(struct trace *trace, uint32_t slot, uint64_t labels)
{
	int r;

	if (!trace_session(trace, slot))
		return -ENOENT;
	r = begin_labels(trace, slot, labels);
	if (r < 0)
		return r;
	__atomic_fetch_or(&trace->slots[slot].every_label, labels, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&trace->slots[slot].network, labels, __ATOMIC_SEQ_CST);
	return 0;
}

int trace_label_file(struct trace *trace, uint32_t slot, int file_fd, uint64_t labels)
{
	struct trace_session *session = trace_session(trace, slot);
	struct trace_control control = {.op = TRACE_CONTROL_LABEL, .slot = slot, .labels = labels};
	_cleanup_close_ int pin_fd = -1;
	int r;

	if (!session)
		return -ENOENT;
	if (session->pin_count >= MAX_LABEL_PINS)
		return -ENOSPC;
	pin_fd = fcntl(file_fd, F_DUPFD_CLOEXEC, 3);
	if (pin_fd < 0)
		return -errno;
	r = begin_labels(trace, slot, labels);
	if (r < 0)
		return r;
	control.fd = (uint32_t)pin_fd;
	control.generation = session->generation;
	r = trace_control(trace, &control);
	if (r < 0)
		return r;
	session->pins =
		xrealloc_array(session->pins, session->pin_count + 1, sizeof(session->pins[0]));
	session->pins[session->pin_count] =
		(struct label_pin){.fd = take_fd(&pin_fd), .inode = control.approval.inode};
	pin_init(&session->pins[session->pin_count++], labels);
	__atomic_fetch_or(&trace->slots[slot].every_label, labels, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&trace->slots[slot].flags, TRACE_SESSION_LABELS, __ATOMIC_SEQ_CST);
	return 0;
}

uint64_t trace_session_labels(struct trace *trace, uint32_t slot)
{
	if (!trace_session(trace, slot))
		return 0;
	look_at_links(trace, slot);
	return __atomic_load_n(&trace->slots[slot].labels, __ATOMIC_ACQUIRE);
}

uint64_t trace_process_labels(struct trace *trace, uint32_t slot, uint32_t pid)
{
	const struct trace_session *session = trace_session(trace, slot);
	const uint64_t all = trace_session_labels(trace, slot);
	_cleanup_close_ int pid_fd = -1;
	struct trace_group group;
	struct trace_tag tag;

	if (!all)
		return 0;
	pid_fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (pid_fd < 0 ||
	    bpf_call_map_get(trace_map_fd(trace, TRACE_MAP_TAGS), &pid_fd, &tag) < 0 ||
	    tag.slot != slot || tag.generation != session->generation ||
	    bpf_call_map_get(trace_map_fd(trace, TRACE_MAP_GROUPS), &tag.group, &group) < 0)
		return all;
	return (group.labels & all) | trace_everywhere_labels(trace, slot);
}

uint64_t trace_file_labels(struct trace *trace, uint32_t slot, int file_fd)
{
	const struct trace_session *session = trace_session(trace, slot);
	struct trace_control control = {.op = TRACE_CONTROL_LABELS, .slot = slot};
	uint64_t every;

	if (!session)
		return 0;
	every = __atomic_load_n(&trace->slots[slot].every_label, __ATOMIC_ACQUIRE);
	if (!every)
		return 0;
	control.fd = (uint32_t)file_fd;
	control.generation = session->generation;
	return trace_control(trace, &control) < 0 ? every : control.labels & every;
}

uint64_t trace_everywhere_labels(struct trace *trace, uint32_t slot)
{
	if (!trace_session(trace, slot))
		return 0;
	return __atomic_load_n(&trace->slots[slot].everywhere, __ATOMIC_ACQUIRE) &
	       trace_session_labels(trace, slot);
}

void groups_drop_all(const struct trace *trace)
{
	const int map_fd = trace_map_fd(trace, TRACE_MAP_GROUPS);
	uint64_t group;

	while (bpf_call_map_first(map_fd, &group) == 0)
		(void)bpf_call_map_delete(map_fd, &group);
}

void trace_session_clear_labels(struct trace *trace, uint32_t slot, uint64_t labels)
{
	if (trace_session(trace, slot))
		__atomic_fetch_and(&trace->slots[slot].labels, ~labels, __ATOMIC_SEQ_CST);
}
