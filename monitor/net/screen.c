/* SPDX-License-Identifier: Apache-2.0 */

/*
 * `bytes` is what was read and not sent yet: [0, released) may go, [released, looked) is held until
 * the head that it is a part of is whole, [looked, len) is still to be looked at. More is read only
 * when all that may go is gone.
 */

#include "monitor/net/screen.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "common/limits.h"

const char screen_later[] = "later";

#define READ_BYTES     PIPES_ROOM_BYTES
#define READ_FEW_BYTES (4u << 10)

void screen_init(struct screen *screen, const struct pump *pump, size_t *held,
		 const struct scan_set *canaries, screen_head_cb head, void *ctx)
{
	*screen = (struct screen){.pump = *pump,
				  .first = head ? first_bytes_new() : NULL,
				  .bytes = BUF_INIT(MAX_FIRST_BYTES + READ_BYTES),
				  .scan = head && canaries ? scan_new(canaries) : NULL,
				  .held = held,
				  .head = head,
				  .ctx = ctx};
}

static void count(struct screen *screen)
{
	*screen->held += screen->bytes.cap;
	*screen->held -= screen->held_here;
	screen->held_here = screen->bytes.cap;
}

static void look_no_more(struct screen *screen)
{
	screen->scan = scan_free(screen->scan);
	screen->first = first_bytes_free(screen->first);
	screen->released = screen->looked = screen->bytes.len;
}

void screen_done(struct screen *screen)
{
	look_no_more(screen);
	buf_done(&screen->bytes);
	count(screen);
	pump_done(&screen->pump);
}

bool screen_is_holding(const struct screen *screen)
{
	return screen->first && !screen->waits && screen->looked > screen->released;
}

static bool is_http(const struct first_seen *seen)
{
	return strcmp(seen->protocol, "http") == 0;
}

/* What no text can be found in as it comes. */
static const char *unreadable(const struct first_seen *seen)
{
	if (is_http(seen) && seen->http.body_bytes && seen->http.coding == HTTP_UNREADABLE)
		return "its Content-Encoding is none that is read";
	if (strcmp(seen->protocol, "http2") == 0) /* HPACK, frames */
		return "HTTP/2 packs and cuts what it carries";
	if (seen->upgraded) /* WebSockets do both */
		return "it follows an upgrade, and may be masked or cut";
	return NULL;
}

static struct scan_result searched(const struct screen *screen, const struct first_seen *seen)
{
	struct scan_result ret = {0};

	if (!screen->scan)
		return ret;
	ret.found = scan_found(screen->scan);
	ret.unsearched = scan_gave_up(screen->scan);
	if (!ret.unsearched)
		ret.unsearched = unreadable(seen);
	return ret;
}

/* Return: 0, -EACCES, or 1 if it is to be asked again. */
static int ask(struct screen *screen, enum first_outcome outcome, const struct first_seen *seen)
{
	const struct scan_result now = searched(screen, seen);
	const char *refusal = screen->head(screen->ctx, seen, &now);

	if (refusal == screen_later) {
		screen->waits = true;
		screen->outcome = outcome;
		return 1;
	}
	screen->let_go = 0;
	screen->told = now;
	screen->refusal = refusal;
	return refusal ? -EACCES : 0;
}

/* Behind the head. */
static int ask_again(struct screen *screen, enum first_outcome outcome)
{
	const struct first_seen *seen = first_bytes_seen(screen->first);
	const struct scan_result now = searched(screen, seen);

	return scan_has_news(&now, &screen->told) ? ask(screen, outcome, seen) : 0;
}

static bool is_word(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] <= ' ' || bytes[i] > '~')
			return false;
	return true;
}

bool screen_let_go(struct screen *screen)
{
	static const struct first_seen other = {.protocol = "other", .http = {.port = -1}};
	const size_t held = screen->looked - screen->released;
	const size_t gone = screen->let_go + held;

	if (!screen_is_holding(screen) || gone > MAX_HTTP_METHOD ||
	    !(first_bytes_is_blank(screen->first) ||
	      is_word(screen->bytes.data + screen->released, held)) ||
	    ask(screen, FIRST_MORE, &other) != 0)
		return false;
	screen->let_go = gone;
	screen->released = screen->looked;
	return true;
}

static bool is_encrypted(const struct first_seen *seen)
{
	return strcmp(seen->protocol, "tls") == 0 || strcmp(seen->protocol, "ssh") == 0;
}

static void expect(struct screen *screen, const struct first_seen *seen)
{
	if (screen->scan && is_http(seen) && seen->http.coding == HTTP_DEFLATE)
		scan_expect_deflate(screen->scan);
}

