/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A packet or AF_XDP socket's last close waits for an RCU grace period (synchronize_net in
 * packet_release() and xsk_release()), which is longer than a whole small scan. An io_uring's table
 * of registered files holds references too, and the kernel tears a ring down on a worker of its
 * own: the sockets are registered, closed here, and the ring is closed, so that the wait is
 * nobody's. Nothing is ever submitted. Sources: io_uring_setup(2), io_uring_register(2).
 */
#include "pktio/lateclose.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <linux/io_uring.h>

#define LATECLOSE_MAX 8

void lateclose(const int *fds, uint32_t n)
{
	struct io_uring_params params = {0};
	int kept[LATECLOSE_MAX], ring = -1;
	uint32_t n_kept = 0;

	for (uint32_t i = 0; i < n && n_kept < LATECLOSE_MAX; i++)
		if (fds[i] >= 0)
			kept[n_kept++] = fds[i];
	if (n_kept)
		ring = (int)syscall(__NR_io_uring_setup, 1, &params);
	if (ring >= 0)
		(void)syscall(__NR_io_uring_register, ring, IORING_REGISTER_FILES, kept, n_kept);
	for (uint32_t i = 0; i < n_kept; i++)
		close(kept[i]);
	if (ring >= 0)
		close(ring);
}
