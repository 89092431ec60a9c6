/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/gate_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/support/gated.h"
#include "tests/support/slower.h"
#include "tests/support/test.h"

#define FIXTURE_LIMIT_MS 200000u

char fixture_folder[64];
char *const fixture_no_env[] = {NULL};

void write_file(const char *name, const char *text, mode_t mode)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", fixture_folder, name);
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

int fixture_set_up(void **state)
{
	(void)state;
	(void)snprintf(fixture_folder, sizeof(fixture_folder), "/tmp/cordon-gate-XXXXXX");
	return mkdtemp(fixture_folder) && chdir(fixture_folder) == 0 && mkdir("ws", 0755) == 0 &&
			       mkdir("d", 0755) == 0
		       ? 0
		       : -1;
}

int fixture_tear_down(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", fixture_folder);
	if (chdir("/") < 0)
		return -1;
	return system(command); /* NOLINT(cert-env33-c): our own folder */
}

int exec_path(const char *path)
{
	char *const argv[] = {(char[]){"x"}, NULL};

	(void)execve(path, argv, fixture_no_env);
	return errno;
}

void deny_all(struct fixture *f, const struct action *action, struct gate_answer *ret)
{
	(void)f;
	(void)action;
	*ret = (struct gate_answer){.errno_value = EDQUOT};
}

static void seen_text(char *to, size_t size, struct str text)
{
	(void)snprintf(to, size, "%.*s", (int)text.len, text.at ? text.at : "");
}

static void fixture_note(struct seen *s, const struct action *a, uint32_t tid,
			 const struct exec_image *image)
{
	const int file_fd = image ? image->file_fd : -1;
	struct stat st;

	s->kind = a->kind;
	s->pid = a->pid;
	s->tid = tid;
	seen_text(s->exe, sizeof(s->exe), a->exe);
	seen_text(s->path, sizeof(s->path), a->path);
	seen_text(s->name, sizeof(s->name), a->name);
	seen_text(s->interpreter, sizeof(s->interpreter), a->interpreter);
	seen_text(s->provenance, sizeof(s->provenance), a->provenance);
	seen_text(s->cwd, sizeof(s->cwd), a->cwd);
	seen_text(s->input, sizeof(s->input), a->input);
	seen_text(s->output, sizeof(s->output), a->output);
	s->setuid = a->setuid;
	seen_text(s->family, sizeof(s->family), a->family);
	seen_text(s->protocol, sizeof(s->protocol), a->protocol);
	seen_text(s->address, sizeof(s->address), a->address);
	s->port = a->port;
	s->loopback = a->loopback;
	s->argc = a->argv.count;
	for (size_t i = 0; i < a->argv.count && i < MAX_SEEN_ARGS; i++)
		seen_text(s->argv[i], sizeof(s->argv[i]), a->argv.items[i]);
	s->has_file = file_fd >= 0 && fstat(file_fd, &st) == 0;
	s->file_inode = s->has_file ? st.st_ino : 0;
}

static void fixture_decide(void *ctx, const struct gate_request *request, struct gate_answer *ret)
{
	const struct action *action = request->action;
	const struct exec_image *image = request->image;
	struct fixture *f = ctx;

	fixture_note(&f->seen[f->count < MAX_SEEN ? f->count : MAX_SEEN - 1], action, request->tid,
		     image);
	f->count++;
	ret->proceed = true;
	if (f->policy)
		f->policy(f, action, ret);
	if (ret->proceed && image && f->approve && f->approve(f, request->tid, image) < 0)
		*ret = (struct gate_answer){.errno_value = EPERM};
}

static void fixture_unanswered(void *ctx, uint32_t tid)
{
	struct fixture *f = ctx;

	if (f->unanswered)
		f->unanswered(f, tid);
}

static void fixture_gone(void *ctx)
{
	struct fixture *f = ctx;

	f->gone = true;
	f->notifications = gate_count(f->gate);
	gate_stop(f->gate);
	uv_close((uv_handle_t *)&f->limit, NULL);
}

/* Before Linux 6.11 a listener hears of the last task's end only when that is reaped. */
static void fixture_ended(uv_poll_t *poll, int status, int events)
{
	struct fixture *f = poll->data;

	(void)status;
	(void)events;
	assert_int_equal(waitpid(f->child, &f->status, 0), f->child);
	uv_close((uv_handle_t *)poll, NULL);
}

