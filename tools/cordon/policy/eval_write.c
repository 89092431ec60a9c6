/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A value as JSON. Integers are written in full, whatever a reader's double can hold; texts
 * exactly, NUL and all. Lists that share their items are written out, so the size is limited by the
 * buffer.
 */

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/cleanup.h"
#include "common/utf8.h"
#include "tools/cordon/policy/eval_value.h"

void eval_text_write(struct buf *out, struct str text)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < text.len;) {
		const unsigned char c = (unsigned char)text.at[i];
		const unsigned n = utf8_length(text.at + i, text.len - i);

		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\u%04x", c);
		else if (n)
			buf_put(out, text.at + i, n);
		else
			buf_puts(out, "\\ufffd"); /* only a byte of a variable's could be that */
		i += n ? n : 1;
	}
	buf_putc(out, '"');
}

static void write_bytes(struct buf *out, struct str bytes)
{
	const size_t size = sodium_base64_encoded_len(bytes.len, sodium_base64_VARIANT_ORIGINAL);
	_cleanup_free_ char *text = xcalloc(1, size);

	(void)sodium_bin2base64(text, size, (const unsigned char *)(bytes.len ? bytes.at : ""),
				bytes.len, sodium_base64_VARIANT_ORIGINAL);
	buf_printf(out, "\"%s\"", text);
}

static void write_double(struct buf *out, double number)
{
	char text[CEL_TEXT_MAX];

	cel_print_double(number, text);
	if (!isfinite(number))
		buf_printf(out, "\"%s\"", text);
	else
		buf_printf(out, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static void write_scalar(struct buf *out, const struct cel_value *v)
{
	char text[CEL_TEXT_MAX];

	switch ((int)v->kind) {
	case CEL_BOOL:
		buf_puts(out, v->boolean ? "true" : "false");
		break;
	case CEL_INT:
		buf_printf(out, "%" PRId64, v->integer);
		break;
	case CEL_UINT:
		buf_printf(out, "%" PRIu64, v->uinteger);
		break;
	case CEL_DOUBLE:
		write_double(out, v->number);
		break;
	case CEL_STRING:
		eval_text_write(out, v->text);
		break;
	case CEL_BYTES:
		write_bytes(out, v->text);
		break;
	case CEL_DURATION:
		cel_print_duration(v->integer, text);
		buf_printf(out, "\"%s\"", text);
		break;
	case CEL_TIMESTAMP:
		cel_print_timestamp(v, text);
		buf_printf(out, "\"%s\"", text);
		break;
	case CEL_IP:
	case CEL_CIDR:
		cel_print_network(v, text);
		buf_printf(out, "\"%s\"", text);
		break;
	case CEL_TYPE:
		buf_printf(out, "\"%s\"", cel_type_value_name((enum cel_kind)v->integer));
		break;
	default:
		buf_puts(out, "null");
	}
}

/* NOLINTBEGIN(misc-no-recursion): values are nested no deeper than what made them */

static void write_items(struct buf *out, const struct cel_value *v)
{
	const bool map = v->kind == CEL_MAP;
	const size_t count = cel_count(v);

	buf_putc(out, '[');
	for (size_t i = 0; i < count && !out->overflow; i++) {
		const struct cel_value item = map ? cel_entry(v, i) : cel_item(v, i);

		buf_puts(out, i ? ", " : "");
		if (map) {
			const struct cel_value key = cel_key(v, i);

			buf_puts(out, "{\"key\": ");
			eval_value_write(out, &key);
			buf_puts(out, ", \"value\": ");
		}
		eval_value_write(out, &item);
		buf_puts(out, map ? "}" : "");
	}
	buf_putc(out, ']');
}

void eval_value_write(struct buf *out, const struct cel_value *v)
{
	buf_printf(out, "{\"type\": \"%s\", \"value\": ", cel_kind_name(v->kind));
	if (v->kind == CEL_LIST || v->kind == CEL_MAP)
		write_items(out, v);
	else if (v->kind == CEL_OPTIONAL && cel_count(v))
		eval_value_write(out, v->list.items);
	else
		write_scalar(out, v);
	buf_putc(out, '}');
}

/* NOLINTEND(misc-no-recursion) */
