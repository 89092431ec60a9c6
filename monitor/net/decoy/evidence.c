/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/net/decoy/evidence.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

void evidence_begin(struct evidence *evidence, struct evidence_store *store)
{
	*evidence =
		(struct evidence){.store = store, .file_fd = -1, .seen = BUF_INIT(MAX_BODY_SEEN)};
	(void)crypto_hash_sha256_init(&evidence->hash);
	evidence->md5 = store->tls->md5_new();
}

static void open_file(struct evidence *evidence)
{
	struct evidence_store *store = evidence->store;

	if (store->folder_fd < 0 || store->files >= DECOY_KEPT_FILES)
		return;
	(void)snprintf(evidence->file, sizeof(evidence->file), "%06u", ++store->files);
	evidence->file_fd = openat(store->folder_fd, evidence->file,
				   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (evidence->file_fd < 0)
		evidence->file[0] = '\0';
}

static size_t least(uint64_t a, uint64_t b)
{
	return (size_t)(a < b ? a : b);
}

static void keep(struct evidence *evidence, const char *bytes, size_t len)
{
	struct evidence_store *store = evidence->store;
	size_t room = least(DECOY_KEPT_REQUEST - evidence->kept, DECOY_KEPT_SESSION - store->bytes);

	room = least(room, len);
	if (evidence->is_cut)
		return; /* what is kept has no holes */
	if (!evidence->bytes)
		open_file(evidence);
	while (room && evidence->file_fd >= 0) {
		const ssize_t n = write(evidence->file_fd, bytes, room);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		bytes += n;
		room -= (size_t)n;
		len -= (size_t)n;
		evidence->kept += (uint64_t)n;
		store->bytes += (uint64_t)n;
	}
	evidence->is_cut = len != 0;
}

void evidence_add(struct evidence *evidence, const void *bytes, size_t len)
{
	const size_t seen = least(len, MAX_BODY_SEEN - evidence->seen.len);

	if (!len)
		return;
	(void)crypto_hash_sha256_update(&evidence->hash, bytes, len);
	evidence->store->tls->md5_add(evidence->md5, bytes, len);
	buf_put(&evidence->seen, bytes, seen);
	if (!evidence->scan)
		evidence->scan = scan_new(evidence->store->canaries);
	scan_feed(evidence->scan, bytes, len);
	keep(evidence, bytes, len);
	evidence->bytes += len;
}

void evidence_tell(const struct evidence *evidence, struct decoy_request *ret)
{
	crypto_hash_sha256_state hash = evidence->hash;
	unsigned char sum[crypto_hash_sha256_BYTES];

	(void)crypto_hash_sha256_final(&hash, sum);
	(void)sodium_bin2hex(ret->sha256, sizeof(ret->sha256), sum, sizeof(sum));
	ret->bytes = evidence->bytes;
	ret->body = (struct str){evidence->seen.data, least(evidence->seen.len, DECOY_BODY_SHOWN)};
	ret->file = evidence->file[0] ? evidence->file : NULL;
	ret->is_cut = ret->is_cut || evidence->is_cut;
	if (!evidence->scan)
		return;
	ret->canaries |= scan_found(evidence->scan);
	ret->unsearched = scan_gave_up(evidence->scan);
}

void evidence_done(struct evidence *evidence)
{
	buf_done(&evidence->seen);
	(void)scan_free(evidence->scan);
	if (evidence->store) {
		(void)evidence->store->tls->md5_free(evidence->md5);
		close_fd(&evidence->file_fd);
	}
	*evidence = (struct evidence){.file_fd = -1};
}
