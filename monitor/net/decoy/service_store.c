/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Where things can be put: object stores (S3 and its like, Google's, Azure's), and hosts that take
 * a file and tell its address. What was put there is there: it can be listed and fetched, so that
 * a program that checks its upload finds it.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/hex.h"
#include "common/json_write.h"
#include "monitor/net/decoy/service.h"

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define S3_SPACE " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

static bool is_s3(const struct exchange *x)
{
	const char *authorization = http_field(x->request, "Authorization");

	return strncmp(x->host, "s3", 2) == 0 || strstr(x->host, ".s3.") ||
	       strstr(x->host, ".s3-") || exchange_host_below(x, "r2.cloudflarestorage.com") ||
	       http_parameter(x->request, "X-Amz-Signature").at ||
	       (authorization && strncmp(authorization, "AWS", 3) == 0 &&
		http_field(x->request, "x-amz-content-sha256"));
}

static bool is_google(const struct exchange *x)
{
	return exchange_host_below(x, "storage.googleapis.com") ||
	       exchange_path_begins(x, "/upload/storage/v1/") ||
	       exchange_path_begins(x, "/storage/v1/");
}

static bool is_azure(const struct exchange *x)
{
	return exchange_host_below(x, "blob.core.windows.net");
}

static bool is_upload(const struct exchange *x)
{
	const char *type = http_field(x->request, "Content-Type");

	return exchange_is(x, "PUT") || (exchange_is(x, "POST") && type &&
					 (strncmp(type, "multipart/form-data", 19) == 0 ||
					  strncmp(type, "application/octet-stream", 24) == 0));
}

/* ---- what is there ---- */

static struct stored *find(const struct exchange *x, const char *key)
{
	for (size_t i = 0; i < x->state->stored_count; i++) {
		if (strcmp(x->state->stored[i].key, key) == 0)
			return &x->state->stored[i];
	}
	return NULL;
}

static void make_etag(const struct evidence *body, char ret[33])
{
	uint8_t sum[16];

	body->store->tls->md5_sum(body->md5, sum);
	hex_put(sum, sizeof(sum), ret);
}

static const struct stored *put(const struct exchange *x)
{
	_cleanup_free_ char *key = exchange_key(x);
	struct stored *stored = find(x, key);
	static struct stored unkept;

	if (!stored && x->state->stored_count == MAX_STORED)
		stored = &unkept; /* answered, and forgotten */
	if (!stored) {
		stored = &x->state->stored[x->state->stored_count++];
		*stored = (struct stored){.key = take_ptr(key)};
	}
	stored->bytes = x->body->bytes;
	make_etag(x->body, stored->etag);
	(void)snprintf(stored->file, sizeof(stored->file), "%s",
		       x->body->is_cut ? "" : x->body->file);
	return stored;
}

/* Return: false if it was not kept whole. */
static bool read_back(const struct exchange *x, const struct stored *stored, struct buf *out)
{
	_cleanup_close_ int file_fd = -1;
	size_t left = (size_t)stored->bytes;
	char *room;

	if (!stored->bytes)
		return true;
	if (!stored->file[0] || stored->bytes > MAX_STORED_ANSWER)
		return false;
	file_fd = openat(x->state->evidence_fd, stored->file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (file_fd < 0)
		return false;
	room = buf_reserve(out, left);
	while (left) {
		const ssize_t n = read(file_fd, room, left);

		if (n <= 0)
			return false;
		room += n;
		left -= (size_t)n;
	}
	out->len += (size_t)stored->bytes;
	return true;
}

static void answer_missing(struct answer *ret)
{
	answer_text(ret, 404, "application/xml",
		    XML_HEAD "<Error><Code>NoSuchKey</Code><Message>The specified key does not "
			     "exist.</Message></Error>\n");
}

static void fetch(const struct exchange *x, struct answer *ret)
{
	_cleanup_free_ char *key = exchange_key(x);
	const struct stored *stored = find(x, key);

	if (!stored || !read_back(x, stored, &ret->body)) {
		buf_clear(&ret->body);
		answer_missing(ret);
		return;
	}
	answer_field(ret, "Content-Type", "binary/octet-stream");
	buf_printf(&ret->fields, "ETag: \"%s\"\r\n", stored->etag);
}

/* ---- S3 ---- */

static void put_xml_text(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("<>&\"", *text))
			buf_printf(out, "&#%d;", *text);
		else if ((unsigned char)*text >= 0x20 && (unsigned char)*text < 0x7f)
			buf_putc(out, *text);
	}
}

static void list(const struct exchange *x, struct answer *ret)
{
	_cleanup_free_ char *bucket = exchange_key(x);
	size_t len = strlen(bucket);

	while (len && bucket[len - 1] == '/')
		len--;
	answer_text(ret, 200, "application/xml",
		    XML_HEAD "<ListBucketResult" S3_SPACE "><IsTruncated>false</IsTruncated>");
	for (size_t i = 0; i < x->state->stored_count; i++) {
		const struct stored *stored = &x->state->stored[i];

		if (strncmp(stored->key, bucket, len) != 0 || stored->key[len] != '/')
			continue;
		buf_puts(&ret->body, "<Contents><Key>");
		put_xml_text(&ret->body, stored->key + len + 1);
		buf_printf(&ret->body,
			   "</Key><Size>%llu</Size><ETag>&quot;%s&quot;</ETag>"
			   "<LastModified>2026-01-01T00:00:00.000Z</LastModified>"
			   "<StorageClass>STANDARD</StorageClass></Contents>",
			   (unsigned long long)stored->bytes, stored->etag);
	}
	buf_puts(&ret->body, "</ListBucketResult>\n");
}

