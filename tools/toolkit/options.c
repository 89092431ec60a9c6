/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/toolkit/options.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "tools/toolkit/approver/approver.h"
#include "tools/toolkit/option_value.h"
#include "tools/toolkit/options_net.h"
#include "tools/toolkit/profile.h"

enum option_key {
	KEY_POLICY = 0x1000,
	KEY_BIND,
	KEY_LABEL,
	KEY_RECORD,
	KEY_RECORD_SYNC,
	KEY_MODE,
	KEY_TIMEOUT,
	KEY_MEMORY,
	KEY_PIDS,
	KEY_CPUS,
	KEY_TRACE,
	KEY_ENV,
	KEY_SPEC,
	KEY_DISCARD,
	KEY_SESSION,
	KEY_FILE_SIZE,
	KEY_LAYER_SIZE,
	KEY_ISOLATION,
	KEY_PROFILE,
	KEY_APPROVER,
	KEY_APPROVER_TIMEOUT,
	KEY_LEARN_TO,
	KEY_POLICY_KEY,
};

static const struct argp_option option_list[] = {
	{0, 0, 0, 0, "What the session sees:", 1},
	{"workspace", 'w', "DIR[:MODE]", 0,
	 "Folder to work in, at the same path inside (default: the current one). MODE cow, the "
	 "default, keeps changes in a layer of their own, ro refuses them, live makes them on the "
	 "host",
	 0},
	{"isolation", KEY_ISOLATION, "full|lite", 0,
	 "lite is for hosts without namespaces: Landlock, seccomp and the gate alone, no network, no "
	 "cow (default: full)",
	 0},
	{"bind", KEY_BIND, "SRC[:DST][:rw]", 0,
	 "Show a file or folder of the host, read-only unless rw", 0},
	{"env", KEY_ENV, "NAME=VALUE", 0,
	 "Set a variable inside; nothing of the caller's is passed but TERM to a terminal", 0},
	{"discard", KEY_DISCARD, 0, 0, "Drop the changes of a cow workspace at the end", 0},
	{"spec", KEY_SPEC, "FILE", 0, "Take the sandbox from a spec as --dry-run prints it", 0},
	{0, 0, 0, 0, "What it may do:", 2},
	{"policy", 'p', "FILE|DIR", 0,
	 "Policy to enforce; may be repeated (default: the families that ship)", 0},
	{"policy-key", KEY_POLICY_KEY, "FILE", 0,
	 "Load only policies that a key of this file signed (see cordon policy sign)", 0},
	{"label", KEY_LABEL, "PATH=NAME", 0, "Label a file or folder: reading it marks the session",
	 0},
	{"mode", KEY_MODE, "enforce|observe|learn", 0,
	 "observe records what would have been refused and refuses nothing; learn does the same and "
	 "proposes at the end how the policies could allow it",
	 0},
	{"learn-to", KEY_LEARN_TO, "FILE", 0,
	 "Where --mode=learn writes its proposal, a diff (default: beside the record)", 0},
	{"approver", KEY_APPROVER, "WHO", 0,
	 "Who answers what rules want asked: console (a person at this terminal), unix:PATH (a "
	 "socket), command:PROGRAM ARG..., mcp (the client of cordon mcp); none, the default, "
	 "refuses it",
	 0},
	{"approver-timeout", KEY_APPROVER_TIMEOUT, "TIME", 0,
	 "No answer after so many seconds is a no (default: 60)", 0},
	{"profile", KEY_PROFILE, "NAME", 0,
	 "How strict, in a word: observe refuses nothing, eval neither and takes no writable folder "
	 "of the host, contain denies what is not allowed",
	 0},
	{"trace", KEY_TRACE, "on|auto|off", 0,
	 "Trace with BPF: on fails without the privilege, auto goes on without and says so", 0},
	{0, 0, 0, 0, "Limits:", 3},
	{"timeout", KEY_TIMEOUT, "SECONDS", 0, "Wall clock of one call", 0},
	{"memory", KEY_MEMORY, "SIZE", 0, "Memory of the session (K, M, G)", 0},
	{"pids", KEY_PIDS, "N", 0, "Processes and threads of the session", 0},
	{"cpus", KEY_CPUS, "N", 0, "CPUs of the session, e.g. 1.5", 0},
	{"file-size", KEY_FILE_SIZE, "SIZE", 0, "Largest file a process may write", 0},
	{"layer-size", KEY_LAYER_SIZE, "SIZE", 0,
	 "What the session may take of the host's disk with its changes", 0},
	{0, 0, 0, 0, "Evidence:", 4},
	{"record", KEY_RECORD, "FILE", 0,
	 "Where to write the record (default: in the state folder)", 0},
	{"record-sync", KEY_RECORD_SYNC, "never|end|write", 0,
	 "Whether to wait until the disk has the record (default: never)", 0},
	{"session", KEY_SESSION, "ID", 0, "Name of the session (default: made up)", 0},
	{0},
};

