/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the OS test states about a host, as plain structs of borrowed texts; see facts.h. */
#pragma once

#include "event/facts.h"

#define OS_SEQS_MAX 6

/** A kind of system; NULL: not known, and of vendor and type never. */
struct os_class_facts {
	const char *vendor, *family, *gen, *type;
	const char *cpe[FACTS_CPES_MAX];
	uint32_t n_cpe;
	uint8_t accuracy; /* percent */
};

/** An entry of the fingerprint file that the host resembles. */
struct os_match_facts {
	const char *name;
	uint32_t line; /* of the entry in its file */
	uint8_t accuracy;
	const struct os_class_facts *classes;
	uint32_t n_classes;
};

/** All of one host. Texts are UTF-8 without control characters, fingerprint with line ends. */
struct os_facts {
	const struct os_match_facts *matches; /* best first; of perfect ones only these */
	const struct os_class_facts *classes; /* kinds among all matches, best first */
	uint32_t n_matches, n_perfect, n_classes;
	bool is_too_many;                          /* perfect matches, so that none says anything */
	bool wants_guess;                          /* --osscan-guess */
	const char *doubt;                         /* why the test was not ideal; NULL: it was */
	const char *fingerprint;                   /* in nmap's form; NULL: no answer at all */
	uint16_t open_tcp, closed_tcp, closed_udp; /* ports asked; 0: none */
	int distance;                              /* hops; -1 unknown */
	uint64_t uptime_s, boot_wall_ns;           /* 0 unknown */
	uint32_t n_seqs;                           /* SYNs answered; values below are of these */
	uint32_t seqs[OS_SEQS_MAX], ts[OS_SEQS_MAX];
	uint16_t ip_ids[OS_SEQS_MAX];
	uint32_t seq_index;                 /* of difficulty; known from four answers on */
	const char *ip_id_class, *ts_class; /* nmap's words */
	bool has_ts;                        /* ts are values */
};

/** nmap's word for how hard the next sequence number is to guess: "Good luck!". Static text. */
const char *os_difficulty(uint32_t seq_index);
/** A deep copy into the block. @return NULL without room. */
struct os_facts *facts_keep_os(struct facts *f, const struct os_facts *from);
