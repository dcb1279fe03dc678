/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One borrowed frame: the currency between packet back ends and the send and receive loops. */
#pragma once

#include "base/compiler.h"

/** What the first byte of a frame is. */
enum link_type {
	LINK_NONE,     /* network layer: the frame starts with an IPv4 or IPv6 header */
	LINK_ETHERNET, /* 14-byte header, VLAN tags possible */
	LINK_N
};

/** Invariant: len <= cap. Memory belongs to the back end that handed the frame out. */
struct frame {
	uint8_t *bytes;
	uint32_t len;
	uint32_t cap;
	uint32_t if_idx;  /* kernel interface index: tx the way out, rx the way in; 0 unknown */
	uint8_t link;     /* enum link_type */
	uint64_t time_ns; /* rx: monotonic arrival time, 0 when the back end does not know */
	uint64_t cookie;  /* the back end's own */
};
