/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What reads records: the lines of a file, the check of the chain, the printing of an event and its
 * export. Every byte must be accounted for, every refusal have a reason, nothing of an event reach
 * the terminal that could steer it, and what is exported be JSON, a document a line.
 */

#include "tests/support/fuzz.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sodium.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "common/limits.h"
#include "monitor/evidence/chain.h"
#include "monitor/evidence/reader.h"
#include "tools/cordon/log/log_export.h"

static void print_line(const char *line, size_t len)
{
	_cleanup_(json_freep) struct json *event = NULL;
	const struct log_filter filter = {.kind = "e[x]*", .call = "c", .exec_id = 1};
	struct log_printer printer = {.colour = false};
	char *text = NULL;
	size_t text_len = 0;

	if (json_parse("event", line, len, &event, NULL) < 0)
		return;
	printer.out = open_memstream(&text, &text_len);
	fuzz_expect(printer.out);
	log_learn_start(&printer, event, line, len);
	log_print_event(&printer, event, line, len);
	(void)log_filter_matches(&filter, event);
	fuzz_expect(fclose(printer.out) == 0);
	fuzz_expect(!memchr(text, '\033', text_len)); /* nothing that steers a terminal */
	fuzz_expect(text_len < 16384);
	free(text);
}

static void expect_documents(const struct buf *out)
{
	for (size_t at = 0; at < out->len;) {
		const char *end = memchr(out->data + at, '\n', out->len - at);

		fuzz_expect(end);
		fuzz_expect(json_check(out->data + at, (size_t)(end - out->data) - at, NULL) == 0);
		at = (size_t)(end - out->data) + 1;
	}
}

static void export_line(struct log_exporter *exporter, struct log_printer *clock, const char *line,
			size_t len)
{
	_cleanup_(json_freep) struct json *event = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT(0);

	if (json_parse("event", line, len, &event, NULL) < 0)
		return;
	log_learn_start(clock, event, line, len);
	log_export_event(exporter, event, line, len, &out);
	expect_documents(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(reader_done) struct record_reader reader = {
		.input_fd = memfd_create("record", MFD_CLOEXEC), .bytes = BUF_INIT(0)};
	struct log_printer clock = {0};
	struct log_exporter ocsf = {.format = LOG_FORMAT_OCSF, .clock = &clock};
	struct log_exporter otel = {.format = LOG_FORMAT_OTEL, .clock = &clock};
	_cleanup_buf_ struct buf rest = BUF_INIT(0);
	struct chain_check check = {0};
	const char *line;
	size_t len;
	size_t seen = 0;
	char reason[256];
	int r;

	fuzz_expect(sodium_init() >= 0);
	fuzz_expect(write(reader.input_fd, data, size) == (ssize_t)size);
	fuzz_expect(lseek(reader.input_fd, 0, SEEK_SET) == 0);
	while ((r = reader_next(&reader, &line, &len)) > READER_END) {
		fuzz_expect(len < MAX_EVENT_LINE);
		seen += len + (r == READER_LINE);
		print_line(line, len);
		export_line(&ocsf, &clock, line, len);
		export_line(&otel, &clock, line, len);
		if (chain_check_line(&check, line, len, reason, sizeof(reason)) < 0)
			fuzz_expect(reason[0]);
	}
	log_export_end(&otel, &rest);
	expect_documents(&rest);
	fuzz_expect(r == -EMSGSIZE || (r == READER_END && seen == size));
	return 0;
}