static void answer_multipart(const struct exchange *x, struct answer *ret)
{
	const struct str path = http_path(x->request);
	_cleanup_free_ char *key = xstrndup(path.at, path.len);
	const bool begins = http_parameter(x->request, "uploads").at;
	const char *what =
		begins ? "InitiateMultipartUploadResult" : "CompleteMultipartUploadResult";

	answer_text(ret, 200, "application/xml", XML_HEAD);
	buf_printf(&ret->body, "<%s" S3_SPACE "><Bucket>", what);
	put_xml_text(&ret->body, x->host);
	buf_puts(&ret->body, "</Bucket><Key>");
	put_xml_text(&ret->body, key + 1);
	buf_printf(&ret->body, "</Key>");
	if (begins)
		buf_printf(&ret->body, "<UploadId>decoy-%lu</UploadId>", ++x->state->last_id);
	else
		buf_puts(&ret->body, "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e-1&quot;</ETag>");
	buf_printf(&ret->body, "</%s>\n", what);
}

/* A bucket is the host's first label, or the path's first part. */
static bool is_bucket(const struct exchange *x)
{
	const struct str path = http_path(x->request);
	const bool in_path =
		strncmp(x->host, "s3", 2) == 0 || exchange_host_below(x, "storage.googleapis.com");
	const char *slash = path.len > 1 ? memchr(path.at + 1, '/', path.len - 1) : NULL;

	return in_path ? !slash || slash == path.at + path.len - 1 : path.len <= 1;
}

static void answer_put(const struct exchange *x, struct answer *ret)
{
	const struct stored *stored = put(x);
	const struct str part = http_parameter(x->request, "partNumber");

	ret->status = is_azure(x) ? 201 : 200;
	buf_printf(&ret->fields, "ETag: \"%s\"\r\n", stored->etag);
	(void)snprintf(ret->detail, sizeof(ret->detail), "%s%.*s", part.at ? "part " : "object",
		       part.at ? (int)part.len : 0, part.at ? part.at : "");
}

static void answer_s3(const struct exchange *x, struct answer *ret)
{
	answer_field(ret, "x-amz-request-id", "4B5F1E7A90C2D386");
	if (exchange_is(x, "PUT") && !is_bucket(x))
		answer_put(x, ret);
	else if (exchange_is(x, "DELETE"))
		ret->status = 204;
	else if (exchange_is(x, "POST") && (http_parameter(x->request, "uploads").at ||
					    http_parameter(x->request, "uploadId").at))
		answer_multipart(x, ret);
	else if (exchange_is(x, "POST"))
		(void)put(x), ret->status = 204;
	else if (!exchange_is(x, "PUT") && is_bucket(x))
		list(x, ret);
	else if (!exchange_is(x, "PUT"))
		fetch(x, ret);
}

/* ---- Google's JSON, and hosts for files ---- */

static void answer_google(const struct exchange *x, struct answer *ret)
{
	const struct str name = http_parameter(x->request, "name");
	_cleanup_free_ char *origin = exchange_origin(x);
	struct buf text = BUF_INIT(0);
	struct json_writer w = {.out = &text};

	if (str_eq(http_parameter(x->request, "uploadType"), STR("resumable")) &&
	    exchange_is(x, "POST"))
		buf_printf(&ret->fields,
			   "Location: %s/upload/storage/v1/resumable?upload_id=%lu\r\n", origin,
			   ++x->state->last_id);
	if (is_upload(x) || x->body->bytes)
		(void)put(x);
	json_begin_object(&w, NULL);
	json_put_string(&w, "kind", "storage#object");
	if (name.at)
		json_put_bytes(&w, "name", name.at, name.len);
	_cleanup_free_ char *size = xasprintf("%llu", (unsigned long long)x->body->bytes);

	json_put_string(&w, "size", size);
	json_end_object(&w);
	answer_text(ret, 200, "application/json", text.data);
	buf_done(&text);
}

/* The last part of the path, else "file". */
static void answer_file_host(const struct exchange *x, struct answer *ret)
{
	_cleanup_free_ char *origin = exchange_origin(x);
	const struct str path = http_path(x->request);
	size_t at = path.len;

	while (at && path.at[at - 1] != '/')
		at--;
	(void)put(x);
	ret->status = exchange_is(x, "PUT") ? 201 : 200;
	answer_field(ret, "Content-Type", "text/plain");
	buf_printf(&ret->body, "%s/d%04lx/%.*s\n", origin, ++x->state->last_id,
		   at < path.len ? (int)(path.len - at) : 4, at < path.len ? path.at + at : "file");
}

static bool is_stored(const struct exchange *x)
{
	_cleanup_free_ char *key = exchange_key(x);

	return (exchange_is(x, "GET") || exchange_is(x, "HEAD")) && find(x, key);
}

static bool wants(const struct exchange *x)
{
	return is_s3(x) || is_google(x) || is_azure(x) || is_upload(x) || is_stored(x);
}

static void answer(const struct exchange *x, struct answer *ret)
{
	if (exchange_path_begins(x, "/upload/storage/v1/") ||
	    exchange_path_begins(x, "/storage/v1/"))
		answer_google(x, ret);
	else if (is_s3(x) || is_google(x) || is_azure(x))
		answer_s3(x, ret);
	else if (is_upload(x))
		answer_file_host(x, ret);
	else
		fetch(x, ret);
}

const struct service store_service = {"object-store", wants, answer};
