/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/lineage.h"

#include <stdio.h>
#include <stdlib.h>

#include <uthash.h>

#include "common/buf.h"
#include "common/cleanup.h"

#define NS_PER_MS 1000000u

/* What somebody was, and what came before that. */
struct program {
	struct program *before; /* owned, one reference; NULL: none, or no more is kept */
	uint32_t references;
	uint32_t count; /* of those before */
	uint32_t depth; /* of the process that began it */
	bool is_cut;	/* there were more */
	bool is_script; /* what its interpreter, the next one, reads */
	size_t len;
	char path[];
};

struct process {
	uint32_t pid, exec_id;
	uint32_t depth;
	uint32_t children;	 /* made so far */
	uint64_t exec_ns;	 /* when its line became what it is; 0: never yet */
	struct program *program; /* one reference; NULL: nothing yet */
	/* Of the script that it asked to become last; NULL: it was none. Owned. */
	char *script, *interpreter;
	size_t name_len;
	char name[MAX_LINEAGE_BYTES];
	UT_hash_handle hh;
};

struct lineages {
	struct process *processes; /* by pid */
	size_t program_bytes;	   /* that all programs take */
	bool is_lost;
	/* Of the last action. */
	struct str ancestors[MAX_ANCESTORS];
	struct str forebears[MAX_ANCESTORS], branch[MAX_ANCESTORS];
};

struct lineages *lineages_new(void)
{
	return xcalloc(1, sizeof(struct lineages));
}

/* ---- programs ---- */

static struct program *program_share(struct program *program)
{
	if (program)
		program->references++;
	return program;
}

static size_t cost_of(const struct program *program)
{
	return sizeof(*program) + program->len + 1;
}

static void program_drop(struct lineages *lineages, struct program *program)
{
	while (program && --program->references == 0) {
		struct program *before = program->before;

		lineages->program_bytes -= cost_of(program);
		free(program);
		program = before;
	}
}

/* Takes over the reference to what is before. */
static struct program *program_after(struct lineages *lineages, struct program *before,
				     struct str path, uint32_t depth)
{
	struct program *program;

	/* Who runs itself anew is still what it was. */
	if (before && str_eq((struct str){before->path, before->len}, path))
		return before;
	program = xcalloc(1, sizeof(*program) + path.len + 1);
	program->references = 1;
	program->len = path.len;
	program->depth = depth;
	lineages->program_bytes += cost_of(program);
	memcpy(program->path, path.at, path.len);
	if (!before)
		return program;
	program->is_cut = before->is_cut || before->count + 1 == MAX_ANCESTORS;
	if (program->is_cut) {
		program_drop(lineages, before);
		return program;
	}
	program->before = before;
	program->count = before->count + 1;
	return program;
}

/* ---- processes ---- */

static struct process *find(const struct lineages *lineages, uint32_t pid)
{
	struct process *process = NULL;

	HASH_FIND_INT(lineages->processes, &pid, process);
	return process;
}

static void forget_script(struct process *process)
{
	free(process->script);
	free(process->interpreter);
	process->script = process->interpreter = NULL;
}

/* NOLINTBEGIN(clang-analyzer-unix.Malloc): the analyzer does not follow uthash in drop() */

static void drop(struct lineages *lineages, struct process *process)
{
	HASH_DEL(lineages->processes, process);
	program_drop(lineages, process->program);
	forget_script(process);
	free(process);
}

static void forget_all(struct lineages *lineages)
{
	struct process *process, *next;

	HASH_ITER (hh, lineages->processes, process, next)
		drop(lineages, process);
}

struct lineages *lineages_free(struct lineages *lineages)
{
	if (!lineages)
		return NULL;
	forget_all(lineages);
	free(lineages);
	return NULL;
}

void lineages_lose(struct lineages *lineages)
{
	if (!lineages || lineages->is_lost)
		return;
	lineages->is_lost = true;
	forget_all(lineages);
}

/* NULL if there is no room, which is a loss.
 * NOLINTNEXTLINE(readability-function-size): what uthash's macro is made of */
static struct process *add(struct lineages *lineages, uint32_t exec_id, uint32_t pid)
{
	struct process *process = find(lineages, pid);

	if (process) /* another one had that number */
		drop(lineages, process);
	if (HASH_COUNT(lineages->processes) == MAX_LINEAGES) {
		lineages_lose(lineages);
		return NULL;
	}
	process = xcalloc(1, sizeof(*process));
	process->pid = pid;
	process->exec_id = exec_id;
	HASH_ADD_INT(lineages->processes, pid, process);
	return process;
}

static struct process *find_or_begin(struct lineages *lineages, uint32_t exec_id, uint32_t pid)
{
	struct process *process = find(lineages, pid);

	if (process)
		return process;
	process = add(lineages, exec_id, pid);
	if (process)
		process->name_len =
			(size_t)snprintf(process->name, sizeof(process->name), "%u", exec_id);
	return process;
}

static struct program *script_after(struct lineages *lineages, const struct process *process)
{
	struct program *before = process->program;
	struct program *program =
		program_after(lineages, before, str_of(process->script), process->depth);

	if (program != before)
		program->is_script = true;
	return program;
}