static void fixture_late(uv_timer_t *timer)
{
	struct fixture *f = timer->data;

	f->timed_out = true;
	(void)kill(f->child, SIGKILL);
}

static int fixture_numbers(const int **ret)
{
	static const int numbers[] = {SYS_execve,  SYS_execveat, SYS_connect,
				      SYS_bind,	   SYS_listen,	 SYS_sendto,
				      SYS_sendmsg, SYS_sendmmsg, SYS_setsockopt};

	*ret = numbers;
	return (int)(sizeof(numbers) / sizeof(numbers[0]));
}

struct fixture_start {
	int numbers_fd; /* the child writes the listener's number here */
	int go_fd;	/* and waits for a byte here */
	int (*fn)(void *arg);
	void *arg;
};

static void fixture_child(const struct fixture_start *start)
{
	const int *numbers;
	const int count = fixture_numbers(&numbers);
	int listener_fd;
	char go;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	listener_fd = gated_install(numbers, (unsigned)count);
	if (write(start->numbers_fd, &listener_fd, sizeof(listener_fd)) != sizeof(listener_fd) ||
	    read(start->go_fd, &go, 1) != 1)
		_exit(99);
	(void)close(start->numbers_fd);
	(void)close(start->go_fd);
	if (listener_fd >= 0)
		(void)close(listener_fd);
	_exit(start->fn(start->arg) & 0xff);
}

/* Forks; takes the listener out of the child with pidfd_getfd(2). */
static int fixture_fork(struct fixture *f, int (*fn)(void *arg), void *arg)
{
	struct fixture_start start = {.fn = fn, .arg = arg};
	int up[2];
	int down[2];
	int number = -1;

	assert_int_equal(pipe(up), 0);
	assert_int_equal(pipe(down), 0);
	f->child = fork();
	assert_true(f->child >= 0);
	if (f->child == 0) {
		start.numbers_fd = up[1];
		start.go_fd = down[0];
		fixture_child(&start);
	}
	assert_int_equal(read(up[0], &number, sizeof(number)), sizeof(number));
	if (number < 0)
		fail_msg("installing the filter: errno %d", -number);
	f->pid_fd = (int)syscall(SYS_pidfd_open, f->child, 0);
	const int listener_fd = (int)syscall(SYS_pidfd_getfd, f->pid_fd, number, 0);

	assert_true(listener_fd >= 0);
	if (f->started)
		assert_int_equal(f->started(f, f->pid_fd), 0);
	assert_int_equal(write(down[1], "", 1), 1);
	(void)close(up[0]);
	(void)close(up[1]);
	(void)close(down[0]);
	(void)close(down[1]);
	return listener_fd;
}

/* Runs fn(arg) gated to its end. Return: its wait status; what it did is in f->seen. */
int fixture_run(struct fixture *f, int (*fn)(void *arg), void *arg)
{
	static const struct gate_ops ops = {
		.decide = fixture_decide, .unanswered = fixture_unanswered, .gone = fixture_gone};
	struct error err = {0};
	struct gate_config config = {.loop = &f->loop,
				     .exec_id = 7,
				     .owners = {.workspace = f->workspace},
				     .ops = &ops,
				     .ctx = f};

	assert_int_equal(uv_loop_init(&f->loop), 0);
	config.listener_fd = fixture_fork(f, fn, arg);
	if (gate_start(&config, &f->gate, &err) != 0)
		fail_msg("gate_start: %s", err.text);
	(void)uv_timer_init(&f->loop, &f->limit);
	f->limit.data = f;
	(void)uv_timer_start(&f->limit, fixture_late, (uint64_t)FIXTURE_LIMIT_MS * slower(), 0);
	assert_int_equal(uv_poll_init(&f->loop, &f->ended, f->pid_fd), 0);
	f->ended.data = f;
	assert_int_equal(uv_poll_start(&f->ended, UV_READABLE, fixture_ended), 0);
	(void)uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	(void)close(f->pid_fd);
	assert_true(f->gone);
	assert_false(f->timed_out);
	return f->status;
}
