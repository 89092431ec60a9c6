/* SPDX-License-Identifier: Apache-2.0 */
#include "common/json.h"

#include <errno.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/input.h"
#include "common/json_write.h"
#include "common/limits.h"

/* A struct json is a cJSON under a name of ours; nothing is wrapped. */
static const cJSON *tree(const struct json *node)
{
	return (const cJSON *)(const void *)node;
}

static const struct json *json_of(const cJSON *node)
{
	return (const struct json *)(const void *)node;
}

int json_parse(const char *name, const char *text, size_t len, struct json **ret, struct error *err)
{
	struct error why = {0};
	cJSON *doc;
	int r;

	r = json_check(text, len, &why);
	if (r < 0)
		return error_set(err, r, "%s:%s", name, why.text);
	doc = cJSON_ParseWithLength(text, len);
	if (!doc)
		return error_set(err, ENOMEM, "%s: no memory for its %zu bytes", name, len);
	*ret = (struct json *)(void *)doc;
	return 0;
}

int json_read_file(const char *path, char **ret_text, size_t *ret_len, struct error *err)
{
	_cleanup_close_ int fd = input_open("", path, err);
	_cleanup_buf_ struct buf text = BUF_INIT(MAX_JSON_BYTES + INPUT_ROOM);
	int r;

	if (fd < 0)
		return fd;
	r = input_read_document(fd, path, MAX_JSON_BYTES, &text, err);
	if (r < 0)
		return r;
	*ret_len = text.len;
	*ret_text = take_ptr(text.data);
	return 0;
}

int json_parse_file(const char *path, struct json **ret, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r;

	r = json_read_file(path, &text, &len, err);
	if (r < 0)
		return r;
	return json_parse(path, text, len, ret, err);
}

void json_free(struct json *doc)
{
	cJSON_Delete((cJSON *)(void *)doc);
}

enum json_type json_type(const struct json *node)
{
	const cJSON *item = tree(node);

	if (cJSON_IsObject(item))
		return JSON_OBJECT;
	if (cJSON_IsArray(item))
		return JSON_ARRAY;
	if (cJSON_IsString(item))
		return JSON_STRING;
	if (cJSON_IsNumber(item))
		return JSON_NUMBER;
	return cJSON_IsBool(item) ? JSON_BOOL : JSON_NULL;
}

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null",	  [JSON_BOOL] = "boolean", [JSON_NUMBER] = "number",
		[JSON_STRING] = "string", [JSON_ARRAY] = "array",  [JSON_OBJECT] = "object",
	};

	return names[type];
}

const struct json *json_get(const struct json *object, const char *key)
{
	if (!cJSON_IsObject(tree(object)))
		return NULL;
	return json_of(cJSON_GetObjectItemCaseSensitive(tree(object), key));
}

size_t json_length(const struct json *node)
{
	const int n = cJSON_GetArraySize(tree(node));

	return n > 0 ? (size_t)n : 0;
}

const struct json *json_first(const struct json *node)
{
	const cJSON *item = tree(node);

	return cJSON_IsArray(item) || cJSON_IsObject(item) ? json_of(item->child) : NULL;
}

const struct json *json_next(const struct json *node)
{
	return node ? json_of(tree(node)->next) : NULL;
}

const char *json_key(const struct json *node)
{
	return node && tree(node)->string ? tree(node)->string : "";
}

const char *json_string(const struct json *node)
{
	return cJSON_GetStringValue(tree(node));
}

const char *json_get_string(const struct json *object, const char *key)
{
	return json_string(json_get(object, key));
}

bool json_bool(const struct json *node)
{
	return cJSON_IsTrue(tree(node));
}

double json_number(const struct json *node)
{
	return cJSON_IsNumber(tree(node)) ? tree(node)->valuedouble : 0;
}

int json_i64(const struct json *node, int64_t min, int64_t max, int64_t *ret)
{
	const double value = json_number(node);

	/* From 2^53 on a double may stand for another number than the text did. */
	if (!cJSON_IsNumber(tree(node)) || value >= 9007199254740992.0 ||
	    value <= -9007199254740992.0 || (double)(int64_t)value != value)
		return -EINVAL;
	if ((int64_t)value < min || (int64_t)value > max)
		return -ERANGE;
	*ret = (int64_t)value;
	return 0;
}

char *json_print(const struct json *node)
{
	char *text = cJSON_PrintUnformatted(tree(node));

	return text ? text : xstrdup("null");
}

static const struct json_field *find_field(const struct json_field *fields, size_t count,
					   const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	}
	return NULL;
}

static int unknown_member(const char *path, const char *name, const struct json_field *fields,
			  size_t count, struct error *err)
{
	_cleanup_buf_ struct buf quoted = BUF_INIT(0);
	_cleanup_buf_ struct buf known = BUF_INIT(400);
	struct json_writer w = {.out = &quoted};

	json_put_bytes(&w, NULL, name, strnlen(name, 80)); /* it may hold anything */
	for (size_t i = 0; i < count; i++) {
		buf_puts(&known, i ? ", " : "");
		buf_puts(&known, fields[i].name);
	}
	return error_set(err, EINVAL, "%s: unknown member %s; known are: %s", path, quoted.data,
			 known.data ? known.data : "none");
}

int json_decode(const struct json *object, const char *path, const struct json_field *fields,
		size_t count, void *target, struct error *err)
{
	if (!object || json_type(object) != JSON_OBJECT)
		return error_set(err, EINVAL, "%s: expected object, found %s", path,
				 object ? json_type_name(json_type(object)) : "nothing");
	for (const struct json *m = json_first(object); m; m = json_next(m)) {
		const struct json_field *field = find_field(fields, count, json_key(m));

		if (!field)
			return unknown_member(path, json_key(m), fields, count, err);
		if (json_type(m) != field->type)
			return error_set(err, EINVAL, "%s.%s: expected %s, found %s", path,
					 field->name, json_type_name(field->type),
					 json_type_name(json_type(m)));
	}
	for (size_t i = 0; i < count; i++) {
		if (fields[i].required && !json_get(object, fields[i].name))
			return error_set(err, EINVAL, "%s: member \"%s\" (%s) is missing", path,
					 fields[i].name, json_type_name(fields[i].type));
	}
	for (size_t i = 0; i < count; i++) {
		const struct json *member = json_get(object, fields[i].name);

		*(const struct json **)(void *)((char *)target + fields[i].offset) = member;
	}
	return 0;
}
