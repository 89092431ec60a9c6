/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A notified call of a hostile child: its registers and its memory, which it may change between two
 * reads of ours. What comes of it, an action to be decided or a file operation to be carried out,
 * must be whole: every string ends where it is said to, every descriptor is closed again.
 *
 *	byte 0		which call
 *	byte 1		flags, below
 *	bytes 2-19	six registers of three bytes: how to read it, and a number of 16 bits: an
 *			offset in memory, the number, it shifted, a folder's descriptor
 *	the rest	memory at BASE; zeros to the end of its last page, nothing mapped around it
 */

#include "tests/support/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "monitor/gate/decode.h"

#define BASE	    0x10000u
#define HEAD_BYTES  20u
#define MEMORY_MOST (256u << 10)
#define ARCH_NATIVE AUDIT_ARCH_X86_64

enum input_flags {
	INPUT_CHANGES = 1, /* one byte of memory is another after each read */
	INPUT_GONE = 2,	   /* the child is no more when it is asked for */
	INPUT_FOREIGN = 4, /* another architecture */
};

static const int calls[] = {
	SYS_execve,    SYS_execveat,  SYS_connect,     SYS_bind,	 SYS_listen,
	SYS_sendto,    SYS_sendmsg,   SYS_sendmmsg,    SYS_open,	 SYS_openat,
	SYS_creat,     SYS_truncate,  SYS_rename,      SYS_renameat,	 SYS_renameat2,
	SYS_link,      SYS_linkat,    SYS_symlink,     SYS_symlinkat,	 SYS_unlink,
	SYS_unlinkat,  SYS_rmdir,     SYS_mkdir,       SYS_mkdirat,	 SYS_mknod,
	SYS_mknodat,   SYS_chmod,     SYS_fchmod,      SYS_fchmodat,	 452,
	SYS_chown,     SYS_lchown,    SYS_fchown,      SYS_fchownat,	 SYS_setxattr,
	SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr,
	SYS_utime,     SYS_utimes,    SYS_futimesat,   SYS_utimensat,	 SYS_read,
};

static struct {
	uint8_t *memory;
	size_t len;
	unsigned flags;
	unsigned reads;
} child;

/* In place of the one in monitor/gate/child_fetch.c. */
int child_mem_fetch(uint32_t tid, uint64_t at, void *to, size_t len)
{
	fuzz_expect(tid == (uint32_t)getpid() && len);
	if (at < BASE || at - BASE > child.len || len > child.len - (at - BASE))
		return -EFAULT;
	memcpy(to, child.memory + (at - BASE), len);
	if ((child.flags & INPUT_CHANGES) && child.len)
		child.memory[((size_t)child.reads * 7919) % child.len] ^=
			(uint8_t)(1u << (child.reads % 8));
	child.reads++;
	return 0;
}

static bool is_valid(void *ctx)
{
	(void)ctx;
	return !(child.flags & INPUT_GONE);
}

static void check_text(struct str text, size_t most)
{
	fuzz_expect(text.len <= most && (!text.len || text.at));
	for (size_t i = 0; i < text.len; i++)
		(void)*(volatile const char *)&text.at[i];
}

static void check_list(struct str_list list)
{
	fuzz_expect(list.count <= MAX_ARGV_ITEMS);
	for (size_t i = 0; i < list.count; i++)
		fuzz_expect(strlen(list.items[i].at) == list.items[i].len);
}

static void check_image(const struct exec_image *image)
{
	const size_t len = (size_t)image->argv_bytes + image->env_bytes + image->name_bytes;

	fuzz_expect(image->file_fd >= 0 && fcntl(image->file_fd, F_GETFD) >= 0);
	fuzz_expect(image->name_bytes && image->block[len - 1] == '\0');
	if (image->argv_bytes)
		fuzz_expect(image->block[image->argv_bytes - 1] == '\0');
	if (image->env_bytes)
		fuzz_expect(image->block[image->argv_bytes + image->env_bytes - 1] == '\0');
}

static void decide(void *ctx, const struct gate_request *request, struct gate_answer *ret)
{
	const struct action *action = request->action;
	const struct exec_image *image = request->image;

	(void)ctx;
	fuzz_expect(is_valid(NULL) && request->tid == (uint32_t)getpid() &&
		    action->kind < ACTION_KINDS);
	check_text(action->path, MAX_PATH_BYTES + 16 + MAX_ADDRESS_BYTES);
	check_text(action->address, MAX_PATH_BYTES);
	check_text(action->interpreter, MAX_PATH_BYTES);
	check_text(action->cwd, MAX_PATH_BYTES);
	check_list(action->argv);
	check_list(action->startup_env);
	fuzz_expect((action->kind == ACTION_EXEC) == (image != NULL));
	if (image)
		check_image(image);
	ret->proceed = true;
}