/* What is cut is a copy: the arguments themselves are what ps(1) shows of us. */
static void add_bind(struct session_options *o, const char *given)
{
	char *text = option_own(o, xstrdup(given));
	struct spec_bind bind = {.source = text};
	char *colon = strchr(text, ':');

	while (colon) {
		char *next = strchr(colon + 1, ':');

		*colon = '\0';
		if (next)
			*next = '\0';
		if (strcmp(colon + 1, "rw") == 0)
			bind.writable = true;
		else if (strcmp(colon + 1, "ro") != 0)
			bind.target = colon + 1;
		colon = next;
	}
	o->binds = xrealloc_array(o->binds, o->bind_count + 1, sizeof(*o->binds));
	o->binds[o->bind_count++] = bind;
}

static void set_workspace(struct argp_state *state, struct session_options *o, const char *given)
{
	static const char *const modes[] = {"cow", "ro", "live", NULL};
	char *text = option_own(o, xstrdup(given));
	char *colon = strrchr(text, ':');

	if (colon) {
		const int mode = option_find(colon + 1, modes);

		if (mode < 0)
			argp_error(state, "--workspace %s: \"%s\" is none of cow, ro, live", text,
				   colon + 1);
		o->workspace_mode = (enum workspace_mode)(WORKSPACE_COW + mode);
		*colon = '\0';
	}
	o->workspace_dir = text;
}

static void add_label(struct argp_state *state, struct session_options *o, const char *given)
{
	char *text = option_own(o, xstrdup(given));
	char *equals = strrchr(text, '=');

	if (!equals || equals == text || !equals[1])
		argp_error(state, "--label %s: must be PATH=NAME", text);
	else
		*equals = '\0';
	o->labels = xrealloc_array(o->labels, o->label_count + 1, sizeof(*o->labels));
	o->labels[o->label_count++] = (struct label_option){text, equals ? equals + 1 : ""};
}

static void set_limit(struct argp_state *state, struct session_options *o, int key, const char *arg)
{
	switch (key) {
	case KEY_MEMORY:
		option_size(state, "--memory", arg, &o->limits.memory_bytes);
		break;
	case KEY_FILE_SIZE:
		option_size(state, "--file-size", arg, &o->limits.file_size_bytes);
		break;
	case KEY_LAYER_SIZE:
		option_size(state, "--layer-size", arg, &o->limits.layer_bytes);
		break;
	case KEY_PIDS:
		o->limits.pids = (uint32_t)option_number(state, "--pids", arg, 1, 4194304);
		break;
	case KEY_APPROVER_TIMEOUT:
		o->approver_timeout_ms =
			option_milli(state, "--approver-timeout", arg, 0.001, 86400);
		break;
	case KEY_CPUS:
		o->limits.cpu_millis = option_milli(state, "--cpus", arg, 0.01, 4096);
		break;
	default:
		o->timeout_ms = option_milli(state, "--timeout", arg, 0.001, 4000000);
		break;
	}
}

static void set_approver(struct argp_state *state, struct session_options *o, const char *text)
{
	struct error err;

	if (approver_check(text, &err) < 0)
		argp_error(state, "--approver %s: %s", text, err.text);
	o->approver = text;
}

