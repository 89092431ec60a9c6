/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A request's head that is taken is one that another reader (llhttp) takes, and in which it reads
 * the same method, host and length. That it takes more is why it is not ours.
 */

#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "monitor/net/http_head.h"
#include "tests/support/fuzz.h"
#include "tests/support/http_oracle.h"

/* Of "[::1]:80", "h.:80", "h" what struct http_head has. */
static bool is_host(const char *value, const char *host)
{
	const bool is_v6 = value[0] == '[';
	const char *at = value + is_v6;
	size_t len = strcspn(at, is_v6 ? "]" : ":");

	while (!is_v6 && len && (at[len - 1] == ' ' || at[len - 1] == '\t'))
		len--;
	if (!is_v6 && len && at[len - 1] == '.')
		len--;
	return strlen(host) == len && strncasecmp(at, host, len) == 0;
}

/* One writing of each path, and none that leads up. */
static void check_path(const struct http_head *head)
{
	const size_t len = strcspn(head->path, "?");
	_cleanup_free_ char *path = xstrndup(head->path, len);

	fuzz_expect(!strchr(head->path, '#'));
	fuzz_expect(!strstr(path, "//") && !strstr(path, "/../") && !strstr(path, "/./"));
	fuzz_expect(len < 3 || len == MAX_HTTP_PATH || strcmp(path + len - 3, "/..") != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	struct http_oracle oracle;
	struct http_head head;

	/* Terminated, as the caller's buffer is; a NUL within is for fuzz_first_bytes. */
	if (size > MAX_HTTP_HEAD || strlen(text) != size)
		return 0;
	if (http_head_parse(text, size, &head))
		return 0;
	http_oracle_read(text, size, &oracle);
	if (!oracle.knows_method)
		return 0;
	fuzz_expect(oracle.accepted);
	fuzz_expect(strcmp(oracle.method, head.method) == 0);
	fuzz_expect(oracle.hosts <= 1);
	fuzz_expect(!oracle.hosts || is_host(oracle.host, head.host));
	fuzz_expect(oracle.chunked == (head.body_bytes == HTTP_CHUNKED));
	fuzz_expect(oracle.chunked || oracle.length == (uint64_t)head.body_bytes);
	check_path(&head);
	return 0;
}
