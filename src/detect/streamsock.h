/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sockets of streams: opened with the scan's source and interface, connected unless answers
 * may come from any port of the target. Internal to stream.c. Thread: any.
 */
#pragma once

#include "detect/stream.h"

#include <netinet/in.h>
#include <sys/types.h>

union streamsock_addr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/** Whom a socket that is not connected talks to; len 0: it is connected. */
struct streamsock_peer {
	union streamsock_addr addr;
	socklen_t len;
};

/** @return 0 with a non-blocking socket, connected or connecting; -errno. */
int streamsock_open(const struct streams_conf *c, const struct stream_to *to, int *ret_fd,
		    struct streamsock_peer *ret_peer) MUST_CHECK;
/** @return bytes, 0 at the end, -errno; -EAGAIN also for a datagram of somebody else. */
ssize_t streamsock_read(int fd, const struct streamsock_peer *peer, void *p, size_t n);
ssize_t streamsock_write(int fd, const struct streamsock_peer *peer, const void *p, size_t n);
/** Errors that say something about this machine, not about the target. */
bool streamsock_is_local(int err);
