/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two anonymous network namespaces joined by a veth pair, for tests that need a kernel to talk to.
 * Nothing in them can reach outside: they hold lo and the pair, and no default route. They have no
 * name and vanish with the process. The test lives in the near one; sockets of the far one are
 * opened there.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NETNS_SKIP 77

struct netns_pair {
	int near_fd, far_fd;
};

__attribute__((format(printf, 1, 2))) static inline void netns_sh(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	if (system(cmd) != 0) {
		fprintf(stderr, "failed: %s\n", cmd);
		exit(1);
	}
}

static inline int netns_new(void)
{
	if (unshare(CLONE_NEWNET) < 0) {
		fprintf(stderr, "skipped: new network namespace: errno %d\n", errno);
		exit(NETNS_SKIP);
	}
	netns_sh("ip link set lo up");
	netns_sh("sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 "
		 "net.ipv6.conf.default.router_solicitations=0 net.ipv4.conf.all.rp_filter=0 "
		 "net.ipv4.conf.default.rp_filter=0");
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static inline void netns_enter(int fd)
{
	if (setns(fd, CLONE_NEWNET) < 0) {
		perror("setns");
		exit(1);
	}
}

/** near: va 10.77.0.1/24, fd77::1/64; far: vb 10.77.0.2, fd77::2, ICMP not limited; neighbours are
 * static, link-local ones too: the kernel asks for none while a test listens. */
static inline struct netns_pair netns_pair_open(void)
{
	struct netns_pair p;

	p.far_fd = netns_new();
	p.near_fd = netns_new();
	/* An older link, so that link-local targets without their zone go astray. */
	netns_sh("ip link add da type veth peer name db; ip link set da up; ip link set db up");
	netns_sh("ip link add va address 02:77:00:00:00:01 type veth peer name vb address "
		 "02:77:00:00:00:02 "
		 "netns /proc/%d/fd/%d",
		 (int)getpid(), p.far_fd);
	netns_sh("ip addr add 10.77.0.1/24 dev va; ip addr add fd77::1/64 dev va nodad; ip link "
		 "set va up; "
		 "ip neigh replace 10.77.0.2 lladdr 02:77:00:00:00:02 dev va; "
		 "ip neigh replace fd77::2 lladdr 02:77:00:00:00:02 dev va; "
		 "ip neigh replace fe80::77:ff:fe00:2 lladdr 02:77:00:00:00:02 dev va");
	netns_enter(p.far_fd);
	netns_sh("ip addr add 10.77.0.2/24 dev vb; ip addr add fd77::2/64 dev vb nodad; ip link "
		 "set vb up; "
		 "ip neigh replace 10.77.0.1 lladdr 02:77:00:00:00:01 dev vb; "
		 "ip neigh replace fd77::1 lladdr 02:77:00:00:00:01 dev vb; "
		 "ip neigh replace fe80::77:ff:fe00:1 lladdr 02:77:00:00:00:01 dev vb; "
		 "sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0");
	netns_enter(p.near_fd);
	netns_sh("sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0");
	return p;
}
