/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the record costs: start-up, one event with its hash, the signed end, and reading it back;
 * and the JSON gate over the largest document with as many keys as it lets through.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "common/limits.h"
#include "monitor/evidence/record.h"
#include "tests/bench/samples.h"

enum {
	EVENTS = 200000,
	QUICK_EVENTS = 2000,
	ROUNDS = 9
};

static char dir[] = "/tmp/cordon-bench-XXXXXX";

static void stop(const char *what, const struct error *err)
{
	(void)fprintf(stderr, "bench_record: %s %s\n", what, err ? err->text : "");
	exit(1);
}

/* An exec as the gate records it. */
static void put_exec(struct record *record, uint64_t i)
{
	static const char *const argv[] = {"cc1", "-quiet",	     "-O2",
					   "-o",  "/tmp/ccX1y2Z3.s", "main.c"};
	const struct event_head head = {.time_ns = 123456789012345 + i * 1000,
					.call = "call-17",
					.exec_id = 12,
					.pid = 41234,
					.kind = "exec"};
	struct json_writer *w = record_begin(record, &head);

	json_begin_object(w, "fields");
	json_put_string(w, "exe", "/usr/bin/x86_64-linux-gnu-gcc-12");
	json_put_string(w, "path", "/usr/lib/gcc/x86_64-linux-gnu/12/cc1");
	json_put_string(w, "name", "cc1");
	json_put_string(w, "provenance", "image");
	json_put_string(w, "cwd", "/home/user/project");
	json_begin_array(w, "argv");
	for (size_t k = 0; k < sizeof(argv) / sizeof(argv[0]); k++)
		json_put_string(w, NULL, argv[k]);
	json_end_array(w);
	json_end_object(w);
	json_put_string(w, "verdict", "allow");
	if (record_end(record) < 0)
		stop("record_end", NULL);
}

static void put_start(struct record *record)
{
	const struct event_head head = {.kind = "session.start"};

	(void)record_begin(record, &head);
	if (record_end(record) < 0)
		stop("record_end", NULL);
}

static void own(const char *what, const char *unit, const double *values, size_t count)
{
	samples_row(what, unit, values, NULL, NULL, count);
}

/* What a cordon pays at its start; sodium_init() does its work once in a process. */
static void bench_start(const char *key)
{
	double made[ROUNDS], closed[ROUNDS], opened[ROUNDS];
	char path[128];
	struct record *record = NULL;
	struct error err = {0};
	double start = clock_us();
	double init;

	(void)snprintf(path, sizeof(path), "%s/start", dir);
	if (sodium_init() < 0)
		stop("sodium_init", NULL);
	init = clock_us() - start;
	for (int i = 0; i < ROUNDS; i++) {
		(void)unlink(key);
		start = clock_us();
		if (record_open(path, "bench", key, &record, &err) < 0)
			stop("record_open", &err);
		made[i] = clock_us() - start;
		put_start(record);
		start = clock_us();
		if (record_close(record, 0, NULL) < 0)
			stop("record_close", NULL);
		closed[i] = clock_us() - start;
		(void)unlink(path);
		start = clock_us();
		if (record_open(path, "bench", key, &record, &err) < 0)
			stop("record_open", &err);
		opened[i] = clock_us() - start;
		(void)record_abandon(record);
		(void)unlink(path);
	}
	own("sodium_init", "us", &init, 1);
	own("record_open, making the key", "us", made, ROUNDS);
	own("record_open, key there", "us", opened, ROUNDS);
	own("record_close: sign, write, close", "us", closed, ROUNDS);
}

static double write_events(const char *path, const char *key, bool keep, uint64_t events)
{
	struct record *record = NULL;
	struct error err = {0};
	double start;

	if (keep ? record_open(path, "bench-session-1", key, &record, &err) < 0
		 : record_open_fd(open("/dev/null", O_WRONLY | O_CLOEXEC), "/dev/null",
				  "bench-session-1", key, &record, &err) < 0)
		stop("record_open", &err);
	put_start(record);
	start = clock_us();
	for (uint64_t i = 0; i < events; i++)
		put_exec(record, i);
	start = clock_us() - start;
	if (record_close(record, 0, NULL) < 0)
		stop("record_close", NULL);
	return start / (double)events;
}

static double file_bytes(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		stop(path, NULL);
	return (double)st.st_size;
}

static void bench_events(const char *key)
{
	const uint64_t events = is_quick() ? QUICK_EVENTS : EVENTS;
	double memory[ROUNDS];
	double file[ROUNDS];
	double verified[ROUNDS];
	double bytes[ROUNDS];
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/events", dir);
	for (int i = 0; i < ROUNDS; i++) {
		struct record_report report;
		double start;

		memory[i] = write_events(path, key, false, events);
		file[i] = write_events(path, key, true, events);
		start = clock_us();
		if (record_verify(path, key, &report, NULL) < 0 || report.state != RECORD_CLOSED)
			stop("record_verify", NULL);
		bytes[i] = file_bytes(path) / (double)events;
		verified[i] = (clock_us() - start) / (double)events;
		(void)unlink(path);
	}
	own("one exec event: encode, hash", "us", memory, ROUNDS);
	own("one exec event: encode, hash, write to a file", "us", file, ROUNDS);
	own("one exec event: verify", "us", verified, ROUNDS);
	own("one exec event: size", "bytes", bytes, ROUNDS);
}

static double gate_ms(const struct buf *text)
{
	const double start = clock_us();

	if (json_check(text->data, text->len, NULL) < 0)
		stop("json_check", NULL);
	return (clock_us() - start) / 1e3;
}

static void bench_gate(void)
{
	const size_t size = is_quick() ? MAX_JSON_BYTES / 64 : MAX_JSON_BYTES;
	_cleanup_buf_ struct buf keys = BUF_INIT(MAX_JSON_BYTES);
	_cleanup_buf_ struct buf string = BUF_INIT(MAX_JSON_BYTES);
	double of_keys[ROUNDS], of_string[ROUNDS];
	unsigned count = 0;

	buf_putc(&keys, '{');
	while (keys.len < size - 32 && count < MAX_JSON_NODES - 1)
		buf_printf(&keys, "\"k%08x\":0,", count++ * 2654435761u);
	keys.data[keys.len - 1] = '}';
	buf_putc(&string, '"');
	while (string.len < size - 16)
		buf_puts(&string, "0123456789abcde");
	buf_putc(&string, '"');
	for (int i = 0; i < ROUNDS; i++) {
		of_keys[i] = gate_ms(&keys);
		of_string[i] = gate_ms(&string);
	}
	own("JSON gate over as many keys as it lets through", "ms", of_keys, ROUNDS);
	own("JSON gate over the longest string", "ms", of_string, ROUNDS);
}

int main(void)
{
	char key[128];

	if (!mkdtemp(dir))
		stop("mkdtemp", NULL);
	(void)snprintf(key, sizeof(key), "%s/record.key", dir);
	bench_start(key);
	bench_events(key);
	bench_gate();
	(void)unlink(key);
	(void)rmdir(dir);
	return 0;
}
