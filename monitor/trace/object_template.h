/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code of one object; included once by its file, which has defined OBJECT (what it is to be
 * called), OBJECT_NAME (as people say it), SKELETON(suffix) (its type and functions) and
 * FLOWS_APART (is what sees labels go on attached only where there are any?).
 */
#pragma once

#include "monitor/trace/object.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"

static void object_unload(struct trace_programs *programs)
{
	if (programs->skeleton)
		SKELETON(__destroy)(programs->skeleton);
	*programs = (struct trace_programs){0};
}

/* Read-only for the programs; until they are loaded they are ours. */
static void put_constants(struct SKELETON() * skeleton, const struct trace_constants *constants)
{
	struct SKELETON(__rodata) *rodata = skeleton->rodata;

	memcpy(without_const(&rodata->layout), &constants->layout, sizeof(constants->layout));
	memcpy(without_const(&rodata->approval_key), constants->approval_key,
	       sizeof(constants->approval_key));
	*(uint32_t *)without_const(&rodata->no_tags) = constants->no_tags;
	*(uint32_t *)without_const(&rodata->ring_bytes) = constants->ring_bytes;
	skeleton->maps.records.max_entries = constants->ring_bytes;
}

/* Control is run and not attached; what sees labels go on is, where it does nothing else, later. */
static void note_programs(struct SKELETON() * skeleton, struct trace_programs *ret)
{
	const struct bpf_prog_desc *all = (const void *)&skeleton->progs;
	const size_t count = sizeof(skeleton->progs) / sizeof(*all);

	_Static_assert(sizeof(skeleton->progs) / sizeof(*all) <= TRACE_MAX_LINKS, "room for each");
	ret->control_fd = skeleton->progs.control.prog_fd;
	ret->flow_fd = skeleton->progs.on_sys_exit.prog_fd;
	ret->fork_fd = skeleton->progs.on_fork.prog_fd;
	for (size_t i = 0; i < count; i++)
		if (all[i].prog_fd != ret->control_fd &&
		    (!FLOWS_APART || all[i].prog_fd != ret->flow_fd))
			ret->attach_fds[ret->attach_count++] = all[i].prog_fd;
}

static int object_load(const struct trace_constants *constants, char *log, size_t log_bytes,
		       struct trace_programs *ret)
{
	struct SKELETON() *skeleton = SKELETON(__open)();
	int r;

	*ret = (struct trace_programs){.skeleton = skeleton};
	if (!skeleton)
		return errno ? -errno : -ENOMEM;
	put_constants(skeleton, constants);
	if (log) {
		skeleton->ctx.log_level = 1;
		skeleton->ctx.log_buf = (uint64_t)(uintptr_t)log;
		skeleton->ctx.log_size = (uint32_t)log_bytes;
	}
	errno = 0;
	r = SKELETON(__load)(skeleton);
	if (r < 0) {
		r = r == -1 && errno ? -errno : r;
		object_unload(ret);
		return r;
	}
	ret->map_fds[TRACE_MAP_TAGS] = skeleton->maps.tags.map_fd;
	ret->map_fds[TRACE_MAP_GROUPS] = skeleton->maps.groups.map_fd;
	ret->map_fds[TRACE_MAP_FLOWS] = skeleton->maps.flows.map_fd;
	ret->map_fds[TRACE_MAP_COUNTERS] = skeleton->maps.counters.map_fd;
	ret->map_fds[TRACE_MAP_LABELS] = skeleton->maps.labels.map_fd;
	ret->map_fds[TRACE_MAP_APPROVALS] = skeleton->maps.approvals.map_fd;
	ret->map_fds[TRACE_MAP_SLOTS] = skeleton->maps.slots.map_fd;
	ret->map_fds[TRACE_MAP_RECORDS] = skeleton->maps.records.map_fd;
	ret->ring_is_shared = &skeleton->bss->ring_is_shared;
	note_programs(skeleton, ret);
	return 0;
}

const struct trace_object OBJECT = {.name = OBJECT_NAME,
				    .flows_apart = FLOWS_APART,
				    .load = object_load,
				    .unload = object_unload};
