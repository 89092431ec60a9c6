/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate/kept_fds.h"

#include "common/cleanup.h"

void kept_fds_init(struct kept_fds *kept)
{
	*kept = (struct kept_fds){0};
	for (unsigned i = 0; i < KEPT_FDS; i++)
		kept->slots[i].fd = -1;
}

void kept_fds_done(struct kept_fds *kept)
{
	for (unsigned i = 0; i < KEPT_FDS; i++)
		close_fd(&kept->slots[i].fd);
}

void kept_fds_add(struct kept_fds *kept, uint32_t tid, int file_fd)
{
	const unsigned at = kept->next;

	kept->next = (at + 1) % KEPT_FDS;
	kept->count += kept->slots[at].fd < 0;
	close_fd(&kept->slots[at].fd);
	kept->slots[at].tid = tid;
	kept->slots[at].fd = file_fd;
}

void kept_fds_drop(struct kept_fds *kept, uint32_t tid)
{
	for (unsigned i = 0; kept->count && i < KEPT_FDS; i++) {
		if (kept->slots[i].fd < 0 || kept->slots[i].tid != tid)
			continue;
		close_fd(&kept->slots[i].fd);
		kept->count--;
	}
}
