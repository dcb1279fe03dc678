/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state of interfaces by ioctl (netdevice(7)). Without a carrier sending fails silently, and
 * IFF_RUNNING tells of it up to a second late: the driver itself is asked (SIOCETHTOOL,
 * ETHTOOL_GLINK), where it knows. An address is ours if a socket may be bound to it.
 */
#include "pktio/ifstate.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

int ifstate_open(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int ifstate_runs(int fd, uint32_t if_idx)
{
	struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
	struct ifreq q = {.ifr_ifindex = (int)if_idx};

	if (ioctl(fd, SIOCGIFNAME, &q) < 0 || ioctl(fd, SIOCGIFFLAGS, &q) < 0)
		return -errno;
	if (!(q.ifr_flags & IFF_UP))
		return 0;
	q.ifr_data = (void *)&link;
	return ioctl(fd, SIOCETHTOOL, &q) < 0 || link.data;
}

bool ifstate_has_addr(const struct addr *a)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_scope_id = a->zone};
	bool is_v6 = a->family == ADDR_V6;
	int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	memcpy(&a4.sin_addr, a->b, sizeof(a4.sin_addr));
	memcpy(&a6.sin6_addr, a->b, sizeof(a6.sin6_addr));
	int err = is_v6 ? bind(fd, (struct sockaddr *)&a6, sizeof(a6))
			: bind(fd, (struct sockaddr *)&a4, sizeof(a4));
	close(fd);
	return !err;
}
