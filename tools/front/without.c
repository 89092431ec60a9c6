/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the sources that the front shares with the whole program call, and what no run that is the
 * front's comes to. An option about it ends the front; the rest is not reached.
 */

#include <argp.h>
#include <errno.h>
#include <stdlib.h>

#include "monitor/net/decoy/tls_module.h"
#include "monitor/policy/policy.h"
#include "tools/cordon/run/terminal.h"
#include "tools/front/front.h"
#include "tools/toolkit/approver/approver.h"
#include "tools/toolkit/command.h"
#include "tools/toolkit/loop.h"
#include "tools/toolkit/options_net.h"
#include "tools/toolkit/plan.h"

/* ---- options ---- */

static error_t know_none(int key, char *arg, struct argp_state *state)
{
	(void)key;
	(void)arg;
	(void)state;
	return ARGP_ERR_UNKNOWN;
}

const struct argp net_argp = {.parser = know_none};

char *net_policy(const struct net_options *net)
{
	(void)net;
	return NULL;
}

void net_options_done(struct net_options *net)
{
	(void)net;
}

int loop_init(uv_loop_t *loop, struct error *err)
{
	(void)err; /* ours opens nothing */
	return uv_loop_init(loop);
}

int approver_check(const char *text, struct error *err)
{
	(void)text;
	(void)err;
	front_become_whole();
}

bool approver_is_client(const char *text)
{
	(void)text;
	return false;
}

const char *approver_socket(const char *text)
{
	(void)text;
	return NULL;
}

const char *approver_words(const char *text)
{
	(void)text;
	return NULL;
}

int plan_read_spec(const struct session_options *options, const char *id, const char *state_dir,
		   struct spec *ret, struct error *err)
{
	(void)options;
	(void)id;
	(void)state_dir;
	(void)ret;
	return error_set(err, ENOTSUP, "a spec is read by the whole program");
}

/* ---- commands of our own, approvers, terminals and decoys, of which there are none ---- */

void command_signal(struct command *command, int signum)
{
	(void)command;
	(void)signum;
}

void command_kill(struct command *command)
{
	(void)command;
}

struct approver *approver_open(const char *text, const struct approver_host *host)
{
	(void)text;
	(void)host;
	return NULL;
}

void approver_close(struct approver *approver)
{
	(void)approver;
}

struct terminal *terminal_start(uv_loop_t *loop, int master_fd)
{
	(void)loop;
	(void)master_fd;
	return NULL;
}

void terminal_suspend(struct terminal *terminal)
{
	(void)terminal;
}

void terminal_resume(struct terminal *terminal)
{
	(void)terminal;
}

void terminal_hold(struct terminal *terminal, bool hold)
{
	(void)terminal;
	(void)hold;
}

void terminal_stop(struct terminal *terminal)
{
	(void)terminal;
}

const char *policy_decoys(const struct policy *policy)
{
	(void)policy;
	return NULL;
}

int tls_module_load(const char *path, const struct tls_module **ret, struct error *err)
{
	(void)ret;
	return error_set(err, ENOTSUP, "%s is loaded by the whole program", path);
}
