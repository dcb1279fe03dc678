/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sockets of the connect scan: opened with the scan's options, reset instead of closed, counted
 * against the descriptor limit. connect(AF_UNSPEC) on an established socket sends RST and leaves
 * no TIME_WAIT, as SO_LINGER {1,0} with close() would, and the socket can be used again. A FIN goes
 * before it: nothing repeats a RST, and where it is lost the target kept the connection for ever.
 */
#include "engine/conn_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	ERRORS_MAX = 8,  /* queued on one socket */
	FD_RESERVE = 64, /* for outputs, rings, name resolution */
	FD_TABLE_SMALL = 256
}; /* the kernel grows the table to this at no cost worth naming */

socklen_t conn_sockaddr_of(const struct endpoint *to, union conn_sockaddr *ret)
{
	if (to->addr.family == ADDR_V4) {
		ret->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(to->port)};
		memcpy(&ret->v4.sin_addr, to->addr.b, 4);
		return sizeof(ret->v4);
	}
	ret->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
					.sin6_port = htons(to->port),
					.sin6_scope_id = to->addr.zone};
	memcpy(&ret->v6.sin6_addr, to->addr.b, 16);
	return sizeof(ret->v6);
}

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/**
 * Source address and port. Without a port the kernel chooses one when it connects, per destination;
 * with one, all sockets share it, so only one connection at a time can exist to the same target
 * port.
 */
static int bind_source(int fd, const struct engine_conf *conf, uint8_t family)
{
	struct endpoint from = {.addr = family == ADDR_V4 ? conf->source4 : conf->source6,
				.port = conf->source_port};
	union conn_sockaddr sa;

	if (from.addr.family == ADDR_NONE && !from.port)
		return 0;
	from.addr.family = family;
	int err = from.port ? set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1)
			    : set_int(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	if (err)
		return err;
	return bind(fd, &sa.any, conn_sockaddr_of(&from, &sa)) < 0 ? -errno : 0;
}

static int set_options(int fd, const struct engine_conf *conf, uint8_t family)
{
	char name[IF_NAMESIZE];

	/* IPv6 queues ICMP errors only when asked to; IPv4 does it for every connecting socket */
	if (family == ADDR_V6)
		(void)set_int(fd, SOL_IPV6, IPV6_RECVERR, 1);
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
	int fd = socket(family == ADDR_V4 ? AF_INET : AF_INET6,
			SOCK_STREAM | SOCK_CLOEXEC | socket_flags, 0);

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

	(void)!shutdown(fd, SHUT_WR);
	/* an error means that there was nothing to reset */
	(void)!connect(fd, &none, sizeof(none));
}

static bool is_about(const union conn_sockaddr *sa, const struct endpoint *to)
{
	if (to->addr.family == ADDR_V4)
		return sa->v4.sin_port == htons(to->port) &&
		       !memcmp(&sa->v4.sin_addr, to->addr.b, 4);
	return sa->v6.sin6_port == htons(to->port) && !memcmp(&sa->v6.sin6_addr, to->addr.b, 16);
}

static void endpoint_of(const union conn_sockaddr *sa, struct endpoint *ret)
{
	*ret = (struct endpoint){0};
	if (sa->any.sa_family == AF_INET) {
		ret->addr.family = ADDR_V4;
		ret->port = ntohs(sa->v4.sin_port);
		memcpy(ret->addr.b, &sa->v4.sin_addr, 4);
	} else if (sa->any.sa_family == AF_INET6) {
		ret->addr.family = ADDR_V6;
		ret->addr.zone = sa->v6.sin6_scope_id;
		ret->port = ntohs(sa->v6.sin6_port);
		memcpy(ret->addr.b, &sa->v6.sin6_addr, 16);
	}
}

void conn_socket_local(int fd, struct endpoint *ret)
{
	union conn_sockaddr local = {.any.sa_family = AF_UNSPEC};
	socklen_t len = sizeof(local);

	(void)getsockname(fd, &local.any, &len);
	endpoint_of(&local, ret);
}

uint32_t conn_socket_n_ports(void)
{
	char text[32] = "", *end;
	int fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	ssize_t len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return 0;
	unsigned long lo = strtoul(text, &end, 10), hi = strtoul(end, NULL, 10);
	return lo && lo <= hi && hi <= UINT16_MAX ? (uint32_t)(hi - lo + 1) : 0;
}

/** A port that was free a moment ago; 0: none. */
static uint16_t free_port(const struct endpoint *from)
{
	struct endpoint any = {.addr = from->addr}, got = {0};
	union conn_sockaddr sa;
	socklen_t len = conn_sockaddr_of(&any, &sa);
	int fd = socket(sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return 0;
	if (!bind(fd, &sa.any, len))
		conn_socket_local(fd, &got);
	close(fd);
	return got.port;
}

int conn_socket_hold(int fd, struct endpoint *from)
{
	union conn_sockaddr sa;

	from->port = free_port(from);
	if (!from->port)
		return -EADDRNOTAVAIL;
	return bind(fd, &sa.any, conn_sockaddr_of(from, &sa)) < 0 ? -errno : 0;
}

/** The error in a message from the error queue, or 0. */
static int queued_errno(struct msghdr *m)
{
	struct sock_extended_err ee;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		bool is_v4 = c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR;
		bool is_v6 = c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR;
		if ((!is_v4 && !is_v6) || c->cmsg_len < CMSG_LEN(sizeof(ee)))
			continue;
		memcpy(&ee, CMSG_DATA(c), sizeof(ee));
		return (int)ee.ee_errno;
	}
	return 0;
}

int conn_socket_icmp(int fd, const struct endpoint *to)
{
	int err = 0;

	for (uint32_t i = 0; i < ERRORS_MAX; i++) {
		union conn_sockaddr about = {.any.sa_family = AF_UNSPEC};
		ALIGNED(16) uint8_t control[256];
		uint8_t quoted[128];
		struct iovec iov = {.iov_base = quoted, .iov_len = sizeof(quoted)};
		struct msghdr m = {.msg_name = &about,
				   .msg_namelen = sizeof(about),
				   .msg_iov = &iov,
				   .msg_iovlen = 1,
				   .msg_control = control,
				   .msg_controllen = sizeof(control)};
		if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			break;
		if (m.msg_namelen && is_about(&about, to))
			err = -queued_errno(&m);
	}
	return err;
}

bool conn_socket_was_connected(int fd)
{
	union conn_sockaddr peer;
	struct tcp_info info = {.tcpi_state = 0};
	socklen_t len = sizeof(peer), info_len = sizeof(info);

	if (!getpeername(fd, &peer.any, &len))
		return true;
	/* reset since: the time of the handshake has been measured */
	return !getsockopt(fd, SOL_TCP, TCP_INFO, &info, &info_len) && info.tcpi_rtt;
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
	/* with more than one thread each doubling of the table waits for an RCU grace period: grow
	 * it at once */
	int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, (int)n);
	if (fd >= 0)
		close(fd);
}
