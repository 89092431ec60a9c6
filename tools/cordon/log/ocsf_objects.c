/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cordon/log/ocsf_objects.h"

#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "tools/cordon/log/log_subject.h"

enum {
	FILE_UNKNOWN = 0,
	FILE_REGULAR = 1,
	FILE_FOLDER = 2,
	KERNEL_SYSTEM_CALL = 2,
	DIRECTION_UNKNOWN = 0,
	DIRECTION_OUTBOUND = 2,
};

static const char *text(const struct ocsf_subject *about, const char *field)
{
	return json_get_string(about->fields, field);
}

static bool is_kind(const struct ocsf_subject *about, const char *kind)
{
	return strcmp(about->kind, kind) == 0;
}

static void put_number(struct json_writer *w, const char *key, const struct ocsf_subject *about,
		       const char *field)
{
	int64_t value;

	if (json_i64(json_get(about->fields, field), INT64_MIN, INT64_MAX, &value) == 0)
		json_put_i64(w, key, value);
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void put_file(struct json_writer *w, const char *key, const char *path, unsigned type_id)
{
	json_begin_object(w, key);
	json_put_string(w, "name", last_part(path));
	json_put_string(w, "path", path);
	json_put_u64(w, "type_id", type_id);
	json_end_object(w);
}

/* The record has a program's path where the gate saw it, and else the name it goes by. */
static void put_program(struct json_writer *w, const char *exe)
{
	if (!exe || !*exe)
		return;
	json_put_string(w, "name", last_part(exe));
	if (*exe == '/')
		put_file(w, "file", exe, FILE_REGULAR);
}

void ocsf_put_actor(struct json_writer *w, const struct ocsf_subject *about)
{
	const bool forked = is_kind(about, "proc.fork");

	json_begin_object(w, "actor");
	json_begin_object(w, "session");
	json_put_string(w, "uid", about->session);
	json_end_object(w);
	if (about->has_pid) {
		json_begin_object(w, "process");
		if (forked)
			put_number(w, "pid", about, "parent");
		else
			json_put_u64(w, "pid", about->pid);
		put_program(w, text(about, "exe"));
		json_end_object(w);
	}
	json_end_object(w);
}

void ocsf_put_process(struct json_writer *w, const struct ocsf_subject *about)
{
	_cleanup_buf_ struct buf command = BUF_INIT(0);
	const bool is_exec = is_kind(about, "exec");

	json_begin_object(w, "process");
	json_put_u64(w, "pid", about->pid);
	put_program(w, text(about, is_exec ? "path" : "exe"));
	if (is_exec) {
		log_put_arguments(&command, json_get(about->fields, "argv"));
		if (command.len)
			json_put_bytes(w, "cmd_line", command.data, command.len);
		if (text(about, "cwd"))
			json_put_string(w, "working_directory", text(about, "cwd"));
	}
	json_end_object(w);
	if (is_kind(about, "proc.exit"))
		put_number(w, "exit_code", about, "result");
}

void ocsf_put_file(struct json_writer *w, const struct ocsf_subject *about)
{
	const bool is_folder = json_bool(json_get(about->fields, "folder"));
	const char *op = text(about, "op");

	put_file(w, "file", text(about, "path"), is_folder ? FILE_FOLDER : FILE_UNKNOWN);
	if (op && strcmp(op, "rename") == 0 && text(about, "target"))
		put_file(w, "file_result", text(about, "target"), FILE_UNKNOWN);
}

void ocsf_put_kernel(struct json_writer *w, const struct ocsf_subject *about)
{
	json_begin_object(w, "kernel");
	json_put_string(w, "name", text(about, "op"));
	json_put_u64(w, "type_id", KERNEL_SYSTEM_CALL);
	json_end_object(w);
}

void ocsf_put_api(struct json_writer *w, const struct ocsf_subject *about)
{
	json_begin_object(w, "api");
	json_put_string(w, "operation", text(about, "tool"));
	if (about->call) {
		json_begin_object(w, "request");
		json_put_string(w, "uid", about->call);
		json_end_object(w);
	}
	json_end_object(w);
	json_begin_object(w, "src_endpoint");
	json_put_string(w, "uid", about->session);
	json_end_object(w);
}

/* A socket has an address, a UNIX socket a path, a name that is looked up neither. */
static void put_endpoint(struct json_writer *w, const char *key, const struct ocsf_subject *about)
{
	const char *address = text(about, "address");
	const char *host = text(about, "host");
	const char *path = text(about, "path");

	json_begin_object(w, key);
	if (address && *address) {
		json_put_string(w, "ip", address);
		put_number(w, "port", about, "port");
	}
	if (host && *host && (!address || strcmp(host, address) != 0))
		json_put_string(w, "hostname", host);
	if (path && *path)
		json_put_string(w, "name", path);
	if ((!address || !*address) && (!host || !*host) && (!path || !*path))
		json_put_string(w, "uid", about->session);
	json_end_object(w);
}

static void put_request(struct json_writer *w, const struct ocsf_subject *about)
{
	const char *host = text(about, "http_host");

	json_begin_object(w, "http_request");
	json_put_string(w, "http_method", text(about, "method"));
	json_begin_object(w, "url");
	if (host && *host)
		json_put_string(w, "hostname", host);
	if (text(about, "url_path"))
		json_put_string(w, "path", text(about, "url_path"));
	json_end_object(w);
	json_end_object(w);
}

void ocsf_put_network(struct json_writer *w, const struct ocsf_subject *about)
{
	const bool is_ours = is_kind(about, "net.bind") || is_kind(about, "net.listen");
	const bool is_query = is_kind(about, "net.dns");
	const char *protocol = text(about, "protocol");

	if (is_query) {
		json_begin_object(w, "query");
		json_put_string(w, "hostname", text(about, "host"));
		if (text(about, "qtype"))
			json_put_string(w, "type", text(about, "qtype"));
		json_end_object(w);
		return;
	}
	put_endpoint(w, is_ours ? "src_endpoint" : "dst_endpoint", about);
	json_begin_object(w, "connection_info");
	if (protocol)
		json_put_string(w, "protocol_name", protocol);
	json_put_u64(w, "direction_id", is_ours ? DIRECTION_UNKNOWN : DIRECTION_OUTBOUND);
	json_end_object(w);
	if (protocol && strcmp(protocol, "http") == 0 && text(about, "method"))
		put_request(w, about);
	if (is_kind(about, "net.close")) {
		json_begin_object(w, "traffic");
		put_number(w, "bytes_out", about, "bytes_out");
		put_number(w, "bytes_in", about, "bytes_in");
		json_end_object(w);
		put_number(w, "duration", about, "duration_ms");
	}
}
