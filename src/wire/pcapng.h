/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Blocks of a pcapng file, in this machine's byte order. Pure; the first block that does not fit
 * sets the writer's failed. Source: draft-ietf-opsawg-pcapng.
 */
#pragma once

#include "base/cursor.h"
#include "wire/frame.h"

/** No block but a packet is longer; a packet adds its own bytes. */
#define PCAPNG_BLOCK_MAX 512u

struct pcapng_packet {
	uint32_t iface; /* place of its interface block in the file, from 0 */
	uint64_t wall_ns;
	const uint8_t *bytes;
	uint32_t len, wire_len; /* present; on the wire */
	uint32_t n_dropped;     /* lost between this one and the one before */
	bool is_sent;
};

struct pcapng_stats {
	uint32_t iface;
	uint64_t wall_ns;
	uint64_t n_seen, n_dropped; /* frames offered to the file; of these not written */
	uint64_t n_lost;            /* received for us, but dropped before we could read them */
};

/** Section header; must come first. @param app program and version. */
void pcapng_put_section(struct wcursor *w, const char *app);
/** Interface description, nanoseconds. @param name cut at 64 bytes. */
void pcapng_put_iface(struct wcursor *w, enum link_type link, const char *name);
void pcapng_put_packet(struct wcursor *w, const struct pcapng_packet *p);
void pcapng_put_stats(struct wcursor *w, const struct pcapng_stats *s);
