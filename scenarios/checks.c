/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/checks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"

#define MAX_CHECKED_BYTES (16u << 20) /* of a file that must contain something */

/* Takes over the three texts. */
static void add_check(struct findings *f, char *what, char *expected, char *got, bool ok)
{
	f->checks = xrealloc_array(f->checks, f->check_count + 1, sizeof(*f->checks));
	f->checks[f->check_count++] = (struct check_finding){what, expected, got, ok};
	f->ok &= ok;
}

static int open_inside(int workspace_fd, const char *path, int flags)
{
	const struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	const long fd = syscall(SYS_openat2, workspace_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

static bool holds(int file_fd, const char *wanted)
{
	_cleanup_buf_ struct buf content = BUF_INIT(MAX_CHECKED_BYTES);
	char chunk[4096];
	ssize_t n;

	while ((n = read(file_fd, chunk, sizeof(chunk))) > 0 && !content.overflow)
		buf_put(&content, chunk, (size_t)n);
	return content.len && memmem(content.data, content.len, wanted, strlen(wanted));
}

static void check_file(struct findings *f, const struct file_check *check, int workspace_fd)
{
	/* Whether a name is there is asked without opening what may be a pipe or a link. */
	_cleanup_close_ int name_fd = open_inside(workspace_fd, check->path, O_PATH);
	_cleanup_close_ int file_fd = -1;
	const bool missing = name_fd == -ENOENT || name_fd == -ENOTDIR;
	char *what = xasprintf("file %s", check->path);
	struct stat st;

	if (!check->exists || !check->contains) {
		add_check(f, what, xstrdup(check->exists ? "exists" : "does not exist"),
			  name_fd >= 0 ? xstrdup("exists")
			  : missing    ? xstrdup("does not exist")
				       : xasprintf("cannot be opened: %s", strerror(-name_fd)),
			  check->exists ? name_fd >= 0 : missing);
		return;
	}
	if (name_fd >= 0 && fstat(name_fd, &st) == 0 && S_ISREG(st.st_mode))
		file_fd = open_inside(workspace_fd, check->path, O_RDONLY | O_NONBLOCK);
	if (file_fd < 0)
		add_check(f, what, xasprintf("contains \"%.80s\"", check->contains),
			  xstrdup(missing ? "does not exist" : "is no file that can be read"),
			  false);
	else if (holds(file_fd, check->contains))
		add_check(f, what, xasprintf("contains \"%.80s\"", check->contains),
			  xstrdup("contains it"), true);
	else
		add_check(f, what, xasprintf("contains \"%.80s\"", check->contains),
			  xstrdup("does not contain it"), false);
}

static bool is_loaded(const struct policy *policy, const char *rule)
{
	for (size_t i = 0; policy && i < policy_rule_count(policy); i++) {
		if (strcmp(policy_rule(policy, i)->id, rule) == 0)
			return true;
	}
	return !policy || strcmp(rule, "default") == 0 || strcmp(rule, "exec.mismatch") == 0;
}

/* Every firing counts, also one that only logs and one that was not enforced. */
static void check_rule(struct findings *f, const struct rule_check *check,
		       const struct observation *seen)
{
	uint64_t fired = 0;

	for (size_t i = 0; i < seen->ruling_count; i++)
		fired += strcmp(seen->rulings[i].rule, check->rule) == 0;
	add_check(f, xasprintf("rule %s", check->rule),
		  xasprintf("%s%llu times", check->most == UINT64_MAX ? "at least " : "",
			    (unsigned long long)check->least),
		  xasprintf("%llu times", (unsigned long long)fired),
		  fired >= check->least && fired <= check->most);
}

static bool is_meant(const struct sent_check *check, const struct sent *sent)
{
	const bool is_domain = strncmp(check->host, "*.", 2) == 0;
	const size_t len = strlen(sent->host);
	const size_t tail = strlen(check->host) - 1;
	const bool is_host =
		!is_domain ? strcmp(check->host, sent->host) == 0
			   : len > tail && strcmp(sent->host + len - tail, check->host + 1) == 0;
	_cleanup_free_ char *canary = check->canary ? xasprintf(" %s ", check->canary) : NULL;

	return is_host && (!check->service || strcmp(check->service, sent->service) == 0) &&
	       (!check->method || strcmp(check->method, sent->method) == 0) &&
	       (!canary || strstr(sent->canaries, canary));
}

static void check_sent(struct findings *f, const struct sent_check *check,
		       const struct observation *seen)
{
	uint64_t requests = 0;
	uint64_t bytes = 0;

	for (size_t i = 0; i < seen->sent_count; i++) {
		if (!is_meant(check, &seen->sent[i]))
			continue;
		requests++;
		bytes += seen->sent[i].bytes;
	}
	add_check(f,
		  xasprintf("sent to %s%s%s%s%s", check->host, check->service ? ", " : "",
			    check->service ? check->service : "", check->canary ? ", with " : "",
			    check->canary ? check->canary : ""),
		  xasprintf("at least %llu requests, %llu bytes",
			    (unsigned long long)check->least_requests,
			    (unsigned long long)check->least_bytes),
		  xasprintf("%llu requests, %llu bytes", (unsigned long long)requests,
			    (unsigned long long)bytes),
		  requests >= check->least_requests && bytes >= check->least_bytes);
}

static void check_label(struct findings *f, const char *label, const struct observation *seen)
{
	bool set = false;

	for (size_t i = 0; i < seen->label_count; i++)
		set |= strcmp(seen->labels[i], label) == 0;
	add_check(f, xasprintf("label %s", label), xstrdup("set"), xstrdup(set ? "set" : "not set"),
		  set);
}

/* What must hold of any session, whatever its scenario asks for. */
static void check_promises(struct findings *f, const struct observation *seen)
{
	const char *left = NULL;

	for (size_t i = 0; i < seen->call_count; i++)
		left = left ? left : seen->calls[i].left;
	add_check(f, xstrdup("processes"), xstrdup("none left by a call"),
		  left ? xasprintf("left: %s", left) : xstrdup("none"), !left);
	add_check(f, xstrdup("record"), xstrdup("closed, whole, signed by this host"),
		  seen->record.state != RECORD_CLOSED ? xstrdup(seen->record.reason)
		  : seen->record.signer_is_ours	      ? xstrdup("so it is")
						      : xstrdup("signed by another key"),
		  seen->record.state == RECORD_CLOSED && seen->record.signer_is_ours);
}

/* A rule that is not loaded can not have fired: said as such, else a misspelt id goes unnoticed. */
static void check_loaded(struct findings *f, const struct policy *policy, const char *rule)
{
	if (rule && !is_loaded(policy, rule))
		add_check(f, xasprintf("rule %s", rule), xstrdup("loaded"),
			  xstrdup("no loaded policy has it"), false);
}

void checks_make(const struct scenario *scenario, const struct observation *seen,
		 const struct policy *policy, int workspace_fd, struct findings *f)
{
	for (size_t i = 0; i < scenario->step_count; i++)
		check_loaded(f, policy, scenario->steps[i].expect.rule);
	for (size_t i = 0; i < scenario->file_count; i++)
		check_file(f, &scenario->files[i], workspace_fd);
	for (size_t i = 0; i < scenario->rule_count; i++) {
		check_rule(f, &scenario->rules[i], seen);
		check_loaded(f, policy, scenario->rules[i].rule);
	}
	for (size_t i = 0; i < scenario->label_count; i++)
		check_label(f, scenario->labels[i], seen);
	for (size_t i = 0; i < scenario->sent_count; i++)
		check_sent(f, &scenario->sent[i], seen);
	check_promises(f, seen);
}
