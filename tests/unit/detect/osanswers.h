/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom the tests of the OS test ask, and answers before any has come. */
#pragma once

#include "detect/osprobe.h"

#include <string.h>

static const struct os_conf conf = {
	.src = {.family = ADDR_V4, .b = {10, 0, 0, 1}},
	.dst = {.family = ADDR_V4, .b = {10, 0, 0, 2}},
	.sport = 40000,
	.open_tcp = 80,
	.closed_tcp = 81,
	.closed_udp = 30001,
	.icmp_id = 0x1234,
	.seq = 0x01020304,
	.ack = 0x0a0b0c0d,
	.ttl = 64,
};

static inline void sent(struct os_answers *a)
{
	memset(a, 0, sizeof(*a));
	for (int i = 0; i < OS_PROBE_N; i++)
		a->sent_ns[i] = 1;
}