/* What the hands will read must be there. */
static void check_file(const struct file_call *call)
{
	const struct hands_request *request = &call->request;
	const char *payload = call->payload.data;
	const bool has_text = request->op == HANDS_SYMLINK || request->op == HANDS_SETXATTR ||
			      request->op == HANDS_REMOVEXATTR;
	unsigned bases = 0;
	size_t at = 0;

	fuzz_expect(request->op < HANDS_OPS && request->paths >= 1 && request->paths <= 2);
	fuzz_expect(request->paths ==
		    (request->op == HANDS_RENAME || request->op == HANDS_LINK ? 2 : 1));
	fuzz_expect(call->payload.len <= HANDS_MAX_BYTES && request->umask <= 0777);
	for (unsigned i = 0; i < request->paths + has_text; i++) {
		const char *end = memchr(payload + at, 0, call->payload.len - at);

		fuzz_expect(end && end - (payload + at) < MAX_PATH_BYTES);
		at = (size_t)(end - payload) + 1;
	}
	fuzz_expect(call->payload.len - at == request->value_len);
	for (unsigned i = 0; i < request->paths; i++)
		bases += (request->walk[i] & HANDS_HAS_BASE) != 0;
	fuzz_expect(bases == call->base_count);
	for (unsigned i = 0; i < bases; i++)
		fuzz_expect(fcntl(call->base_fd[i], F_GETFD) == FD_CLOEXEC);
}

static char folder[128];
static int folder_fd = -1;

/* What a child can run. The third is run by the first, the fourth by itself. */
static const struct {
	const char *name, *text;
	bool is_here; /* the interpreter */
} scripts[] = {
	{"script", "/bin/sh -e\n", false},
	{"two", " two \targument \n", false},
	{"three", "script\n", true},
	{"loop", "loop\n", true},
	{"odd", "\n", false},
};

static void remove_folder(void)
{
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		(void)unlinkat(folder_fd, scripts[i].name, 0);
	(void)rmdir(folder);
}

static void make_folder(void)
{
	const char *tmp = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe) */

	(void)snprintf(folder, sizeof(folder), "%s/cordon-fuzz-XXXXXX", tmp ? tmp : "/tmp");
	fuzz_expect(mkdtemp(folder));
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		const int file_fd =
			openat(folder_fd, scripts[i].name, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

		fuzz_expect(dprintf(file_fd, "#!%s%s%s", scripts[i].is_here ? folder : "",
				    scripts[i].is_here ? "/" : "", scripts[i].text) > 0);
		(void)close(file_fd);
	}
	(void)atexit(remove_folder);
}

static __u64 register_of(const uint8_t *at)
{
	const unsigned number = at[1] | (unsigned)at[2] << 8;

	switch (at[0] % 4) {
	case 0:
		return BASE + number;
	case 1:
		return (__u64)(int16_t)number;
	case 2:
		return (__u64)number << (at[0] >> 2);
	default:
		return (__u64)(number % 2 ? folder_fd : AT_FDCWD);
	}
}

static void take_memory(const uint8_t *data, size_t size)
{
	child.len = (size + CHILD_PAGE_BYTES - 1) / CHILD_PAGE_BYTES * CHILD_PAGE_BYTES;
	child.memory = calloc(1, child.len ? child.len : 1);
	fuzz_expect(child.memory);
	memcpy(child.memory, data, size);
	child.reads = 0;
}

static void run(struct seccomp_data *call)
{
	static const struct decode_ops ops = {.is_valid = is_valid, .decide = decide};
	static struct decode decode; /* large */
	struct gate_answer answer = {0};
	int r;

	decode = (struct decode){.exec_id = 1, .owners = {.workspace = "/tmp"}, .ops = &ops};
	decode_init(&decode);
	r = decode_call(&decode, (uint32_t)getpid(), call, &answer);
	fuzz_expect(r == 0 || (r == DECODE_GONE && (child.flags & INPUT_GONE)));
	fuzz_expect(r == DECODE_GONE || answer.proceed ||
		    (answer.errno_value > 0 && answer.errno_value < 4096));
	if (decode.file) {
		fuzz_expect(r == 0 && !answer.proceed && is_valid(NULL));
		check_file(decode.file);
	}
	decode_done(&decode);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seccomp_data call = {.arch = ARCH_NATIVE};
	struct fuzz_fds before;

	if (size < HEAD_BYTES || size - HEAD_BYTES > MEMORY_MOST)
		return 0;
	if (folder_fd < 0)
		make_folder();
	call.nr = calls[data[0] % (sizeof(calls) / sizeof(calls[0]))];
	child.flags = data[1];
	if (child.flags & INPUT_FOREIGN)
		call.arch = AUDIT_ARCH_I386;
	for (unsigned i = 0; i < 6; i++)
		call.args[i] = register_of(data + 2 + (size_t)3 * i);
	before = fuzz_free_fds();
	take_memory(data + HEAD_BYTES, size - HEAD_BYTES);
	run(&call);
	free(child.memory);
	fuzz_expect_free(&before);
	return 0;
}
