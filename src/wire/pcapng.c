/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Captures as pcapng: a section, an interface block before the first packet of each way in or out,
 * enhanced packet blocks with direction, statistics at the end. A file is valid after every
 * block, for the section's length is left open. Sources: draft-ietf-opsawg-pcapng 4.1 to 4.3, 4.6;
 * link types: draft-ietf-opsawg-pcaplinktype.
 */
#include "wire/pcapng.h"

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_IFACE = 1,
	BLOCK_STATS = 5,
	BLOCK_PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	APP_MAX_BYTES = 64
};
enum { OPT_END = 0, SHB_APP = 4, IF_NAME = 2, IF_TSRESOL = 9, EPB_FLAGS = 2, EPB_DROPCOUNT = 4 };
enum { ISB_RECEIVED = 4, ISB_DROPPED = 5, ISB_OS_DROPPED = 7, ISB_DELIVERED = 8 };
enum { TSRESOL_NS = 9, FLAGS_INBOUND = 1, FLAGS_OUTBOUND = 2 };

static const uint16_t link_numbers[LINK_N] = {[LINK_NONE] = 101, [LINK_ETHERNET] = 1};

static void put_u16(struct wcursor *w, uint16_t v)
{
	wcursor_put(w, &v, sizeof(v));
}

static void put_u32(struct wcursor *w, uint32_t v)
{
	wcursor_put(w, &v, sizeof(v));
}

static void put_padded(struct wcursor *w, const void *p, size_t len)
{
	static const uint8_t zeros[4];

	wcursor_put(w, p, len);
	wcursor_put(w, zeros, -len & 3);
}

static void put_option(struct wcursor *w, uint16_t code, const void *p, size_t len)
{
	put_u16(w, code);
	put_u16(w, (uint16_t)len);
	put_padded(w, p, len);
}

static void put_time(struct wcursor *w, uint64_t wall_ns)
{
	put_u32(w, (uint32_t)(wall_ns >> 32));
	put_u32(w, (uint32_t)wall_ns);
}

/** @return where the block began. */
static size_t begin(struct wcursor *w, uint32_t type)
{
	size_t at = w->pos;

	put_u32(w, type);
	put_u32(w, 0);
	return at;
}

/** Write the length in front of the block and behind it. */
static void end(struct wcursor *w, size_t at)
{
	uint32_t len = (uint32_t)(w->pos + 4 - at);

	put_u32(w, len);
	if (!w->failed)
		memcpy(w->p + at + 4, &len, sizeof(len));
}

void pcapng_put_section(struct wcursor *w, const char *app)
{
	static const uint8_t unknown_len[8] = {255, 255, 255, 255, 255, 255, 255, 255};
	size_t at = begin(w, BLOCK_SECTION);

	put_u32(w, BYTE_ORDER_MAGIC);
	put_u16(w, 1);
	put_u16(w, 0);
	wcursor_put(w, unknown_len, sizeof(unknown_len));
	put_option(w, SHB_APP, app, strnlen(app, APP_MAX_BYTES));
	put_option(w, OPT_END, NULL, 0);
	end(w, at);
}

void pcapng_put_iface(struct wcursor *w, enum link_type link, const char *name)
{
	const uint8_t resolution = TSRESOL_NS;
	size_t at = begin(w, BLOCK_IFACE);

	put_u16(w, link_numbers[link]);
	put_u16(w, 0);
	put_u32(w, 0); /* frames are cut by back ends at lengths of their own */
	put_option(w, IF_NAME, name, strlen(name));
	put_option(w, IF_TSRESOL, &resolution, sizeof(resolution));
	put_option(w, OPT_END, NULL, 0);
	end(w, at);
}

void pcapng_put_packet(struct wcursor *w, const struct pcapng_packet *p)
{
	const uint32_t flags = p->is_sent ? FLAGS_OUTBOUND : FLAGS_INBOUND;
	const uint64_t n_dropped = p->n_dropped;
	size_t at = begin(w, BLOCK_PACKET);

	put_u32(w, p->iface);
	put_time(w, p->wall_ns);
	put_u32(w, p->len);
	put_u32(w, p->wire_len);
	put_padded(w, p->bytes, p->len);
	put_option(w, EPB_FLAGS, &flags, sizeof(flags));
	if (n_dropped)
		put_option(w, EPB_DROPCOUNT, &n_dropped, sizeof(n_dropped));
	put_option(w, OPT_END, NULL, 0);
	end(w, at);
}

void pcapng_put_stats(struct wcursor *w, const struct pcapng_stats *s)
{
	const uint64_t n_written = s->n_seen - s->n_dropped;
	size_t at = begin(w, BLOCK_STATS);

	put_u32(w, s->iface);
	put_time(w, s->wall_ns);
	put_option(w, ISB_RECEIVED, &s->n_seen, sizeof(s->n_seen));
	put_option(w, ISB_DROPPED, &s->n_dropped, sizeof(s->n_dropped));
	put_option(w, ISB_OS_DROPPED, &s->n_lost, sizeof(s->n_lost));
	put_option(w, ISB_DELIVERED, &n_written, sizeof(n_written));
	put_option(w, OPT_END, NULL, 0);
	end(w, at);
}
