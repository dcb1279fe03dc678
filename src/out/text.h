/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pieces of text that several formats print the same way, and the escaping that keeps hostile names
 * harmless. */
#pragma once

#include "base/buf.h"
#include "base/cursor.h"
#include "out/out.h"

/** Append a string literal: its length is known to the compiler. */
#define text_lit(b, lit) buf_put((b), "" lit "", sizeof(lit) - 1)

/** Escaping rules; all of them turn what they forbid, and what cannot be seen, into visible text.
 */
enum text_kind {
	TEXT_TERMINAL, /* printable ASCII stays, every other byte becomes \xNN */
	TEXT_GREPABLE, /* as terminal, and the separators / , ( ) become | ; [ ] */
	TEXT_XML,      /* attribute value: UTF-8 that is seen stays, the rest of it becomes &#xN;;
			  entities; forbidden bytes become \xNN */
	TEXT_COMMENT,  /* XML comment: as XML, and "--" is broken up */
	TEXT_JSON, /* inside quotes: UTF-8 that is seen stays, the rest of it becomes \uNNNN; bytes
		      that are not UTF-8 become the text \xNN */
	TEXT_N
};
/** Append @p s escaped; NULL appends nothing. */
void text_put(struct buf *b, const char *s, enum text_kind kind);

/** The same of raw bytes: those that are 0 become \x00. */
void text_put_bytes(struct buf *b, struct bytes raw, enum text_kind kind);

/** A JSON string, or null. */
void text_put_json(struct buf *b, const char *s);
/** ,"name":true */
void text_put_json_bool(struct buf *b, const char *name, bool is_so);

/** Calendar forms of a wall clock time, in local time. */
enum text_time {
	TEXT_TIME_CTIME,  /* Sun Nov 22 01:56:45 2026 */
	TEXT_TIME_MINUTE, /* 2026-11-22 01:56 UTC */
	TEXT_TIME_CLOCK,  /* 01:56 */
	TEXT_TIME_N
};
void text_put_time(struct buf *b, uint64_t wall_ns, enum text_time form);

/** Microseconds as seconds with two significant digits: 0.0000050, 0.00012, 1.2. */
void text_put_latency(struct buf *b, uint64_t us);
/** Nanoseconds as seconds with @p decimals digits, rounded. */
void text_put_seconds(struct buf *b, uint64_t ns, unsigned decimals);
/** "done", "interrupted" or "broke off". */
const char *text_outcome(const struct ev_scan_completed *c);
/** "1 IP address (1 host up) scanned in 0.01 seconds". */
void text_put_summary(struct buf *b, const struct out_totals *t, const struct ev_scan_completed *c);
/** "Coverage: 99.98 % of responsive ports found (95 % interval ...)", and what that cannot see.
 * Needs c->trust. */
void text_put_coverage(struct buf *b, const struct ev_scan_completed *c);
/** "reset ttl 64", "admin-prohibited from 10.0.0.1 ttl 63", "no-response". */
void text_put_reason(struct buf *b, uint8_t reason, uint8_t ttl, const struct addr *from);
/** "all-open: 250 of 262 asked ports open, 8 of 8 random ones": what speaks against a host. */
void text_put_evidence(struct buf *b, const struct ev_evidence *e);
/** The asked ports of a protocol that a scan type of the run uses, or NULL. */
const struct port_bits *text_asked(const struct scan_info *scan, uint8_t proto);
/** "1-3,80"; NULL appends nothing. */
void text_put_port_bits(struct buf *b, const struct port_bits *bits);
/** The configured name of a port, or NULL. */
const char *text_service(const struct out *o, uint8_t proto, uint16_t port, char out[32]);
/** The configured vendor of a MAC address, or NULL. */
const char *text_vendor(const struct out *o, const struct mac *mac);
