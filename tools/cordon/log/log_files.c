/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/log/log_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/limits.h"
#include "common/log.h"
#include "monitor/evidence/chain.h"
#include "monitor/evidence/reader.h"
#include "tools/cordon/log/log_verify.h"

/* One record. */
struct show {
	const struct log_filter *filter;
	enum log_format format;
	struct log_exporter exporter;
	struct log_printer printer;
	struct chain_check check;
	bool broken; /* said once; what follows is shown, but proves nothing */
	bool has_shown;
};

/* @event NULL: behind the last. */
static void export_line(struct show *s, const struct json *event, const char *line, size_t len)
{
	_cleanup_buf_ struct buf out = BUF_INIT(0);

	if (event)
		log_export_event(&s->exporter, event, line, len, &out);
	else
		log_export_end(&s->exporter, &out);
	if (out.len)
		(void)fwrite(out.data, 1, out.len, stdout);
}

static void show_line(struct show *s, const char *file, const struct record_reader *reader,
		      const char *line, size_t len)
{
	_cleanup_(json_freep) struct json *event = NULL;
	char reason[256];

	if (!s->broken && chain_check_line(&s->check, line, len, reason, sizeof(reason)) < 0) {
		(void)fflush(stdout);
		log_error("%s: line %llu: %s; what follows is not proven", file,
			  (unsigned long long)reader->line, reason);
		s->broken = true;
	}
	if (json_parse("event", line, len, &event, NULL) < 0 || !json_get(event, "kind"))
		return;
	log_learn_start(&s->printer, event, line, len); /* also if that event is not shown */
	if (!log_filter_matches(s->filter, event))
		return;
	s->has_shown = true;
	if (s->format == LOG_FORMAT_TEXT) {
		log_print_event(&s->printer, event, line, len);
	} else if (s->format == LOG_FORMAT_RECORD) {
		(void)fwrite(line, 1, len, stdout);
		(void)fputc('\n', stdout);
	} else {
		export_line(s, event, line, len);
	}
}

static int show_file(struct show *s, const char *file)
{
	_cleanup_(reader_done) struct record_reader reader = {.input_fd = -1};
	struct error err = {0};
	const char *line;
	size_t len;
	int r;

	if (reader_open(file, &reader, &err) < 0) {
		log_error("%s", err.text);
		return LOG_STATUS_BROKEN;
	}
	while ((r = reader_next(&reader, &line, &len)) == READER_LINE && !ferror(stdout))
		show_line(s, file, &reader, line, len);
	if (s->format > LOG_FORMAT_RECORD)
		export_line(s, NULL, NULL, 0);
	(void)fflush(stdout);
	if (r == -EMSGSIZE) {
		log_error(
			"%s: line %llu is longer than %u bytes; nothing of it and after it is shown",
			file, (unsigned long long)reader.line, MAX_EVENT_LINE);
		s->broken = true;
	} else if (r < 0) {
		log_error("cannot read the record %s: %s", file, strerror(-r));
		return LOG_STATUS_BROKEN;
	} else if (r == READER_CUT) {
		log_warning("%s ends in the middle of line %llu", file,
			    (unsigned long long)reader.line);
	} else if (r == READER_END && !s->broken && !s->check.closed) {
		log_warning("%s has no session.end: the session still runs, or was cut off", file);
	}
	if (!s->has_shown && !s->broken && reader.line)
		log_info("%s: none of its %llu events is of those that were asked for", file,
			 (unsigned long long)reader.line);
	return s->broken ? LOG_STATUS_BROKEN : 0;
}

int log_files(char *const *files, size_t count, const struct log_filter *filter,
	      enum log_format format)
{
	int worst = 0;

	if (sodium_init() < 0) {
		log_error("libsodium finds no source of randomness");
		return LOG_STATUS_BROKEN;
	}
	for (size_t i = 0; i < count; i++) {
		struct show s = {
			.filter = filter,
			.format = format,
			.printer = {.out = stdout,
				    .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")},
		};

		s.exporter = (struct log_exporter){.format = format, .clock = &s.printer};
		const int r = show_file(&s, files[i]);

		worst = r ? r : worst;
	}
	return worst;
}
