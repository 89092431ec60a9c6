/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A mail server that takes everything: any login, any recipient, any message. Each message is one
 * request of the record, and so is each login. RFC 5321; RFC 4954 (AUTH); RFC 3207 (STARTTLS).
 */

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "monitor/net/decoy/visit.h"

#define MAX_LINE     4096u
#define MAX_ENVELOPE 2048u

enum stage {
	AT_COMMAND,
	AT_LOGIN,    /* the answer to a question of AUTH */
	AT_PASSWORD, /* the second one */
	IN_DATA,
};

struct talk {
	enum stage stage;
	bool inside_line; /* in data: the last piece had no end of line */
	struct buf envelope;
	struct buf login;
	struct evidence evidence;
};

static void say(struct visit *visit, const char *line)
{
	visit_say(visit, line, strlen(line));
	visit_say(visit, "\r\n", 2);
}

static void begin(struct visit *visit)
{
	struct talk *talk = xcalloc(1, sizeof(*talk));

	talk->envelope = (struct buf)BUF_INIT(MAX_ENVELOPE);
	talk->login = (struct buf)BUF_INIT(MAX_ENVELOPE);
	talk->evidence.file_fd = -1;
	visit->talk = talk;
	say(visit, "220 mail ESMTP ready");
}

static void free_talk(struct visit *visit)
{
	struct talk *talk = visit->talk;

	buf_done(&talk->envelope);
	buf_done(&talk->login);
	evidence_done(&talk->evidence);
	free(talk);
}

static void tell(struct visit *visit, const char *method, const char *path,
		 const struct evidence *evidence, bool is_cut)
{
	struct decoy_request told = {.service = "smtp",
				     .host = "",
				     .method = method,
				     .path = path ? path : "",
				     .detail = "",
				     .status = is_cut ? 0 : 250,
				     .is_cut = is_cut};

	evidence_tell(evidence, &told);
	visit_tell(visit, &told);
}

static void tell_login(struct visit *visit, struct talk *talk)
{
	struct evidence nothing;

	evidence_begin(&nothing, &visit->decoy->store);
	tell(visit, "AUTH", talk->login.data, &nothing, false);
	evidence_done(&nothing);
	buf_clear(&talk->login);
}

static bool begins(const char *line, const char *word)
{
	return strncasecmp(line, word, strlen(word)) == 0;
}

/* ---- commands ---- */

static void greet(struct visit *visit)
{
	visit_say(visit, "250-mail\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n", 43);
	if (!visit->tls && visit->decoy->config.authority)
		say(visit, "250-STARTTLS");
	say(visit, "250 AUTH PLAIN LOGIN");
}

static void log_in(struct visit *visit, struct talk *talk, const char *rest)
{
	buf_clear(&talk->login);
	rest += strspn(rest, " ");
	buf_puts(&talk->login, rest);
	if (begins(rest, "LOGIN")) {
		talk->stage = strchr(rest, ' ') ? AT_PASSWORD : AT_LOGIN;
		say(visit, talk->stage == AT_LOGIN ? "334 VXNlcm5hbWU6" : "334 UGFzc3dvcmQ6");
	} else if (!strchr(rest, ' ')) {
		talk->stage = AT_PASSWORD;
		say(visit, "334 ");
	} else {
		tell_login(visit, talk);
		say(visit, "235 2.7.0 accepted");
	}
}

static void go_on_with_login(struct visit *visit, struct talk *talk, const char *line)
{
	buf_printf(&talk->login, " %s", line);
	if (talk->stage == AT_LOGIN) {
		talk->stage = AT_PASSWORD;
		say(visit, "334 UGFzc3dvcmQ6");
		return;
	}
	talk->stage = AT_COMMAND;
	tell_login(visit, talk);
	say(visit, "235 2.7.0 accepted");
}

static void begin_message(struct visit *visit, struct talk *talk)
{
	talk->stage = IN_DATA;
	talk->inside_line = false;
	evidence_begin(&talk->evidence, &visit->decoy->store);
	say(visit, "354 go on");
}

static void obey(struct visit *visit, struct talk *talk, const char *line)
{
	if (begins(line, "EHLO")) {
		greet(visit);
	} else if (begins(line, "HELO")) {
		say(visit, "250 mail");
	} else if (begins(line, "AUTH")) {
		log_in(visit, talk, line + 4);
	} else if (begins(line, "STARTTLS") && visit->decoy->config.authority && !visit->tls) {
		say(visit, "220 go on");
		if (!visit_start_tls(visit))
			visit_close(visit);
	} else if (begins(line, "MAIL") || begins(line, "RCPT")) {
		if (begins(line, "MAIL"))
			buf_clear(&talk->envelope);
		buf_printf(&talk->envelope, "%s%s", talk->envelope.len ? ", " : "", line);
		say(visit, "250 2.1.0 ok");
	} else if (begins(line, "DATA")) {
		begin_message(visit, talk);
	} else if (begins(line, "QUIT")) {
		say(visit, "221 2.0.0 bye");
		visit_close(visit);
	} else if (begins(line, "BDAT") || begins(line, "STARTTLS")) {
		say(visit, "502 5.5.1 not known");
	} else {
		say(visit, "250 2.0.0 ok");
	}
}

/* ---- the message ---- */

static void end_message(struct visit *visit, struct talk *talk)
{
	tell(visit, "DATA", talk->envelope.data, &talk->evidence, false);
	evidence_done(&talk->evidence);
	buf_clear(&talk->envelope);
	talk->stage = AT_COMMAND;
	say(visit, "250 2.0.0 queued");
}

static bool is_final_dot(const char *line, size_t len)
{
	return (len == 2 && memcmp(line, ".\n", 2) == 0) ||
	       (len == 3 && memcmp(line, ".\r\n", 3) == 0);
}

static void take_data(struct visit *visit, struct talk *talk, const char *line, size_t len)
{
	if (!talk->inside_line && is_final_dot(line, len)) {
		end_message(visit, talk);
		return;
	}
	evidence_add(&talk->evidence, line, len);
	talk->inside_line = line[len - 1] != '\n';
}

/* A line, or of one that is too long a piece; 0 if it is not there yet. */
static size_t line_length(const char *bytes, size_t len)
{
	const char *newline = memchr(bytes, '\n', len);

	if (newline)
		return (size_t)(newline - bytes) + 1;
	return len >= MAX_LINE ? len : 0;
}

static size_t take(struct visit *visit, const char *bytes, size_t len)
{
	struct talk *talk = visit->talk;
	size_t at = 0;

	while (at < len && !visit->closing) {
		const bool was_plain = !visit->tls;
		const size_t n = line_length(bytes + at, len - at);

		if (!n)
			break;
		if (talk->stage == IN_DATA) {
			take_data(visit, talk, bytes + at, n);
		} else {
			_cleanup_free_ char *line = xstrndup(bytes + at, n);

			line[strcspn(line, "\r\n")] = '\0';
			if (talk->stage == AT_COMMAND)
				obey(visit, talk, line);
			else
				go_on_with_login(visit, talk, line);
		}
		at += n;
		if (was_plain && visit->tls)
			break;
	}
	return at;
}

static void end(struct visit *visit)
{
	struct talk *talk = visit->talk;

	if (talk->stage == IN_DATA && talk->evidence.store)
		tell(visit, "DATA", talk->envelope.data, &talk->evidence, true);
}

const struct protocol smtp_protocol = {.name = "smtp",
				       .secured_name = "smtp",
				       .begin = begin,
				       .take = take,
				       .end = end,
				       .free = free_talk};
