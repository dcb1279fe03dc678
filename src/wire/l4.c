/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TCP, UDP and SCTP: the headers probes are made of, and the TCP options of replies.
 * Encoders write the complete segment with its checksum; templates patch them afterwards.
 * Sources: RFC 9293 3.1 and 3.2, RFC 7323 (window scale, timestamps), RFC 2018 (SACK), RFC 768,
 * RFC 9260 3.1, 3.3.2 and appendix A (CRC32c).
 */
#include "wire/l4.h"

#include "wire/ip.h"

enum { OPT_END = 0, OPT_NOP = 1, OPT_MSS = 2, OPT_WSCALE = 3, OPT_SACK_OK = 4, OPT_TIMESTAMP = 8 };

void tcp_encode(struct wcursor *w, const struct tcp_conf *c, const struct addr *src,
		const struct addr *dst)
{
	uint32_t len = c->mss ? TCP_HDR_LEN + 4 : TCP_HDR_LEN;
	uint8_t *p = wcursor_make(w, len);
	uint16_t csum;

	if (!p)
		return;
	put_be16(p, c->sport);
	put_be16(p + 2, c->dport);
	put_be32(p + 4, c->seq);
	put_be32(p + 8, c->ack);
	p[12] = (uint8_t)(len / 4 << 4);
	p[13] = c->flags;
	put_be16(p + 14, c->window);
	put_be16(p + 16, 0);
	put_be16(p + 18, c->urgent);
	if (c->mss)
		put_be32(p + 20, (uint32_t)OPT_MSS << 24 | 4u << 16 | c->mss);
	csum = csum_finish(csum_add(csum_pseudo(src, dst, PROTO_TCP, len), p, len));
	memcpy(p + 16, &csum, 2);
}

void udp_encode(struct wcursor *w, uint16_t sport, uint16_t dport, struct bytes payload,
		const struct addr *src, const struct addr *dst)
{
	size_t len = UDP_HDR_LEN + payload.len;
	uint8_t *p = len <= UINT16_MAX ? wcursor_make(w, len) : NULL;
	uint16_t csum;

	if (!p) {
		w->failed = true;
		return;
	}
	put_be16(p, sport);
	put_be16(p + 2, dport);
	put_be16(p + 4, (uint16_t)len);
	put_be16(p + 6, 0);
	if (payload.len)
		memcpy(p + UDP_HDR_LEN, payload.p, payload.len);
	csum = csum_finish(csum_add(csum_pseudo(src, dst, PROTO_UDP, (uint32_t)len), p, len));
	if (!csum)
		csum = 0xffff;
	memcpy(p + 6, &csum, 2);
}

enum {
	SCTP_CHUNK_INIT = 1,
	SCTP_INIT_LEN = 20,
	SCTP_RWND_BYTES = 65536,
	SCTP_N_OUT = 10,
	SCTP_N_IN = 65535
};

void sctp_init_encode(struct wcursor *w, uint16_t sport, uint16_t dport, uint32_t vtag,
		      uint32_t tsn)
{
	uint8_t *p = wcursor_make(w, SCTP_HDR_LEN + SCTP_INIT_LEN);
	uint8_t *init;

	if (!p)
		return;
	init = p + SCTP_HDR_LEN;
	put_be16(p, sport);
	put_be16(p + 2, dport);
	put_be32(p + 4, 0);
	put_be32(p + 8, 0);
	put_be32(init, (uint32_t)SCTP_CHUNK_INIT << 24 | SCTP_INIT_LEN);
	put_be32(init + 4, vtag);
	put_be32(init + 8, SCTP_RWND_BYTES);
	put_be16(init + 12, SCTP_N_OUT);
	put_be16(init + 14, SCTP_N_IN);
	put_be32(init + 16, tsn);
	/* The CRC goes out low byte first, unlike every other field. */
	put_be32(p + 8, __builtin_bswap32(crc32c(0, p, SCTP_HDR_LEN + SCTP_INIT_LEN)));
}

uint32_t crc32c(uint32_t crc, const void *p, size_t len)
{
	/* Four steps of the reflected polynomial 0x82f63b78 for each value of the low four bits. */
	static const uint32_t by_nibble[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	const uint8_t *b = p;

	crc = ~crc;
	for (size_t i = 0; i < len; i++) {
		crc ^= b[i];
		crc = crc >> 4 ^ by_nibble[crc & 0xf];
		crc = crc >> 4 ^ by_nibble[crc & 0xf];
	}
	return ~crc;
}

/* One option of a sound length; a known kind of the wrong length is skipped like an unknown one. */
static void read_option(const uint8_t *p, size_t len, struct tcp_opts *ret)
{
	if (p[0] == OPT_MSS && len == 4) {
		ret->mss = get_be16(p + 2);
	} else if (p[0] == OPT_WSCALE && len == 3) {
		ret->wscale = p[2];
	} else if (p[0] == OPT_SACK_OK && len == 2) {
		ret->sack_ok = true;
	} else if (p[0] == OPT_TIMESTAMP && len == 10) {
		ret->has_ts = true;
		ret->ts_val = get_be32(p + 2);
		ret->ts_ecr = get_be32(p + 6);
	}
}

int tcp_opts_decode(const uint8_t *p, size_t len, struct tcp_opts *ret)
{
	*ret = (struct tcp_opts){.wscale = 255};
	for (size_t i = 0; i < len && p[i] != OPT_END;) {
		size_t opt_len = 1;

		if (p[i] != OPT_NOP) {
			opt_len = len - i < 2 ? 0 : p[i + 1];
			if (opt_len < 2 || opt_len > len - i)
				return -E_TRUNCATED;
			read_option(p + i, opt_len, ret);
		}
		i += opt_len;
	}
	return 0;
}
