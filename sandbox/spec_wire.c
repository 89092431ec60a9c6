/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/spec_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

#define WIRE_MAGIC 0x34435053u /* "SPC4" */
#define WIRE_NULL  UINT32_MAX
#define WIRE_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/*
 * One walk over the struct serves both directions, so that they cannot drift apart: `out` is set
 * when encoding, else the bytes at `at` are consumed. `bad` sticks.
 */
struct wire {
	struct buf *out;
	const unsigned char *at;
	size_t left;
	bool bad;
};

static void wire_u32(struct wire *w, uint32_t *value)
{
	if (w->out) {
		const unsigned char bytes[4] = {(unsigned char)*value, (unsigned char)(*value >> 8),
						(unsigned char)(*value >> 16),
						(unsigned char)(*value >> 24)};

		buf_put(w->out, bytes, sizeof(bytes));
		return;
	}
	if (w->bad || w->left < 4) {
		w->bad = true;
		*value = 0;
		return;
	}
	*value = (uint32_t)w->at[0] | (uint32_t)w->at[1] << 8 | (uint32_t)w->at[2] << 16 |
		 (uint32_t)w->at[3] << 24;
	w->at += 4;
	w->left -= 4;
}

static void wire_u64(struct wire *w, uint64_t *value)
{
	uint32_t low = (uint32_t)*value;
	uint32_t high = (uint32_t)(*value >> 32);

	wire_u32(w, &low);
	wire_u32(w, &high);
	*value = (uint64_t)high << 32 | low;
}

static void wire_bool(struct wire *w, bool *value)
{
	uint32_t number = *value;

	wire_u32(w, &number);
	w->bad |= number > 1;
	*value = number == 1;
}

static void wire_string(struct wire *w, char **value)
{
	uint32_t len = *value ? (uint32_t)strlen(*value) : WIRE_NULL;

	wire_u32(w, &len);
	if (w->out) {
		buf_put(w->out, *value, *value ? len : 0);
		return;
	}
	*value = NULL;
	if (w->bad || len == WIRE_NULL)
		return;
	if (len > w->left || memchr(w->at, 0, len)) {
		w->bad = true;
		return;
	}
	*value = xstrndup((const char *)w->at, len);
	w->at += len;
	w->left -= len;
}

static void wire_mount(struct wire *w, struct spec_mount *m)
{
	uint32_t kind = (uint32_t)m->kind;

	wire_u32(w, &kind);
	if (!spec_mount_kind_name(kind)) {
		w->bad = true;
		kind = MOUNT_BIND;
	}
	m->kind = (enum spec_mount_kind)kind;
	wire_string(w, &m->source);
	wire_string(w, &m->target);
	wire_string(w, &m->upper);
	wire_string(w, &m->work);
	wire_string(w, &m->text);
	wire_u64(w, &m->size_bytes);
	wire_u32(w, &m->mode);
	wire_bool(w, &m->writable);
	wire_bool(w, &m->optional);
	wire_bool(w, &m->idmap);
}

/* A count read from outside; memory is taken only for what a ceiling allows. */
static uint32_t wire_count(struct wire *w, size_t have, uint32_t max)
{
	uint32_t count = (uint32_t)have;

	wire_u32(w, &count);
	if (w->bad || count > max) {
		w->bad = true;
		return 0;
	}
	return count;
}

static void wire_env(struct wire *w, char ***env)
{
	const bool encode = w->out;
	size_t have = 0;
	uint32_t count;

	while (encode && *env && (*env)[have])
		have++;
	count = wire_count(w, have, SPEC_MAX_ENV);
	if (!encode)
		*env = xcalloc(count + 1, sizeof(**env));
	for (uint32_t i = 0; i < count && !w->bad; i++) {
		wire_string(w, &(*env)[i]);
		w->bad |= !(*env)[i];
	}
}

static void wire_isolation(struct wire *w, enum isolation *value)
{
	uint32_t number = (uint32_t)*value;

	wire_u32(w, &number);
	w->bad |= !isolation_name(number);
	*value = number == ISOLATION_LITE ? ISOLATION_LITE : ISOLATION_FULL;
}

static void wire_net(struct wire *w, enum net_mode *value)
{
	uint32_t number = (uint32_t)*value;

	wire_u32(w, &number);
	w->bad |= !net_mode_name(number);
	*value = net_mode_name(number) ? (enum net_mode)number : NET_NONE;
}

