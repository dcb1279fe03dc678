/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP (RFC 9293) with options, UDP (RFC 768), SCTP INIT (RFC 9260) with CRC32c. Pure. */
#pragma once

#include "base/cursor.h"
#include "wire/addr.h"

enum { TCP_HDR_LEN = 20, UDP_HDR_LEN = 8, SCTP_HDR_LEN = 12 };
enum {
	TCP_FIN = 1,
	TCP_SYN = 2,
	TCP_RST = 4,
	TCP_PSH = 8,
	TCP_ACK = 16,
	TCP_URG = 32,
	TCP_ECE = 64,
	TCP_CWR = 128
};

struct tcp_conf {
	uint16_t sport, dport, window, urgent;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t mss; /* 0: no options; else one MSS option, header of 24 bytes */
};
/** Header with checksum over the pseudo header; no payload. Writes 20 or 24 bytes. */
void tcp_encode(struct wcursor *w, const struct tcp_conf *c, const struct addr *src,
		const struct addr *dst);
/** Header and payload with checksum (RFC 768: 0 is sent as 0xffff). */
void udp_encode(struct wcursor *w, uint16_t sport, uint16_t dport, struct bytes payload,
		const struct addr *src, const struct addr *dst);
/** SCTP common header and INIT chunk. @param vtag goes into the INIT's initiate tag; common tag is
 * 0. */
void sctp_init_encode(struct wcursor *w, uint16_t sport, uint16_t dport, uint32_t vtag,
		      uint32_t tsn);
/** CRC32c; @p crc is 0 or what the call on the bytes before returned. */
uint32_t crc32c(uint32_t crc, const void *p, size_t len);

/** Options a probe or a fingerprint cares about. */
struct tcp_opts {
	uint16_t mss;   /* 0: absent */
	uint8_t wscale; /* 255: absent */
	bool sack_ok;
	bool has_ts;
	uint32_t ts_val, ts_ecr;
};
/** @param p option bytes. @return 0 or -E_TRUNCATED (an option's length lies); what was read before
 * is kept. */
int tcp_opts_decode(const uint8_t *p, size_t len, struct tcp_opts *ret) MUST_CHECK;
