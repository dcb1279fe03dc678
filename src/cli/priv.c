/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Capabilities by the two system calls themselves (capabilities(7)): libcap-ng reads /proc
 * at start, a cost that a scan of a few milliseconds would notice.
 */
#include "cli/priv.h"

#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

bool priv_has_net_raw(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {{0}};

	if (syscall(SYS_capget, &h, d) < 0)
		return false;
	if (!(d[CAP_TO_INDEX(CAP_NET_RAW)].effective & CAP_TO_MASK(CAP_NET_RAW)))
		return false;
	/* a capability of a user namespace is none in a network namespace of its parent */
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	bool is_allowed = fd >= 0 || (errno != EPERM && errno != EACCES);
	if (fd >= 0)
		close(fd);
	return is_allowed;
}

int priv_drop(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &h, none) < 0 ? -errno : 0;
}