/* Those whose text is kept as it is. */
static error_t set_text(struct argp_state *state, struct session_options *o, int key,
			const char *arg)
{
	switch (key) {
	case KEY_APPROVER:
		set_approver(state, o, arg);
		return 0;
	case KEY_POLICY_KEY:
		o->policy_key = arg;
		return 0;
	case KEY_RECORD:
		o->record_path = arg;
		return 0;
	case KEY_LEARN_TO:
		o->learn_path = arg;
		return 0;
	case KEY_SPEC:
		o->spec_path = arg;
		return 0;
	case KEY_SESSION:
		o->session_id = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void set_choice(struct argp_state *state, struct session_options *o, int key,
		       const char *arg)
{
	static const char *const modes[] = {"enforce", "observe", "learn", NULL};
	static const char *const traces[] = {"on", "auto", "off", NULL};
	static const char *const isolations[] = {"full", "lite", NULL};
	static const char *const profiles[] = {"observe", "eval", "contain", NULL};
	static const char *const syncs[] = {"never", "end", "write", NULL};
	int choice;

	switch (key) {
	case KEY_MODE:
		choice = option_choice(state, "--mode", arg, modes, "enforce, observe or learn");
		o->mode = choice ? MODE_OBSERVE : MODE_ENFORCE;
		o->learns = choice == 2;
		return;
	case KEY_PROFILE:
		o->profile = PROFILE_OBSERVE + option_choice(state, "--profile", arg, profiles,
							     "observe, eval or contain");
		return;
	case KEY_TRACE:
		o->trace = (enum trace_mode)option_choice(state, "--trace", arg, traces,
							  "on, auto or off");
		return;
	case KEY_RECORD_SYNC:
		o->record_sync = (enum record_sync)option_choice(state, "--record-sync", arg, syncs,
								 "never, end or write");
		return;
	default:
		o->isolation = (enum isolation)option_choice(state, "--isolation", arg, isolations,
							     "full or lite");
	}
}

static void finish(struct argp_state *state, struct session_options *o)
{
	struct error err;

	if (o->learn_path && !o->learns)
		argp_error(state, "--learn-to goes with --mode=learn");
	o->policy_text = net_policy(&o->net);
	if (profile_apply((enum profile)o->profile, o, &err) < 0)
		argp_error(state, "%s", err.text);
}

/* A script's variable that is not set, most often. */
static void refuse_empty(struct argp_state *state, int key, const char *arg)
{
	for (const struct argp_option *option = option_list; arg && !*arg; option++) {
		if (!option->name && !option->doc)
			return;
		if (option->name && option->key == key)
			argp_error(state, "--%s: the value is empty", option->name);
	}
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct session_options *o = state->input;

	refuse_empty(state, key, arg);
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->net;
		return 0;
	case ARGP_KEY_SUCCESS:
		finish(state, o);
		return 0;
	case 'w':
		set_workspace(state, o, arg);
		return 0;
	case 'p':
		option_add_word(&o->policies, &o->policy_count, arg);
		return 0;
	case KEY_BIND:
		add_bind(o, arg);
		return 0;
	case KEY_LABEL:
		add_label(state, o, arg);
		return 0;
	case KEY_ENV:
		if (!strchr(arg, '=') || arg[0] == '=')
			argp_error(state, "--env %s: must be NAME=VALUE", arg);
		option_add_word(&o->env, &o->env_count, arg);
		return 0;
	case KEY_MODE:
	case KEY_PROFILE:
	case KEY_TRACE:
	case KEY_ISOLATION:
	case KEY_RECORD_SYNC:
		set_choice(state, o, key, arg);
		return 0;
	case KEY_DISCARD:
		o->discard = true;
		return 0;
	case KEY_MEMORY:
	case KEY_FILE_SIZE:
	case KEY_LAYER_SIZE:
	case KEY_PIDS:
	case KEY_CPUS:
	case KEY_APPROVER_TIMEOUT:
	case KEY_TIMEOUT:
		set_limit(state, o, key, arg);
		return 0;
	default:
		return set_text(state, o, key, arg);
	}
}

static const struct argp_child children[] = {{&net_argp, 0, 0, 2}, {0}};

const struct argp session_argp = {
	.options = option_list, .parser = parse_option, .children = children};

void session_options_done(struct session_options *options)
{
	free(options->binds);
	free(options->labels);
	free(options->policies);
	for (size_t i = 0; i < options->text_count; i++)
		free(options->texts[i]);
	free(options->texts);
	free(options->env);
	free(options->policy_text);
	net_options_done(&options->net);
	*options = (struct session_options){0};
}
