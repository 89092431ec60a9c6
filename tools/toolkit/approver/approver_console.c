/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A person at the controlling terminal, one question at a time. What was typed before a question
 * was shown is no answer to it. Texts from inside the session are shown as buf_put_plain() writes
 * them, so that they cannot steer the terminal, and broken into lines before the terminal does it:
 * where that begins a new line a text could go on as a member of ours. What follows is indented.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include <utlist.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "common/plain.h"
#include "common/utf8.h"
#include "tools/toolkit/approver/face.h"

#define PTS_MAJOR     136 /* UNIX98_PTY_SLAVE_MAJOR */
#define VALUE_COLUMN  15  /* where a member's text stands */
#define LEAST_COLUMNS 20  /* of a text, however narrow the terminal is */
#define PAUSE_MS      2000

struct shown {
	uint64_t id;
	char *text; /* owned; the question */
	struct shown *next, *prev;
};

struct console {
	struct face face;
	int tty_fd;
	uv_poll_t *poll;     /* NULL: no question is on the screen */
	uv_timer_t *turn;    /* to show the next; NULL: not asked for */
	struct shown *queue; /* the first is the one that is shown */
	struct termios saved;
	bool has_saved;
	char line[128];
	size_t len;
	char by[MAX_APPROVER_NAME];
};

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

static void put(const struct console *c, const char *text)
{
	size_t done = 0;

	while (done < strlen(text)) {
		const ssize_t n = write(c->tty_fd, text + done, strlen(text) - done);

		if (n < 0 && errno != EINTR)
			return;
		done += n > 0 ? (size_t)n : 0;
	}
}

/* ---- the terminal ---- */

static int take_terminal(struct console *c)
{
	struct termios cooked;

	c->tty_fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->tty_fd < 0)
		return -errno;
	/* In the background a read would stop us, and nobody is looking. */
	if (tcgetpgrp(c->tty_fd) != getpgrp()) {
		close_fd(&c->tty_fd);
		return -ENOTTY;
	}
	if (c->face.host.hold_terminal)
		c->face.host.hold_terminal(c->face.host.ctx, true);
	c->has_saved = tcgetattr(c->tty_fd, &c->saved) == 0;
	if (c->has_saved) {
		cooked = c->saved;
		cooked.c_lflag |= ICANON | ECHO | ISIG;
		cooked.c_iflag |= ICRNL;
		cooked.c_oflag |= OPOST | ONLCR;
		(void)tcsetattr(c->tty_fd, TCSAFLUSH, &cooked);
	}
	(void)tcflush(c->tty_fd, TCIFLUSH);
	return 0;
}

static void give_terminal_back(struct console *c)
{
	if (c->tty_fd < 0)
		return;
	if (c->has_saved)
		(void)tcsetattr(c->tty_fd, TCSANOW, &c->saved);
	close_fd(&c->tty_fd);
	if (c->face.host.hold_terminal)
		c->face.host.hold_terminal(c->face.host.ctx, false);
}

/* ---- a question on the screen ---- */

