/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a UDP probe says on a port, since most services answer only their own protocol: our own
 * table of requests, then those of nmap's payload file when one is installed. A port may have
 * several; attempt k sends the k-th of them, and round again. Where the protocol has a number that
 * the answer repeats, our request carries the cookie there. Immutable after open: any thread.
 */
#pragma once

#include "base/cursor.h"
#include "base/err.h"
#include "wire/portset.h"

/** Fits any path without fragments: 1280 bytes less IPv6 and UDP headers. */
#define PAYLOAD_LEN_MAX 1232u
/** Requests for one port. */
#define PAYLOADS_PER_PORT_MAX 15u
#define PAYLOAD_ECHO_ANYWHERE (-1)

/** One request. Invariant: the tag lies within len. */
struct payload {
	const char *name; /* NULL: from a file */
	const uint8_t *bytes;
	uint16_t len;
	uint8_t tag_len;  /* bytes of the cookie value, low ones, big-endian; 0: no tag */
	bool is_tag_hex;  /* as twice as many hex digits */
	uint16_t tag_at;  /* in the request */
	int16_t echo_at;  /* in the answer, or PAYLOAD_ECHO_ANYWHERE */
	uint8_t shape_at; /* an answer of the protocol has shape_is under shape_mask here */
	uint8_t shape_mask, shape_is;
};

/** One row of our table: ports end at 0. */
struct payload_row {
	struct payload p;
	uint16_t ports[10];
};
extern const struct payload_row payload_rows[];
extern const uint32_t payload_rows_n;

struct payloads;
/**
 * Our table and a file in nmap-payloads' grammar.
 * @param path explicit file; NULL: $NMAPDIR, then the places nmap-common installs to; none there is
 * no error.
 * @return 0; -E_SYNTAX, -E_RANGE, -E_FULL with @p reterr; -errno of an explicit file; -ENOMEM.
 */
int payloads_open(const char *path, struct payloads **ret, struct err_where *reterr) MUST_CHECK;
/** The same over bytes, which may go afterwards. */
int payloads_open_bytes(const char *text, size_t len, struct payloads **ret,
			struct err_where *reterr) MUST_CHECK;
/** Our table alone. */
int payloads_open_builtin(struct payloads **ret) MUST_CHECK;
/** Accepts NULL. */
void payloads_close(struct payloads *p);
/** Requests known for a port, 0..PAYLOADS_PER_PORT_MAX; without any an empty datagram is sent. */
uint32_t payloads_n(const struct payloads *p, uint16_t port);
/** What attempt number @p attempt says; never NULL. Cost: a load and a step per later request of
 * the port. */
const struct payload *payloads_get(const struct payloads *p, uint16_t port, uint32_t attempt);
/** The longest of all. */
uint16_t payloads_max_len(const struct payloads *p);

/** Write the request with its tag to @p out, which has room for p->len bytes. */
void payload_write(const struct payload *p, uint32_t value, uint8_t *out);
/** Does an answer repeat the tag? @return 1 yes, 0 the answer is of another protocol or repeats
 * none, -1 it is of the protocol and its tag is wrong. */
int payload_check(const struct payload *p, uint32_t value, struct bytes answer);

/** Is the answer the request itself, whatever its tag? */
bool payload_is_mirrored(const struct payload *p, struct bytes answer);

/* Between payload.c and payload_file.c. */

/** Add a request for ports. Copies the bytes. @return 0, -E_FULL, -ENOMEM. */
int payloads_add(struct payloads *p, const struct port_bits *ports, struct bytes b) MUST_CHECK;
/** Read a file's text. @return as payloads_open. */
int payload_file_parse(struct payloads *p, const char *text, size_t len,
		       struct err_where *reterr) MUST_CHECK;
