/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which hellos to send to one TLS endpoint, and what their answers teach: versions, suites of each
 * in the server's order, groups, protocol names, JARM. A pure state machine: each hello goes out on
 * a connection of its own, several at a time; answers may come in any order. The first hellos
 * find out one by one whether TLS is spoken. Thread: owner.
 */
#pragma once

#include "detect/jarm.h"

#define TLSSCAN_CONNECTIONS_MAX 160 /* to one endpoint; a server of 40 suites needs about 80 */
/** Time of all connections together: a server that lets each of them wait is not asked to the end.
 */
#define TLSSCAN_TIME_MAX_NS     (240 * NS_PER_S)
#define TLSSCAN_SUITES_MAX      96 /* of one version that are kept */
#define TLSSCAN_GROUPS_MAX      20
#define TLSSCAN_ALPN_MAX        8
#define TLSSCAN_CERTS_MAX_BYTES (48u * 1024)

enum tlsscan_version { SCAN_SSL3, SCAN_TLS10, SCAN_TLS11, SCAN_TLS12, SCAN_TLS13, SCAN_VERSION_N };
enum tlsscan_order { ORDER_UNKNOWN, ORDER_SERVER, ORDER_CLIENT };

struct tlsscan_suites {
	bool is_offered;
	bool is_cut;   /* an answer stayed out: there may be more */
	uint8_t order; /* enum tlsscan_order */
	bool has_compression;
	uint16_t n;
	uint16_t id[TLSSCAN_SUITES_MAX]; /* in the order the server chose them */
};

/** What was learned. */
struct tls_learned {
	bool is_tls, has_ssl2, is_cut;
	bool has_renegotiation_info, has_extended_master;
	struct tlsscan_suites of[SCAN_VERSION_N];
	uint16_t groups[TLSSCAN_GROUPS_MAX];
	uint32_t n_groups;
	uint16_t dh_bits; /* smallest seen; 0 none */
	uint32_t n_alpn;
	char alpn[TLSSCAN_ALPN_MAX][16];
	struct jarm_part jarm[JARM_N];
	uint32_t n_connections;
	uint32_t chain_len; /* Certificate message of the best version below TLS 1.3 */
	uint8_t chain[TLSSCAN_CERTS_MAX_BYTES];
};

struct tlsscan_task;

struct tlsscan {
	const char *sni;       /* borrowed; NULL none */
	const char *jarm_name; /* borrowed */
	struct tls_learned learned;
	uint8_t chain_version; /* enum tlsscan_version the chain is from */
	uint8_t alpn_refused;  /* names taken out of the offer: bit mask */
	uint64_t spent_ns;     /* by all connections; added by the owner */
	uint32_t n_busy;
	struct tlsscan_task {
		uint8_t kind, arg, state, phase, family, n_failed;
	} tasks[JARM_N + SCAN_VERSION_N + 3];
};

/**
 * @param sni borrowed as long as the scan. @param jarm_name the same: server name in JARM's hellos,
 * whose inventors put an address there when they have no name; values compare only when we do too.
 */
void tlsscan_init(struct tlsscan *s, const char *sni, const char *jarm_name);
/**
 * The next hello to send on a new connection. @param w filled. @return its number (>= 0), or
 * -E_AGAIN: none until an answer comes; -E_EMPTY: all is known.
 */
int tlsscan_next(struct tlsscan *s, struct wcursor *w) MUST_CHECK;
/** Does the answer to hello @p number matter beyond the ServerHello? */
bool tlsscan_wants_all(const struct tlsscan *s, int number);
/** The answer to a hello; NULL: closed or reset without one. @param is_lost no answer in time, or
 * no connection: proves nothing, asked once more. */
void tlsscan_heard(struct tlsscan *s, int number, const struct tls_answer *a, bool is_lost);
/** TLS_SSL3 ... of a place in learned.of. */
uint16_t tlsscan_version_of(enum tlsscan_version v);
