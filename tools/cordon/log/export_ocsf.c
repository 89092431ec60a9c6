/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An action is an event of the class that is about such actions, with the profile
 * "security_control" for its verdict. What is no action, and what no class fits, is a base event.
 * Nothing is left out: what has no attribute stands in "unmapped" as the record has it.
 */
#include <inttypes.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json_write.h"
#include "tools/cordon/log/log_export.h"
#include "tools/cordon/log/log_severity.h"
#include "tools/cordon/log/ocsf_objects.h"
#include "tools/cordon/version.h"

enum {
	BASE = 0,
	FILE_ACTIVITY = 1001,
	KERNEL_ACTIVITY = 1003,
	PROCESS_ACTIVITY = 1007,
	NETWORK_ACTIVITY = 4001,
	HTTP_ACTIVITY = 4002,
	DNS_ACTIVITY = 4003,
	API_ACTIVITY = 6003,
};

#define OTHER 99u /* an activity that the class has no number for; "activity_name" says which */

/* The first that fits: kind, and where there is one a field with a value. */
static const struct mapping {
	const char *kind;
	const char *field, *value; /* value NULL: true */
	unsigned class_uid, activity_id;
	const char *activity; /* of OTHER */
} mappings[] = {
	{"exec", NULL, NULL, PROCESS_ACTIVITY, 1, NULL},
	{"proc.fork", NULL, NULL, PROCESS_ACTIVITY, 1, NULL},
	{"proc.exit", NULL, NULL, PROCESS_ACTIVITY, 2, NULL},
	{"proc.call", NULL, NULL, KERNEL_ACTIVITY, 4, NULL},
	{"file.open", "created", NULL, FILE_ACTIVITY, 1, NULL},
	{"file.open", NULL, NULL, FILE_ACTIVITY, 14, NULL},
	{"file.change", "op", "unlink", FILE_ACTIVITY, 4, NULL},
	{"file.change", "op", "rmdir", FILE_ACTIVITY, 4, NULL},
	{"file.change", "op", "rename", FILE_ACTIVITY, 5, NULL},
	{"file.change", "op", "truncate", FILE_ACTIVITY, 3, NULL},
	{"file.change", "op", "chmod", FILE_ACTIVITY, 7, NULL},
	{"file.change", "op", "chown", FILE_ACTIVITY, 7, NULL},
	{"file.change", "op", "setxattr", FILE_ACTIVITY, 6, NULL},
	{"file.change", "op", "utime", FILE_ACTIVITY, 6, NULL},
	{"file.change", NULL, NULL, FILE_ACTIVITY, 1, NULL}, /* mkdir, mknod, link, symlink */
	{"net.connect", NULL, NULL, NETWORK_ACTIVITY, 1, NULL},
	{"net.send", NULL, NULL, NETWORK_ACTIVITY, 6, NULL},
	{"net.bind", NULL, NULL, NETWORK_ACTIVITY, OTHER, "Bind"},
	{"net.listen", NULL, NULL, NETWORK_ACTIVITY, 7, NULL},
	{"net.close", NULL, NULL, NETWORK_ACTIVITY, 2, NULL},
	{"net.dns", NULL, NULL, DNS_ACTIVITY, 1, NULL},
	{"net.request", "method", "CONNECT", HTTP_ACTIVITY, 1, NULL},
	{"net.request", "method", "DELETE", HTTP_ACTIVITY, 2, NULL},
	{"net.request", "method", "GET", HTTP_ACTIVITY, 3, NULL},
	{"net.request", "method", "HEAD", HTTP_ACTIVITY, 4, NULL},
	{"net.request", "method", "OPTIONS", HTTP_ACTIVITY, 5, NULL},
	{"net.request", "method", "POST", HTTP_ACTIVITY, 6, NULL},
	{"net.request", "method", "PUT", HTTP_ACTIVITY, 7, NULL},
	{"net.request", "method", "TRACE", HTTP_ACTIVITY, 8, NULL},
	{"net.request", "method", "PATCH", HTTP_ACTIVITY, 9, NULL},
	{"net.request", "protocol", "http", HTTP_ACTIVITY, OTHER, "Request"},
	{"net.request", NULL, NULL, NETWORK_ACTIVITY, 6, NULL},
	{"tool.call", NULL, NULL, API_ACTIVITY, OTHER, "Call"},
	{"tool.result", NULL, NULL, API_ACTIVITY, OTHER, "Result"},
};