static int act_on(struct screen *screen, enum first_outcome outcome)
{
	int r;

	switch (outcome) {
	case FIRST_MORE:
		return 0;
	case FIRST_BODY:
	case FIRST_FRAMING:
	case FIRST_OPAQUE:
		r = ask_again(screen, outcome);
		if (r != 0)
			return r;
		screen->released = screen->looked;
		if (outcome == FIRST_OPAQUE && !screen->scan)
			look_no_more(screen);
		return 0;
	case FIRST_HEAD:
		r = ask(screen, outcome, first_bytes_seen(screen->first));
		if (r != 0)
			return r;
		expect(screen, first_bytes_seen(screen->first));
		screen->released = screen->looked;
		return 0;
	case FIRST_BROKEN:
		r = ask(screen, outcome, first_bytes_seen(screen->first));
		if (r == 0)
			look_no_more(screen);
		return r;
	}
	return -EPROTO;
}

/* What lies between the pieces of a body, sizes alone, does not part them. */
static void search(struct screen *screen, enum first_outcome outcome, const char *bytes, size_t len)
{
	const bool is_head =
		outcome == FIRST_MORE || outcome == FIRST_HEAD || outcome == FIRST_BROKEN;

	if (outcome == FIRST_OPAQUE && is_encrypted(first_bytes_seen(screen->first)))
		screen->scan = scan_free(screen->scan);
	if (!screen->scan || outcome == FIRST_FRAMING)
		return;
	if (is_head && !screen->in_head) {
		scan_forget(screen->scan);
		screen->told = (struct scan_result){0};
	}
	screen->in_head = is_head && outcome != FIRST_HEAD;
	scan_feed(screen->scan, bytes, len);
}

/* Looks at what was read. */
static int look(struct screen *screen)
{
	int r = 0;

	while (screen->first && r == 0 && screen->looked < screen->bytes.len) {
		size_t taken = 0;
		const enum first_outcome outcome =
			first_bytes_feed(screen->first, screen->bytes.data + screen->looked,
					 screen->bytes.len - screen->looked, &taken);

		search(screen, outcome, screen->bytes.data + screen->looked, taken);
		screen->looked += taken;
		r = act_on(screen, outcome);
	}
	return r;
}

static int send_released(struct screen *screen)
{
	while (screen->released) {
		const ssize_t n = send(screen->pump.to_fd, screen->bytes.data, screen->released,
				       MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf_consume(&screen->bytes, (size_t)n);
		screen->released -= (size_t)n;
		screen->looked -= (size_t)n;
		screen->pump.bytes += (size_t)n;
	}
	return 0;
}

static int end(struct screen *screen)
{
	const int r = act_on(screen, first_bytes_end(screen->first));

	if (r == 0)
		look_no_more(screen);
	screen->pump.ended = true;
	return r;
}

static int read_more(struct screen *screen)
{
	char *room = screen->pump.pipes->room;
	/* Where many hold something already, each takes less at a time, so that all have room. */
	const size_t most = *screen->held > MAX_NET_HELD_BYTES / 4 ? READ_FEW_BYTES : READ_BYTES;
	ssize_t n;

	do {
		n = recv(screen->pump.from_fd, room, most, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	screen->was_short = n > 0 && (size_t)n < most;
	if (n == 0)
		return end(screen);
	buf_put(&screen->bytes, room, (size_t)n);
	/* first_bytes.h calls a longer head broken. */
	return screen->bytes.overflow ? -EPROTO : look(screen);
}

void screen_resume(struct screen *screen)
{
	int r = 0;

	if (!screen->waits)
		return;
	screen->waits = false;
	if (screen->outcome == FIRST_MORE)
		(void)screen_let_go(screen);
	else
		r = act_on(screen, screen->outcome);
	if (r == 0 && screen->first && screen->pump.ended)
		look_no_more(screen);
	else if (r == 0 && !screen->refusal)
		(void)look(screen);
}

static int run(struct screen *screen)
{
	const uint64_t limit = screen->pump.bytes + PUMP_TURN_BYTES;
	int r = send_released(screen);

	if (r < 0)
		return r == -EAGAIN ? PUMP_WRITES : r;
	if (screen->refusal)
		return -EACCES;
	while (screen->first && !screen->waits && screen->pump.bytes < limit) {
		r = read_more(screen);
		if (r < 0)
			return r == -EAGAIN ? PUMP_READS : r;
		r = send_released(screen);
		if (r < 0)
			return r == -EAGAIN ? PUMP_WRITES : r;
		if (screen->was_short && !screen->waits)
			return PUMP_READS;
	}
	if (screen->waits)
		return PUMP_WAITS;
	return screen->first ? PUMP_READS : pump_run(&screen->pump);
}

int screen_run(struct screen *screen)
{
	const int r = run(screen);

	/* A thousand flows that wait do not keep a buffer each. */
	if (!screen->bytes.len)
		buf_done(&screen->bytes);
	count(screen);
	return r >= 0 && screen->held_here && *screen->held > MAX_NET_HELD_BYTES ? -ENOBUFS : r;
}
