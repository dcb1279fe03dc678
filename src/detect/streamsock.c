/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sockets of detection's conversations. A service that answers from a port of its own choice (TFTP,
 * RFC 1350 4) is heard on a socket that is not connected, which takes datagrams of the target's
 * address only.
 */
#include "detect/streamsock.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static socklen_t sockaddr_of(const struct addr *a, uint16_t port, union streamsock_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (a->family == ADDR_V4) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(port);
		memcpy(&ret->v4.sin_addr, a->b, 4);
		return sizeof(ret->v4);
	}
	ret->v6.sin6_family = AF_INET6;
	ret->v6.sin6_port = htons(port);
	ret->v6.sin6_scope_id = a->zone;
	memcpy(&ret->v6.sin6_addr, a->b, 16);
	return sizeof(ret->v6);
}

static int set_options(const struct streams_conf *c, int fd, uint8_t family)
{
	const struct addr *from = family == ADDR_V4 ? &c->source4 : &c->source6;
	int level = family == ADDR_V4 ? IPPROTO_IP : IPPROTO_IPV6, ttl = c->ttl;
	int ttl_option = family == ADDR_V4 ? IP_TTL : IPV6_UNICAST_HOPS, if_idx = (int)c->if_idx;
	union streamsock_addr sa;

	if (ttl && setsockopt(fd, level, ttl_option, &ttl, sizeof(ttl)) < 0)
		return -errno;
	if (if_idx && setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &if_idx, sizeof(if_idx)) < 0)
		return -errno;
	if (from->family == family) {
		socklen_t len = sockaddr_of(from, 0, &sa);
		if (bind(fd, &sa.any, len) < 0)
			return -errno;
	}
	return 0;
}

bool streamsock_is_local(int err)
{
	static const int local[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EAGAIN};

	for (size_t i = 0; i < ARRAY_LEN(local); i++)
		if (err == -local[i])
			return true;
	return false;
}

int streamsock_open(const struct streams_conf *c, const struct stream_to *to, int *ret_fd,
		    struct streamsock_peer *ret_peer)
{
	int family = to->to.addr.family == ADDR_V4 ? AF_INET : AF_INET6;
	bool is_udp = to->to.proto == PROTO_UDP, is_loose = is_udp && to->hears_any_port;
	int fd = socket(family, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
			0);
	union streamsock_addr sa;

	if (fd < 0)
		return -errno;
	int err = set_options(c, fd, to->to.addr.family);
	socklen_t len = sockaddr_of(&to->to.addr, to->to.port, &sa);
	if (!err && !is_loose && connect(fd, &sa.any, len) < 0 && errno != EINPROGRESS)
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	*ret_fd = fd;
	*ret_peer = (struct streamsock_peer){.addr = sa, .len = is_loose ? len : 0};
	return 0;
}

static bool is_same_host(const union streamsock_addr *a, const union streamsock_addr *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
}

ssize_t streamsock_read(int fd, const struct streamsock_peer *peer, void *p, size_t n)
{
	union streamsock_addr from = {.any = {.sa_family = AF_UNSPEC}};
	socklen_t len = sizeof(from);
	ssize_t got = recvfrom(fd, p, n, 0, peer->len ? &from.any : NULL, peer->len ? &len : NULL);

	if (got < 0)
		return -errno;
	return peer->len && !is_same_host(&from, &peer->addr) ? -EAGAIN : got;
}

ssize_t streamsock_write(int fd, const struct streamsock_peer *peer, const void *p, size_t n)
{
	ssize_t sent =
		sendto(fd, p, n, MSG_NOSIGNAL, peer->len ? &peer->addr.any : NULL, peer->len);

	return sent < 0 ? -errno : sent;
}
