/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Events of a record for other systems, one JSON object a line:
 *
 *	ocsf	each event, in the Open Cybersecurity Schema Framework 1.8 (schema.ocsf.io): what
 *		security information systems read
 *	otel	each tool call, as a span of OpenTelemetry (OTLP/JSON), with the names of its
 *		semantic conventions for generative AI; actions that a rule spoke on are its events
 */

#include "common/buf.h"
#include "common/json.h"
#include "tools/cordon/log/log_show.h"

#define OCSF_VERSION "1.8.0"

enum log_format {
	LOG_FORMAT_TEXT,   /* for people; this one and the next are none of an exporter's */
	LOG_FORMAT_RECORD, /* the lines as they are */
	LOG_FORMAT_OCSF,
	LOG_FORMAT_OTEL,
	LOG_FORMATS /* no such format */
};

struct otel_span;

/* Of one record. */
struct log_exporter {
	enum log_format format;
	const struct log_printer *clock; /* borrowed; has learned the session's start */
	struct otel_span *spans;	 /* calls that have no result yet */
	char trace[33];			 /* id of the trace, in hexadecimal digits */
	uint64_t last_ts;
};

/* "ocsf", "otel"; else LOG_FORMATS. */
enum log_format log_format_by_name(const char *name);

/* What of @event is to be written, if anything, is added to @out. @line: the event's text. */
void log_export_event(struct log_exporter *exporter, const struct json *event, const char *line,
		      size_t len, struct buf *out);
/* Behind the last event. */
void log_export_end(struct log_exporter *exporter, struct buf *out);

/* export_ocsf.c, export_otel.c */
void export_ocsf(const struct log_printer *clock, const struct json *event, const char *line,
		 size_t len, struct buf *out);
void export_otel(struct log_exporter *exporter, const struct json *event, const char *line,
		 size_t len, struct buf *out);
void export_otel_end(struct log_exporter *exporter, struct buf *out);
