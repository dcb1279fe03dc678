/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transport checksums of received packets. Pure. */
#pragma once

#include "wire/decode.h"

/**
 * Is the TCP or UDP checksum right, as far as can be told? A packet that never crossed a wire may
 * hold the sum of its pseudo header only, left for a device to complete (CHECKSUM_PARTIAL of the
 * Linux kernel: loopback, veth, virtual machines); that is right too.
 * @return true also for other protocols, for fragments, for what was cut short on its way up here,
 * and for UDP over IPv4 without checksum. Cost: 5-10 ns for a segment without payload.
 */
bool pkt_sum_holds(const struct frame *f, const struct pkt *p);