void lineages_exec(struct lineages *lineages, uint32_t exec_id, uint32_t pid, struct str path,
		   uint64_t time_ns)
{
	struct process *process;

	if (!lineages || lineages->is_lost)
		return;
	process = find_or_begin(lineages, exec_id, pid);
	if (!process)
		return;
	if (process->script && str_eq(str_of(process->interpreter), path))
		process->program = script_after(lineages, process);
	forget_script(process);
	process->program = program_after(lineages, process->program, path, process->depth);
	process->exec_ns = time_ns;
	if (lineages->program_bytes > MAX_LINEAGE_PROGRAMS)
		lineages_lose(lineages);
}

void lineages_fork(struct lineages *lineages, uint32_t exec_id, uint32_t parent, uint32_t pid)
{
	struct process *from, *process;
	int len;

	if (!lineages || lineages->is_lost)
		return;
	from = find_or_begin(lineages, exec_id, parent);
	process = from ? add(lineages, exec_id, pid) : NULL;
	from = process ? find(lineages, parent) : NULL;
	if (!from)
		return;
	process->program = program_share(from->program);
	process->exec_ns = from->exec_ns;
	process->depth = from->depth + 1;
	len = snprintf(process->name, sizeof(process->name), "%s/%u", from->name, ++from->children);
	if ((size_t)len >= sizeof(process->name))
		len = snprintf(process->name, sizeof(process->name), "%s", from->name);
	process->name_len = (size_t)len;
}

void lineages_exit(struct lineages *lineages, uint32_t pid)
{
	struct process *process = lineages ? find(lineages, pid) : NULL;

	if (process)
		drop(lineages, process);
}

void lineages_end(struct lineages *lineages, uint32_t exec_id)
{
	struct process *process, *next;

	if (!lineages)
		return;
	HASH_ITER (hh, lineages->processes, process, next) {
		if (process->exec_id == exec_id)
			drop(lineages, process);
	}
}

/* NOLINTEND(clang-analyzer-unix.Malloc) */

/* ---- actions ---- */

static void keep_script(struct process *process, const struct action *action)
{
	forget_script(process);
	if (!action->interpreter.len)
		return;
	process->script = xstrndup(action->path.at, action->path.len);
	process->interpreter = xstrndup(action->interpreter.at, action->interpreter.len);
}

static void list_ancestors(struct lineages *lineages, const struct program *program,
			   struct action *action)
{
	size_t count = 0;

	for (program = program ? program->before : NULL; program && count < MAX_ANCESTORS;
	     program = program->before)
		lineages->ancestors[count++] = (struct str){program->path, program->len};
	action->ancestors = (struct str_list){lineages->ancestors, count};
}

/* How deep the last process is that both come from; -1: there is none. */
static int64_t shared_depth(const struct process *one, const struct process *other)
{
	int64_t depth = -1;

	for (size_t i = 0;; i++) {
		const bool ends = i == one->name_len || one->name[i] == '/';

		if (ends != (i == other->name_len || other->name[i] == '/'))
			return depth;
		if (!ends && one->name[i] != other->name[i])
			return depth;
		depth += ends;
		if (i == one->name_len || i == other->name_len)
			return depth;
	}
}

/*
 * The programs of who sends a signal, from the last process on that it and the receiver both come
 * from, its own first; and those that began above that process. Scripts are left out: what they do
 * their interpreter does. By names, which an orphan keeps, not by parents. Whoever is too deep to
 * have a name of its own passes for its forebear, so that a process is found too high, never too
 * deep.
 */
static void list_kin(struct lineages *lineages, const struct process *sender, struct action *action)
{
	const struct process *receiver =
		action->receiver ? find(lineages, (uint32_t)action->receiver) : NULL;
	const int64_t depth = receiver && receiver->exec_id == sender->exec_id
				      ? shared_depth(sender, receiver)
				      : -1;
	size_t above = 0, below = 0;

	for (const struct program *p = depth < 0 ? NULL : sender->program;
	     p && above + below < MAX_ANCESTORS; p = p->before) {
		const struct str path = {p->path, p->len};

		if (p->is_script)
			continue;
		if (p->depth < depth)
			lineages->forebears[above++] = path;
		else
			lineages->branch[below++] = path;
	}
	action->forebears = (struct str_list){lineages->forebears, above};
	action->branch = (struct str_list){lineages->branch, below};
}

void lineages_fill(struct lineages *lineages, struct action *action)
{
	struct process *process = NULL;

	if (!action_has_lineage(action->kind))
		return;
	action->lineage_unknown = LINEAGE_UNKNOWN;
	if (!lineages || lineages->is_lost || !action->pid)
		return;
	process = find_or_begin(lineages, action->exec_id, action->pid);
	if (!process)
		return;
	if (action->kind == ACTION_EXEC)
		keep_script(process, action);
	action->lineage_unknown =
		process->program && process->program->is_cut ? ANCESTORS_UNKNOWN : 0;
	action->lineage = (struct str){process->name, process->name_len};
	action->depth = process->depth;
	action->since_exec_ms =
		process->exec_ns && action->time_ns > process->exec_ns
			? (int64_t)((action->time_ns - process->exec_ns) / NS_PER_MS)
			: 0;
	list_ancestors(lineages, process->program, action);
	if (action->kind == ACTION_SIGNAL)
		list_kin(lineages, process, action);
}
