/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sockets of the connect scan: opened with the scan's options, reset instead of closed, counted
 * against the descriptor limit. connect(AF_UNSPEC) on an established socket sends RST and leaves
 * no TIME_WAIT, as SO_LINGER {1,0} with close() would, and the socket can be used again.
 */
#include "engine/conn_int.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FD_RESERVE = 64,        /* for outputs, rings, name resolution */
       FD_TABLE_SMALL = 256 }; /* the kernel grows the table to this at no cost worth naming */

socklen_t conn_sockaddr_of(const struct endpoint *to, union conn_sockaddr *ret)
{
	if (to->addr.family == ADDR_V4) {
		ret->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(to->port)};
		memcpy(&ret->v4.sin_addr, to->addr.b, 4);
		return sizeof(ret->v4);
	}
	ret->v6 = (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = htons(to->port), .sin6_scope_id = to->addr.zone};
	memcpy(&ret->v6.sin6_addr, to->addr.b, 16);
	return sizeof(ret->v6);
}

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/**
 * Source address and port. Without a port the kernel chooses one when it connects, per destination; with one, all
 * sockets share it, so only one connection at a time can exist to the same target port.
 */
static int bind_source(int fd, const struct engine_conf *conf, uint8_t family)
{
	struct endpoint from = {
		.addr = family == ADDR_V4 ? conf->source4 : conf->source6, .port = conf->source_port};
	union conn_sockaddr sa;

	if (from.addr.family == ADDR_NONE && !from.port)
		return 0;
	from.addr.family = family;
	int err = from.port ? set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) : set_int(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	if (err)
		return err;
	return bind(fd, &sa.any, conn_sockaddr_of(&from, &sa)) < 0 ? -errno : 0;
}

static int set_options(int fd, const struct engine_conf *conf, uint8_t family)
{
	char name[IF_NAMESIZE];

	if (conf->if_idx) {
		if (!if_indextoname(conf->if_idx, name))
			return -errno;
		if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) < 0)
			return -errno;
	}
	if (conf->ttl) {
		int err = family == ADDR_V4 ? set_int(fd, SOL_IP, IP_TTL, conf->ttl)
					    : set_int(fd, SOL_IPV6, IPV6_UNICAST_HOPS, conf->ttl);
		if (err)
			return err;
	}
	return bind_source(fd, conf, family);
}

int conn_socket_open(const struct engine_conf *conf, uint8_t family, int socket_flags)
{
	int fd = socket(family == ADDR_V4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | socket_flags, 0);

	if (fd < 0)
		return -errno;
	int err = set_options(fd, conf, family);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

void conn_socket_reset(int fd)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	/* an error means that there was nothing to reset */
	(void)!connect(fd, &none, sizeof(none));
}

bool conn_socket_is_self(int fd, const struct endpoint *to)
{
	union conn_sockaddr local;
	socklen_t len = sizeof(local);

	if (getsockname(fd, &local.any, &len) < 0)
		return false;
	if (to->addr.family == ADDR_V4)
		return local.v4.sin_port == htons(to->port) && !memcmp(&local.v4.sin_addr, to->addr.b, 4);
	return local.v6.sin6_port == htons(to->port) && !memcmp(&local.v6.sin6_addr, to->addr.b, 16);
}

uint32_t conn_socket_max(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return 1;
	if (r.rlim_cur < r.rlim_max) {
		struct rlimit raised = {.rlim_cur = r.rlim_max, .rlim_max = r.rlim_max};
		if (!setrlimit(RLIMIT_NOFILE, &raised))
			r = raised;
	}
	uint64_t n = MIN((uint64_t)r.rlim_cur, (uint64_t)UINT32_MAX);
	/* under a tiny limit half of it is worth a try: what is not there will be noticed */
	return (uint32_t)(n > 2 * FD_RESERVE ? n - FD_RESERVE : MAX(n / 2, 1ull));
}

void conn_socket_table(uint32_t n)
{
	if (n <= FD_TABLE_SMALL)
		return;
	/* with more than one thread each doubling of the table waits for an RCU grace period: grow it at once */
	int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, (int)n);
	if (fd >= 0)
		close(fd);
}