static const struct mapping none = {NULL, NULL, NULL, BASE, OTHER, NULL};

/* What came of a verdict: action_id, disposition_id. */
static const struct outcome {
	const char *verdict;
	unsigned action_id, disposition_id;
} outcomes[] = {
	{"allow", 1, 1},     /* Allowed */
	{"log", 1, 17},	     /* Logged */
	{"throttle", 1, 14}, /* Delayed */
	{"redact", 4, 7},    /* Modified; Custom Action */
	{"ask", 0, 23},	     /* Challenge */
	{"decoy", 2, 7},     /* Custom Action: something else answered */
	{"deny", 2, 2},	     /* Blocked */
	{"kill", 2, 2},
};

static const struct outcome observed = {NULL, 1, 15}; /* Detected */

static bool fits(const struct mapping *m, const char *kind, const struct json *fields)
{
	if (strcmp(m->kind, kind) != 0)
		return false;
	if (!m->field)
		return true;
	if (!m->value)
		return json_bool(json_get(fields, m->field));
	return json_get_string(fields, m->field) &&
	       strcmp(json_get_string(fields, m->field), m->value) == 0;
}

/*
 * What a class demands. Fields that were too large for their line are not there, and a record may
 * be somebody else's.
 */
static bool has_what_is_due(const struct mapping *m, const struct json *event)
{
	const struct json *fields = json_get(event, "fields");

	switch (m->class_uid) {
	case PROCESS_ACTIVITY:
		return json_get(event, "pid") && json_get_string(fields, "exe");
	case FILE_ACTIVITY:
		return json_get_string(fields, "path");
	case KERNEL_ACTIVITY:
		return json_get_string(fields, "op");
	case API_ACTIVITY:
		return json_get_string(fields, "tool");
	case HTTP_ACTIVITY:
		return json_get_string(fields, "method");
	case DNS_ACTIVITY:
		return json_get_string(fields, "host");
	default:
		return true;
	}
}

static const struct mapping *mapping_of(const struct json *event)
{
	const char *kind = json_get_string(event, "kind");

	for (size_t i = 0; i < sizeof(mappings) / sizeof(mappings[0]); i++)
		if (fits(&mappings[i], kind, json_get(event, "fields")))
			return has_what_is_due(&mappings[i], event) ? &mappings[i] : &none;
	return &none;
}

static unsigned severity_of(const struct json *event)
{
	return log_severity_of(event) + 1; /* without any Informational */
}