static void wire_spec(struct wire *w, struct spec *s)
{
	uint32_t magic = WIRE_MAGIC;

	wire_u32(w, &magic);
	w->bad |= magic != WIRE_MAGIC;
	wire_string(w, &s->session);
	wire_isolation(w, &s->isolation);
	wire_net(w, &s->net);
	wire_string(w, &s->hostname);
	wire_u32(w, &s->uid);
	wire_u32(w, &s->gid);
	wire_u32(w, &s->outer_base);
	wire_u32(w, &s->outer_count);
	wire_string(w, &s->home);
	wire_string(w, &s->workspace);
	wire_string(w, &s->upper_dir);
	wire_u64(w, &s->limits.memory_bytes);
	wire_u32(w, &s->limits.pids);
	wire_u32(w, &s->limits.cpu_millis);
	wire_u32(w, &s->limits.open_files);
	wire_u64(w, &s->limits.file_size_bytes);
	wire_u64(w, &s->limits.layer_bytes);
	wire_bool(w, &s->landlock);
	wire_bool(w, &s->cgroup);
	wire_env(w, &s->env);
	s->mount_count = wire_count(w, s->mount_count, SPEC_MAX_MOUNTS);
	if (!w->out)
		s->mounts = xcalloc(s->mount_count, sizeof(*s->mounts));
	for (size_t i = 0; i < s->mount_count && !w->bad; i++)
		wire_mount(w, &s->mounts[i]);
}

void spec_encode(const struct spec *spec, struct buf *out)
{
	struct wire w = {.out = out};
	struct spec copy = *spec; /* the walk writes back what it read, hence not the original */

	wire_spec(&w, &copy);
}

int spec_decode(const char *bytes, size_t len, struct spec *ret, struct error *err)
{
	struct wire w = {.at = (const unsigned char *)bytes, .left = len};
	struct spec spec = {0};

	if (len > SPEC_WIRE_MAX)
		return error_set(err, EBADMSG, "spec of %zu bytes is too long", len);
	wire_spec(&w, &spec);
	if (w.bad || w.left) {
		spec_done(&spec);
		return error_set(err, EBADMSG,
				 "spec is not in the expected encoding (%zu bytes in)",
				 len - w.left);
	}
	*ret = spec;
	return 0;
}

static int write_all(int out_fd, const char *bytes, size_t len)
{
	while (len) {
		const ssize_t n = write(out_fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

int spec_to_memfd(const struct spec *spec, struct error *err)
{
	_cleanup_close_ int spec_fd = -1;
	_cleanup_buf_ struct buf bytes = BUF_INIT(SPEC_WIRE_MAX);
	int r;

	spec_encode(spec, &bytes);
	if (bytes.overflow)
		return error_set(err, E2BIG, "spec needs more than %u bytes", SPEC_WIRE_MAX);
	spec_fd = memfd_create("cordon-spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (spec_fd < 0)
		return error_errno(err, errno, "create a memory file for the spec");
	r = write_all(spec_fd, bytes.data, bytes.len);
	if (r < 0)
		return error_errno(err, r, "write the spec to its memory file");
	if (fcntl(spec_fd, F_ADD_SEALS, WIRE_SEALS) < 0)
		return error_errno(err, errno, "seal the spec's memory file");
	return take_fd(&spec_fd);
}

int spec_from_fd(int spec_fd, struct spec *ret, struct error *err)
{
	_cleanup_free_ char *bytes = NULL;
	struct stat st;
	size_t got = 0;

	if (fcntl(spec_fd, F_GET_SEALS) != WIRE_SEALS)
		return error_set(err, EBADMSG, "descriptor %d is not a sealed spec", spec_fd);
	if (fstat(spec_fd, &st) < 0)
		return error_errno(err, errno, "look at the spec");
	if (st.st_size <= 0 || st.st_size > (off_t)SPEC_WIRE_MAX)
		return error_set(err, EBADMSG, "spec of %lld bytes", (long long)st.st_size);
	bytes = xcalloc((size_t)st.st_size, 1);
	while (got < (size_t)st.st_size) {
		const ssize_t n = pread(spec_fd, bytes + got, (size_t)st.st_size - got, (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_errno(err, n < 0 ? errno : EBADMSG, "read the spec");
		got += (size_t)n;
	}
	return spec_decode(bytes, got, ret, err);
}
