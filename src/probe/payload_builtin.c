/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Our own requests, written after the protocols' documents (named in each row). Each is one a
 * client sends first, changes nothing at the server, and asks for little. Left out on purpose: DHCP
 * and DHCPv6, whose servers answer to their client port and not to ours, and protocols that stay
 * silent without a key (WireGuard, RADIUS from unknown clients is asked all the same).
 */
#include "probe/payload.h"

#define BYTES(text)     .bytes = (const uint8_t *)(text), .len = sizeof(text) - 1
#define TAG(n, at)      .tag_len = (n), .tag_at = (at)
#define HEX_TAG(at)     .tag_len = 4, .tag_at = (at), .is_tag_hex = true
#define ECHO(at)        .echo_at = (at)
#define SHAPE(at, m, v) .shape_at = (at), .shape_mask = (m), .shape_is = (v)
#define ANYWHERE        PAYLOAD_ECHO_ANYWHERE

#define ZERO4   "\0\0\0\0"
#define ZERO8   ZERO4 ZERO4
#define ZERO16  ZERO8 ZERO8
#define ZERO64  ZERO16 ZERO16 ZERO16 ZERO16
#define ZERO256 ZERO64 ZERO64 ZERO64 ZERO64

// clang-format off

/* RFC 5531 9: a call of procedure 0 with no credentials; the reply (type 1) repeats the xid */
#define RPC_NULL(program, version)                                                                 \
	BYTES(ZERO4 "\0\0\0\0" "\0\0\0\2" program version ZERO4 ZERO8 ZERO8),                       \
	TAG(4, 0), ECHO(0), SHAPE(7, 0xff, 1)

const struct payload_row payload_rows[] = {
	/* RFC 1035 4.1.1: NS of the root, no recursion asked; a response (QR) repeats the id */
	{{"dns", BYTES("\0\0\0\0\0\1\0\0\0\0\0\0" "\0" "\0\2\0\1"),
	  TAG(2, 0), ECHO(0), SHAPE(2, 0x80, 0x80)}, {53, 5300}},
	/* RFC 5905 7.3: client, version 4; a server (mode 4) repeats the transmit time as origin */
	{{"ntp", BYTES("\x23\0\6\xec" "\0\0\0\0" "\0\1\0\0" ZERO4 ZERO8 ZERO8 ZERO8 ZERO8),
	  TAG(4, 40), ECHO(24), SHAPE(0, 7, 4)}, {123}},
	/* RFC 1157 4.1: get sysDescr.0, community public; the response (0xa2) repeats request-id */
	{{"snmp1", BYTES("\x30\x29\2\1\0\4\6public\xa0\x1c\2\4\x4a\0\0\0\2\1\0\2\1\0"
			 "\x30\x0e\x30\x0c\6\x08\x2b\6\1\2\1\1\1\0\5\0"),
	  TAG(3, 18), ECHO(ANYWHERE), SHAPE(0, 0xff, 0x30)}, {161}},
	/* RFC 3414 4: engine discovery, no user; the report repeats msgID */
	{{"snmp3", BYTES("\x30\x3a\2\1\3\x30\x0f\2\4\x4a\0\0\0\2\3\0\xff\xe3\4\1\4\2\1\3"
			 "\4\x10\x30\x0e\4\0\2\1\0\2\1\0\4\0\4\0\4\0"
			 "\x30\x12\4\0\4\0\xa0\x0c\2\2\x37\xf0\2\1\0\2\1\0\x30\0"),
	  TAG(3, 10), ECHO(ANYWHERE), SHAPE(0, 0xff, 0x30)}, {161}},
	/* RFC 1002 4.2.17: node status of "*"; the response repeats the id */
	{{"netbios-ns", BYTES("\0\0\0\0\0\1\0\0\0\0\0\0" "\x20" "CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
			      "\0" "\0\x21\0\1"),
	  TAG(2, 0), ECHO(0), SHAPE(2, 0x80, 0x80)}, {137}},
	/* RFC 1833 3.2: portmap, version 2 */
	{{"portmap", RPC_NULL("\0\1\x86\xa0", "\0\0\0\2")}, {111}},
};
// clang-format on

const uint32_t payload_rows_n = ARRAY_LEN(payload_rows);
