/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/log/log_export.h"

#include <string.h>

enum log_format log_format_by_name(const char *name)
{
	if (strcmp(name, "ocsf") == 0)
		return LOG_FORMAT_OCSF;
	return strcmp(name, "otel") == 0 ? LOG_FORMAT_OTEL : LOG_FORMATS;
}

void log_export_event(struct log_exporter *e, const struct json *event, const char *line,
		      size_t len, struct buf *out)
{
	/* A record may come from anywhere. */
	if (!json_get_string(event, "kind"))
		return;
	if (e->format == LOG_FORMAT_OTEL)
		export_otel(e, event, line, len, out);
	else
		export_ocsf(e->clock, event, line, len, out);
}

void log_export_end(struct log_exporter *e, struct buf *out)
{
	if (e->format == LOG_FORMAT_OTEL)
		export_otel_end(e, out);
}
