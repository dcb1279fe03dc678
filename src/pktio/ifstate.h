/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Does an interface carry packets right now? Asked while a scan runs, where route.h tells what was
 * true when it began.
 */
#pragma once

#include "wire/addr.h"

/**
 * @return 1 running; 0 switched off or without a carrier; -ENODEV it is gone, other -errno.
 * Cost: three system calls. Thread: any. Source: netdevice(7).
 */
int ifstate_runs(int fd, uint32_t if_idx) MUST_CHECK;
/** A socket for ifstate_runs. @return a descriptor or -errno. */
int ifstate_open(void) MUST_CHECK;
/** May this machine send from the address? IPv6 addresses leave with an interface that is switched
 * off. */
bool ifstate_has_addr(const struct addr *a);