static size_t terminal_columns(const struct console *c)
{
	struct winsize size;

	return ioctl(c->tty_fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

/* No character is wider than it has bytes. Some terminals wrap in the last column. */
static void put_wrapped(struct buf *out, const struct buf *text, size_t columns)
{
	const size_t room =
		columns > VALUE_COLUMN + LEAST_COLUMNS ? columns - VALUE_COLUMN - 1 : LEAST_COLUMNS;
	size_t used = 0;

	for (size_t at = 0; at < text->len;) {
		const unsigned n = utf8_length(text->data + at, text->len - at);
		const size_t bytes = n ? n : 1;

		if (used + bytes > room) {
			buf_printf(out, "\n%*s", VALUE_COLUMN, "");
			used = 0;
		}
		buf_put(out, text->data + at, bytes);
		used += bytes;
		at += bytes;
	}
}

/* All of it: what is not shown would be allowed unseen, and no question is longer than that. */
static void put_member(struct buf *out, const char *name, const struct json *value, size_t columns)
{
	const char *plain = json_string(value);
	_cleanup_buf_ struct buf shown = BUF_INIT(0);
	_cleanup_free_ char *text = NULL;

	if (!value || json_type(value) == JSON_NULL || (plain && !*plain))
		return;
	if (!plain)
		text = json_print(value);
	buf_printf(out, "  %-*s ", VALUE_COLUMN - 3, name);
	buf_put_plain(&shown, text ? text : plain, MAX_QUESTION_BYTES);
	put_wrapped(out, &shown, columns);
	buf_putc(out, '\n');
}

static void write_question(const struct json *q, size_t columns, struct buf *out)
{
	static const char *const members[] = {"because", "rule",    "severity", "also",	  "call",
					      "tool",	 "matched", "labels",	"pattern"};

	buf_puts(out, "\ncordon asks: may this session do ");
	buf_put_plain(out, json_get_string(q, "kind"), 40);
	buf_puts(out, "?\n");
	for (const struct json *f = json_first(json_get(q, "fields")); f; f = json_next(f))
		put_member(out, json_key(f), f, columns);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		put_member(out, members[i], json_get(q, members[i]), columns);
	buf_puts(out, "y: once, s: the same again in this session, p: what the pattern says, "
		      "n: no, nor the same again > ");
}

static void show_next(struct console *c);

static void finish(struct console *c, const char *text, const char *failure)
{
	struct shown *first = c->queue;
	const struct reply reply = {.text = text, .by = c->by, .failure = failure};
	const uint64_t id = first->id;

	DL_DELETE(c->queue, first);
	free(first->text);
	free(first);
	if (c->poll) {
		uv_close((uv_handle_t *)c->poll, on_closed);
		c->poll = NULL;
		give_terminal_back(c);
	}
	face_reply(&c->face, id, &reply);
}

static void answer_with_pattern(struct console *c)
{
	_cleanup_(json_freep) struct json *q = NULL;
	_cleanup_free_ char *pattern = NULL;
	_cleanup_free_ char *text = NULL;

	(void)json_parse("question", c->queue->text, strlen(c->queue->text), &q, NULL);
	pattern = json_print(json_get(q, "pattern"));
	text = xasprintf("{\"verdict\":\"allow\",\"scope\":\"pattern\",\"pattern\":%s}", pattern);
	finish(c, text, NULL);
}

static void on_line(struct console *c)
{
	const char *line = c->line;

	c->len = 0;
	if (strcmp(line, "y") == 0 || strcmp(line, "yes") == 0)
		finish(c, "{\"verdict\":\"allow\"}", NULL);
	else if (strcmp(line, "s") == 0)
		finish(c, "{\"verdict\":\"allow\",\"scope\":\"session\"}", NULL);
	else if (strcmp(line, "p") == 0)
		answer_with_pattern(c);
	else if (strcmp(line, "n") == 0 || strcmp(line, "no") == 0)
		finish(c, "{\"verdict\":\"deny\",\"scope\":\"session\"}", NULL);
	else
		put(c, "y, s, p or n > ");
}

static void on_typed(uv_poll_t *poll, int status, int events)
{
	struct console *c = poll->data;
	char text[64];
	ssize_t n;

	(void)events;
	n = status < 0 ? 0 : read(c->tty_fd, text, sizeof(text));
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		finish(c, NULL, "the terminal is gone");
		show_next(c);
		return;
	}
	for (ssize_t i = 0; i < n && c->poll; i++) {
		if (text[i] != '\n') {
			/* What does not fit is none of the answers. */
			c->line[c->len] = text[i];
			c->len += c->len < sizeof(c->line) - 2;
			continue;
		}
		c->line[c->len] = '\0';
		on_line(c);
	}
	if (!c->poll)
		show_next(c);
}

/* /dev/tty is everybody's own; the kernel tells which one it is. */
static void name_terminal(struct console *c)
{
	const unsigned uid = getuid();
	unsigned device = 0;

	(void)ioctl(c->tty_fd, TIOCGDEV, &device);
	if (major(device) == PTS_MAJOR)
		(void)snprintf(c->by, sizeof(c->by), "console /dev/pts/%u, uid %u", minor(device),
			       uid);
	else
		(void)snprintf(c->by, sizeof(c->by), "console %u:%u, uid %u", major(device),
			       minor(device), uid);
}

static int show_first(struct console *c)
{
	_cleanup_(json_freep) struct json *q = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT(0);
	int r = take_terminal(c);

	if (r < 0)
		return r;
	name_terminal(c);
	(void)json_parse("question", c->queue->text, strlen(c->queue->text), &q, NULL);
	write_question(q, terminal_columns(c), &out);
	c->len = 0;
	put(c, out.data);
	c->poll = xcalloc(1, sizeof(*c->poll));
	r = uv_poll_init(c->face.host.loop, c->poll, c->tty_fd);
	if (r < 0) {
		free(take_ptr(c->poll));
		give_terminal_back(c);
		return r;
	}
	c->poll->data = c;
	return uv_poll_start(c->poll, UV_READABLE, on_typed);
}

static void show_next(struct console *c)
{
	while (c->queue && !c->poll) {
		const int r = show_first(c);

		if (r < 0)
			finish(c, NULL, "there is no terminal in the foreground");
	}
}

/* ---- the approver ---- */

static void on_turn(uv_timer_t *timer)
{
	struct console *c = timer->data;

	uv_close((uv_handle_t *)timer, on_closed);
	c->turn = NULL;
	show_next(c);
}

/* From the loop: who asks, or withdraws a question, is not answered from within. The later of two
 * holds: what was asked right before a pause waits as well. */
static void show_in(struct console *c, uint64_t ms)
{
	if (c->turn && uv_timer_get_due_in(c->turn) >= ms)
		return;
	if (!c->turn) {
		c->turn = xcalloc(1, sizeof(*c->turn));
		(void)uv_timer_init(c->face.host.loop, c->turn);
		c->turn->data = c;
	}
	(void)uv_timer_start(c->turn, on_turn, ms, 0);
}

static int ask(struct approver *approver, const struct question *question)
{
	struct console *c = (struct console *)approver;
	struct shown *shown;
	int r = face_note(&c->face, question->id);

	if (r < 0)
		return r;
	shown = xcalloc(1, sizeof(*shown));
	shown->id = question->id;
	shown->text = xstrdup(question->text);
	DL_APPEND(c->queue, shown);
	show_in(c, 0);
	return 0;
}

static void cancel(struct approver *approver, uint64_t id)
{
	struct console *c = (struct console *)approver;
	struct shown *shown;

	face_forget(&c->face, id);
	DL_SEARCH_SCALAR(c->queue, shown, id, id);
	if (!shown)
		return;
	if (shown == c->queue && c->poll) {
		put(c, "\n(too late: it is not asked any more)\n");
		finish(c, NULL, "");
		/*
		 * A session can withdraw a question at any time, by ending who asks. The next one
		 * must not have the answer that a person was about to type.
		 */
		show_in(c, PAUSE_MS);
		return;
	}
	DL_DELETE(c->queue, shown);
	free(shown->text);
	free(shown);
}

static void close_console(struct face *face)
{
	struct console *c = (struct console *)face;

	if (c->turn)
		uv_close((uv_handle_t *)c->turn, on_closed);
	if (c->poll)
		put(c, "\n(it is over: it is not asked any more)\n");
	while (c->queue)
		finish(c, NULL, "");
	free(c);
}

struct face *approver_console_new(void)
{
	static const struct approver_ops ops = {.ask = ask, .cancel = cancel};
	struct console *c = xcalloc(1, sizeof(*c));

	c->face.approver.ops = &ops;
	c->face.close = close_console;
	c->tty_fd = -1;
	return &c->face;
}
