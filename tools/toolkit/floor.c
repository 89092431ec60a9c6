/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/floor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "sandbox/spec_wire.h"
#include "tools/toolkit/layer.h"
#include "tools/toolkit/live.h"
#include "tools/toolkit/paths.h"

/* How long the launcher may take to clean up behind a session that has ended. */
#define LAUNCHER_GRACE_MS 5000

struct floor {
	struct plan plan;
	struct floor_owner owner;
	bool discard;
	bool has_changes;
	int lock_fd; /* live.h */
	pid_t launcher_pid;
	int launcher_fd; /* pidfd */
	uv_poll_t launcher;
	uv_timer_t grace;
	unsigned handles;
};

/* ---- the end ---- */

static void floor_free(struct floor *floor)
{
	close_fd(&floor->lock_fd);
	close_fd(&floor->launcher_fd);
	plan_done(&floor->plan);
	free(floor);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct floor *floor = handle->data;

	if (--floor->handles == 0)
		floor_free(floor);
}

void floor_release(struct floor *floor)
{
	if (!floor)
		return;
	uv_close((uv_handle_t *)&floor->launcher, on_handle_closed);
	uv_close((uv_handle_t *)&floor->grace, on_handle_closed);
}

static void on_launcher(uv_poll_t *poll, int status, int events)
{
	struct floor *floor = poll->data;
	const char *upper = floor->plan.spec.upper_dir;

	(void)status;
	(void)events;
	/* ECHILD: our caller ignores SIGCHLD, and the kernel reaps for us. */
	while (waitpid(floor->launcher_pid, NULL, 0) < 0 && errno == EINTR)
		;
	(void)uv_poll_stop(&floor->launcher);
	(void)uv_timer_stop(&floor->grace);
	floor->has_changes = upper && !floor->discard && layer_has_changes(upper);
	floor->owner.gone(floor->owner.ctx);
}

/* Isolation lite's folder, after keeper and init were killed at once. */
static bool left_private(const struct floor *floor)
{
	_cleanup_free_ char *folder = spec_private_dir(floor->plan.id);

	return access(folder, F_OK) == 0;
}

void floor_settle(struct floor *floor)
{
	if (floor->plan.spec.upper_dir)
		layer_settle(floor->plan.spec.upper_dir, spec_overlaid(&floor->plan.spec),
			     floor->discard);
	trust_settle(&floor->plan.trust);
	if (floor->plan.state_dir)
		(void)rmdir(floor->plan.state_dir); /* goes if nothing is kept there */
	/* Whoever still ends what runs in it holds the lock: a later start's sweep removes it. */
	if (floor->plan.id && left_private(floor))
		close_fd(&floor->lock_fd);
	else if (floor->plan.id)
		live_leave(floor->plan.id, &floor->lock_fd);
}

static void on_grace_over(uv_timer_t *timer)
{
	struct floor *floor = timer->data;

	/* Its death takes the init with it (PR_SET_PDEATHSIG). */
	(void)syscall(SYS_pidfd_send_signal, floor->launcher_fd, SIGKILL, NULL, 0);
}

void floor_expect_end(struct floor *floor)
{
	if (uv_is_active((const uv_handle_t *)&floor->launcher))
		(void)uv_timer_start(&floor->grace, on_grace_over, LAUNCHER_GRACE_MS, 0);
}

void floor_abandon(struct floor *floor)
{
	struct pollfd ended = {.fd = floor->launcher_fd, .events = POLLIN};

	if (poll(&ended, 1, LAUNCHER_GRACE_MS) != 1)
		on_grace_over(&floor->grace);
	while (waitpid(floor->launcher_pid, NULL, 0) < 0 && errno == EINTR)
		;
	floor_settle(floor);
}

/* ---- the start ---- */

/* A number above those that the launcher gets, so that none is written over before its turn. */
static int lift_fd(int *fd)
{
	const int lifted_fd = fcntl(*fd, F_DUPFD_CLOEXEC, LAUNCH_CONTROL_FD + 1);

	if (lifted_fd < 0)
		return -errno;
	(void)close(*fd);
	*fd = lifted_fd;
	return 0;
}

/*
 * posix_spawn(3), for it does not copy our memory's map and lets the launcher run at once. The
 * launcher gets its ends of two sockets; nothing else. Its session is its own: what the user types
 * at his terminal is for the command, not for its keeper.
 */
