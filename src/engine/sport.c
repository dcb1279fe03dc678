/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Source ports by bound sockets that nobody reads. The TCP one does not listen: the kernel answers
 * a SYN+ACK with RST. The UDP ones keep the kernel from answering a datagram with port unreachable;
 * a filter drops what comes, for we hear it elsewhere (ip(7), socket(7)).
 */
#include "engine/sport.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/filter.h>

enum { TRIES_MAX = 64 };

static int drop_all(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog prog = {.len = 1, .filter = &drop};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

/** Bind a port of every interface; 0: the kernel's choice. @return the descriptor or -errno. */
static int port_bind(int family, int type, uint16_t port)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int one = 1, fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	int err = type == SOCK_DGRAM ? drop_all(fd) : 0;
	if (!err)
		err = family == AF_INET ? bind(fd, (struct sockaddr *)&a4, sizeof(a4))
					: bind(fd, (struct sockaddr *)&a6, sizeof(a6));
	if (err < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static uint16_t port_of_fd(int fd)
{
	struct sockaddr_storage s;
	socklen_t len = sizeof(s);

	if (getsockname(fd, (struct sockaddr *)&s, &len) < 0)
		return 0;
	return ntohs(s.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&s)->sin6_port
					     : ((struct sockaddr_in *)(void *)&s)->sin_port);
}

/** Hold one port of one protocol in every family in use; port 0 becomes the kernel's choice. */
static int hold_one(struct sports *s, const struct sports_conf *c, int type, uint16_t *port)
{
	static const int families[] = {AF_INET, AF_INET6};
	const bool wants[] = {c->v4, c->v6};

	for (uint32_t i = 0; i < ARRAY_LEN(families); i++) {
		if (!wants[i])
			continue;
		int fd = port_bind(families[i], type, *port);
		if (fd < 0)
			return fd;
		s->fds[s->n_fds++] = fd;
		*port = port_of_fd(fd);
	}
	return 0;
}

static int hold_all(struct sports *s, const struct sports_conf *c)
{
	uint16_t n = c->wants_udp && !c->wanted ? SPORTS_UDP : 1, first = c->wanted;
	int err = hold_one(s, c, SOCK_STREAM, &first);

	if (!err && first > UINT16_MAX - n + 1)
		err = -EADDRINUSE;
	for (uint16_t i = 0; i < n && c->wants_udp && c->holds_udp && !err; i++) {
		uint16_t port = (uint16_t)(first + i);
		err = hold_one(s, c, SOCK_DGRAM, &port);
	}
	s->first = first;
	s->n = n;
	return err;
}

int sports_hold(struct sports *s, const struct sports_conf *c)
{
	int err = -EADDRINUSE;

	*s = (struct sports){0};
	for (int i = 0; i < TRIES_MAX && err == -EADDRINUSE; i++) {
		sports_release(s);
		err = hold_all(s, c);
		if (err && c->wanted) {
			s->first = c->wanted;
			s->n = 1;
			return 0;
		}
	}
	return err;
}

void sports_release(struct sports *s)
{
	for (uint32_t i = 0; i < s->n_fds; i++)
		close(s->fds[i]);
	s->n_fds = 0;
}
