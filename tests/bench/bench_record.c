/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the record costs: start-up, one event with its hash, the signed end, and reading it back;
 * and the JSON gate over the largest document with as many keys as it lets through.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "common/limits.h"
#include "monitor/evidence/record.h"

enum {
	EVENTS = 200000,
	ROUNDS = 9
};

static char dir[] = "/tmp/cordon-bench-XXXXXX";

static double now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void row(const char *what, double value, const char *unit)
{
	(void)printf("%-52s %10.2f %s\n", what, value, unit);
}

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), ascending);
	return values[count / 2];
}

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

/* Once in this process: what a cordon pays at its start. */
static void bench_start(const char *key)
{
	char path[128];
	struct record *record = NULL;
	struct error err = {0};
	double start = now_us();

	(void)snprintf(path, sizeof(path), "%s/start", dir);
	if (sodium_init() < 0)
		stop("sodium_init", NULL);
	row("sodium_init, first", now_us() - start, "us");
	start = now_us();
	if (record_open(path, "bench", key, &record, &err) < 0)
		stop("record_open", &err);
	row("record_open, making the key", now_us() - start, "us");
	put_start(record);
	start = now_us();
	if (record_close(record, 0, NULL) < 0)
		stop("record_close", NULL);
	row("record_close: sign, write, close", now_us() - start, "us");
	(void)unlink(path);
	start = now_us();
	if (record_open(path, "bench", key, &record, &err) < 0)
		stop("record_open", &err);
	row("record_open, key there", now_us() - start, "us");
	(void)record_abandon(record);
	(void)unlink(path);
}

static double write_events(const char *path, const char *key, bool keep)
{
	struct record *record = NULL;
	struct error err = {0};
	double start;

	if (keep ? record_open(path, "bench-session-1", key, &record, &err) < 0
		 : record_open_fd(open("/dev/null", O_WRONLY | O_CLOEXEC), "/dev/null",
				  "bench-session-1", key, &record, &err) < 0)
		stop("record_open", &err);
	put_start(record);
	start = now_us();
	for (uint64_t i = 0; i < EVENTS; i++)
		put_exec(record, i);
	start = now_us() - start;
	if (record_close(record, 0, NULL) < 0)
		stop("record_close", NULL);
	return start / EVENTS;
}

static void bench_events(const char *key)
{
	double memory[ROUNDS];
	double file[ROUNDS];
	double verified[ROUNDS];
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/events", dir);
	for (int i = 0; i < ROUNDS; i++) {
		struct record_report report;
		double start;

		memory[i] = write_events(path, key, false);
		file[i] = write_events(path, key, true);
		start = now_us();
		if (record_verify(path, key, &report, NULL) < 0 || report.state != RECORD_CLOSED)
			stop("record_verify", NULL);
		verified[i] = (now_us() - start) / EVENTS;
		(void)unlink(path);
	}
	row("one exec event: encode, hash", median(memory, ROUNDS), "us");
	row("one exec event: encode, hash, write to a file", median(file, ROUNDS), "us");
	row("one exec event: verify", median(verified, ROUNDS), "us");
}

static void bench_gate(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT(MAX_JSON_BYTES);
	double start;
	unsigned keys = 0;

	buf_putc(&text, '{');
	while (text.len < MAX_JSON_BYTES - 32 && keys < MAX_JSON_NODES - 1)
		buf_printf(&text, "\"k%08x\":0,", keys++ * 2654435761u);
	text.data[text.len - 1] = '}';
	start = now_us();
	if (json_check(text.data, text.len, NULL) < 0)
		stop("json_check", NULL);
	(void)printf("%u keys in one object of %zu bytes:\n", keys, text.len);
	row("JSON gate over it", (now_us() - start) / 1000, "ms");
	buf_clear(&text);
	buf_putc(&text, '"');
	while (text.len < MAX_JSON_BYTES - 1)
		buf_puts(&text, "0123456789abcde");
	text.data[text.len - 1] = '"';
	start = now_us();
	if (json_check(text.data, text.len, NULL) < 0)
		stop("json_check", NULL);
	row("JSON gate over one string of that size", (now_us() - start) / 1000, "ms");
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
