/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The service probe file: what to send to a port whose service is not known, and the patterns that
 * name what answers. Grammar of nmap-service-probes (nmap's reference: "nmap-service-probes File
 * Format"), read completely. Read-only after loading, so any thread may look.
 */
#pragma once

#include "base/cursor.h"
#include "base/err.h"
#include "wire/portset.h"

/** What a template describes; SVC_CPE may come several times. */
enum svc_field {
	SVC_PRODUCT,
	SVC_VERSION,
	SVC_EXTRAINFO,
	SVC_HOSTNAME,
	SVC_OSTYPE,
	SVC_DEVICETYPE,
	SVC_CPE,
	SVC_FIELD_N
};

#define SVC_CPES_MAX       8
#define SVC_FALLBACKS_MAX  20
#define SVC_RARITY_MAX     9
#define SVC_RARITY_DEFAULT 5
#define SVC_PROBES_MAX     4096u
#define SVC_FILE_BYTES_MAX (64u << 20)

/** One match or softmatch line. Views point into the file's bytes. */
struct svc_match {
	struct bytes service;
	struct bytes pattern;
	struct bytes templates; /* what follows: checked, taken apart by svc_templates_next() */
	uint32_t line;
	uint8_t file; /* which of the texts */
	bool is_soft, is_caseless, is_dotall;
};

/** Ports in ascending order, not overlapping. */
struct svc_ports {
	const struct svc_range {
		uint16_t lo, hi;
	} * r;
	uint32_t n;
};

struct svc_probe {
	struct bytes name;   /* "NULL" for what is heard unasked */
	uint8_t proto;       /* PROTO_TCP, PROTO_UDP */
	uint8_t rarity;      /* 1 asked first, 9 only with --version-all */
	bool has_no_payload; /* of UDP: not to be taken for the port scan's payload */
	uint32_t line;
	const uint8_t *payload;
	uint32_t payload_len;
	uint32_t totalwait_ms, tcpwrapped_ms; /* how long an answer is waited for */
	struct svc_ports ports, sslports;
	const struct svc_match *matches;
	uint32_t n_matches;
	/** Whose matches are tried on this probe's answers, in order: itself, the fallbacks, and
	 * for TCP the NULL probe. */
	uint16_t chain[SVC_FALLBACKS_MAX + 2];
	uint32_t n_chain;
};

struct svcdb {
	const struct svc_probe *probes; /* file order */
	uint32_t n_probes;
	uint32_t null_probe;                    /* index, or UINT32_MAX without one */
	struct svc_ports exclude[PORT_PROTO_N]; /* not to be asked */
};

/**
 * Read probe files as one: a probe of a later file that has the name and protocol of an earlier one
 * adds its matches behind the earlier ones.
 * @param texts borrowed, valid until svcdb_free. @param names for messages.
 * @return 0; -E_SYNTAX, -E_RANGE, -E_FULL: @p reterr has file, line, column and the token; -ENOMEM.
 * Cost: about 2 ms a megabyte. No I/O.
 */
int svcdb_parse(const struct bytes *texts, const char *const *names, uint32_t n_texts,
		struct svcdb **ret, struct err_where *reterr) MUST_CHECK;
/** @return whether @p port is listed. Cost: a binary search. */
bool svc_ports_has(const struct svc_ports *p, uint16_t port);
/**
 * The next template of a match. @param left m->templates at first; moved on.
 * @return enum svc_field and the text between its delimiters (of a CPE without "cpe:/"), or -1 at
 * the end.
 */
int svc_templates_next(struct bytes *left, struct bytes *ret_text);
/** Accepts NULL. */
void svcdb_free(struct svcdb *db);