static int spawn(const char *program, const int fds[2], pid_t *ret_pid)
{
	static const int targets[2] = {LAUNCH_SPEC_FD, LAUNCH_CONTROL_FD};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char name[] = "cordon-launch";
	char *args[] = {name, NULL};
	char *env[] = {NULL};
	sigset_t none;
	sigset_t all;
	int r;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawnattr_init(&attributes);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
							    POSIX_SPAWN_SETSID);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setsigdefault(&attributes, &all);
	for (size_t i = 0; i < 2; i++)
		(void)posix_spawn_file_actions_adddup2(&actions, fds[i], targets[i]);
	r = posix_spawn(ret_pid, program, &actions, &attributes, args, env);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attributes);
	return -r;
}

static int socket_pair(int *ret_ours, int *ret_theirs)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	*ret_ours = pair[0];
	*ret_theirs = pair[1];
	return lift_fd(ret_theirs);
}

static int start_launcher(struct floor *floor, int *ret_spec_fd, int *ret_control_fd,
			  struct error *err)
{
	_cleanup_free_ char *program = NULL;
	_cleanup_close_ int spec_fd = -1;
	_cleanup_close_ int control_fd = -1;
	_cleanup_close_ int their_spec_fd = -1;
	_cleanup_close_ int their_control_fd = -1;
	int r = paths_launcher(&program, err);

	if (r < 0)
		return r;
	r = socket_pair(&spec_fd, &their_spec_fd);
	if (!r)
		r = socket_pair(&control_fd, &their_control_fd);
	if (!r)
		r = spawn(program, (const int[2]){their_spec_fd, their_control_fd},
			  &floor->launcher_pid);
	if (r < 0)
		return error_errno(err, r, "start %s", program);
	floor->launcher_fd = (int)syscall(SYS_pidfd_open, floor->launcher_pid, 0);
	if (floor->launcher_fd < 0)
		return error_errno(err, errno, "watch %s", program);
	*ret_spec_fd = take_fd(&spec_fd);
	*ret_control_fd = take_fd(&control_fd);
	return 0;
}

static int watch(struct floor *floor, uv_loop_t *loop)
{
	const int r = uv_poll_init(loop, &floor->launcher, floor->launcher_fd);

	if (r < 0)
		return r;
	(void)uv_timer_init(loop, &floor->grace);
	floor->launcher.data = floor;
	floor->grace.data = floor;
	floor->handles = 2;
	return uv_poll_start(&floor->launcher, UV_READABLE, on_launcher);
}

static int prepare(struct floor *floor, const struct session_options *options, struct error *err)
{
	int r = plan_name(&floor->plan, options, err);

	if (r < 0)
		return r;
	/* A name that was given may be that of a session that was killed: it must be swept before.
	 */
	if (options->session_id)
		live_sweep();
	floor->lock_fd = live_enter(floor->plan.id, options->discard, err);
	if (floor->lock_fd < 0)
		return floor->lock_fd;
	r = plan_make(&floor->plan, options, err);
	if (r == 0 && spec_overlaid(&floor->plan.spec))
		r = live_name_workspace(floor->lock_fd, spec_overlaid(&floor->plan.spec), err);
	return r;
}

int floor_start(const struct floor_owner *owner, const struct session_options *options,
		struct floor **ret, int *ret_control_fd, struct error *err)
{
	struct floor *floor = xcalloc(1, sizeof(*floor));
	_cleanup_close_ int control_fd = -1;
	_cleanup_close_ int spec_fd = -1;
	int r;

	floor->owner = *owner;
	floor->discard = options->discard;
	floor->lock_fd = -1;
	floor->launcher_fd = -1;
	/* First: it begins while the plan is made, and waits for it. */
	r = start_launcher(floor, &spec_fd, &control_fd, err);
	if (!r)
		r = prepare(floor, options, err);
	if (!r)
		r = spec_send(spec_fd, &floor->plan.spec, floor->lock_fd, err);
	/* Else there is time for it while the launcher works. */
	if (!r && !options->session_id)
		live_sweep();
	if (!r && (r = watch(floor, owner->loop)) < 0)
		(void)error_errno(err, r, "watch the launcher");
	if (r < 0) {
		if (floor->launcher_pid > 0) {
			(void)kill(floor->launcher_pid, SIGKILL);
			(void)waitpid(floor->launcher_pid, NULL, 0);
		}
		floor_settle(floor);
		floor_free(floor);
		return r;
	}
	*ret = floor;
	*ret_control_fd = take_fd(&control_fd);
	return 0;
}

pid_t floor_launcher_pid(const struct floor *floor)
{
	return floor->launcher_pid;
}

const struct plan *floor_plan(const struct floor *floor)
{
	return &floor->plan;
}

const char *floor_changes(const struct floor *floor)
{
	return floor->has_changes ? floor->plan.spec.upper_dir : NULL;
}