static const struct outcome *outcome_of(const struct json *event)
{
	const char *verdict = json_get_string(event, "verdict");
	const struct outcome *found = NULL;

	for (size_t i = 0; verdict && i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (strcmp(verdict, outcomes[i].verdict) == 0)
			found = &outcomes[i];
	if (found && json_get(event, "enforced") && !json_bool(json_get(event, "enforced")))
		return &observed;
	return found;
}

/* 0 unknown, 1 success, 2 failure: of a call that was not seen to return it is not known. */
static unsigned status_of(const struct json *fields, const struct outcome *outcome)
{
	const struct json *result = json_get(fields, "result");

	if (outcome && outcome->action_id == 2)
		return 2;
	if (json_get(fields, "is_error"))
		return json_bool(json_get(fields, "is_error")) ? 2 : 1;
	if (!result)
		return 0;
	return json_number(result) < 0 ? 2 : 1;
}

static void put_metadata(struct json_writer *w, const struct json *event, const char *line,
			 size_t len)
{
	uint64_t seq = 0;

	json_begin_object(w, "metadata");
	json_put_string(w, "version", OCSF_VERSION);
	json_begin_object(w, "product");
	json_put_string(w, "name", "cordon");
	json_put_string(w, "vendor_name", "cordon");
	json_put_string(w, "version", CORDON_VERSION);
	json_end_object(w);
	json_begin_array(w, "profiles");
	json_put_string(w, NULL, "host");
	json_put_string(w, NULL, "security_control");
	json_end_array(w);
	json_put_string(w, "log_name", json_get_string(event, "session"));
	if (log_raw_u64(line, len, "seq", &seq))
		json_put_u64(w, "sequence", seq);
	if (json_get_string(event, "hash"))
		json_put_string(w, "uid", json_get_string(event, "hash"));
	if (json_get_string(event, "call"))
		json_put_string(w, "correlation_uid", json_get_string(event, "call"));
	json_end_object(w);
}

static void put_verdict(struct json_writer *w, const struct json *event,
			const struct outcome *outcome)
{
	const char *because = json_get_string(event, "because");
	const char *rule = json_get_string(event, "rule");

	if (outcome) {
		json_put_u64(w, "action_id", outcome->action_id);
		json_put_u64(w, "disposition_id", outcome->disposition_id);
	}
	if (!rule)
		return;
	json_put_bool(w, "is_alert", severity_of(event) >= 3);
	json_begin_object(w, "policy");
	json_put_string(w, "uid", rule);
	if (because)
		json_put_string(w, "desc", because);
	json_end_object(w);
}

static void put_as_it_is(struct json_writer *w, const char *line, size_t len)
{
	static const char *const members[] = {
		"kind",		  "exec_id", "parent_exec_id", "category", "fields",
		"process_labels", "matched", "verdict",	       "would",	   "also",
		"also_omitted",	  "masked",  "signer"};
	const char *at;
	size_t n;

	json_begin_object(w, "unmapped");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (json_member_raw(line, len, members[i], &at, &n) == 0)
			json_put_raw(w, members[i], at, n);
	json_end_object(w);
}

static void put_class(struct json_writer *w, const struct mapping *m, const struct json *event,
		      const char *line, size_t len)
{
	const struct json *fields = json_get(event, "fields");
	struct ocsf_subject about = {.kind = json_get_string(event, "kind"),
				     .session = json_get_string(event, "session"),
				     .call = json_get_string(event, "call"),
				     .fields = fields};

	about.has_pid = log_raw_u64(line, len, "pid", &about.pid);
	if (m->class_uid == BASE)
		return;
	ocsf_put_actor(w, &about);
	if (m->class_uid == PROCESS_ACTIVITY)
		ocsf_put_process(w, &about);
	else if (m->class_uid == FILE_ACTIVITY)
		ocsf_put_file(w, &about);
	else if (m->class_uid == KERNEL_ACTIVITY)
		ocsf_put_kernel(w, &about);
	else if (m->class_uid == API_ACTIVITY)
		ocsf_put_api(w, &about);
	else
		ocsf_put_network(w, &about);
}

void export_ocsf(const struct log_printer *clock, const struct json *event, const char *line,
		 size_t len, struct buf *out)
{
	const struct json *fields = json_get(event, "fields");
	const struct mapping *m = mapping_of(event);
	const struct outcome *outcome = outcome_of(event);
	struct json_writer w = {.out = out};
	uint64_t ts = 0;

	(void)log_raw_u64(line, len, "ts", &ts);
	json_begin_object(&w, NULL);
	json_put_u64(&w, "category_uid", m->class_uid / 1000);
	json_put_u64(&w, "class_uid", m->class_uid);
	json_put_u64(&w, "activity_id", m->activity_id);
	if (m->activity_id == OTHER)
		json_put_string(&w, "activity_name",
				m->activity ? m->activity : json_get_string(event, "kind"));
	json_put_u64(&w, "type_uid", (uint64_t)m->class_uid * 100 + m->activity_id);
	json_put_i64(&w, "time", log_utc_ns(clock, ts) / 1000000);
	json_put_u64(&w, "severity_id", severity_of(event));
	json_put_u64(&w, "status_id", status_of(fields, outcome));
	put_metadata(&w, event, line, len);
	json_begin_object(&w, "device");
	json_put_u64(&w, "type_id", OTHER);
	json_put_string(&w, "type", "sandbox");
	json_put_string(&w, "uid", json_get_string(event, "session"));
	json_end_object(&w);
	put_verdict(&w, event, outcome);
	put_class(&w, m, event, line, len);
	put_as_it_is(&w, line, len);
	json_end_object(&w);
	buf_putc(out, '\n');
}
