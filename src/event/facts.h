/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What detection states about a port or a host, as plain structs of borrowed texts. A block owns
 * what they point to, so that everything about one thing crosses a thread as one pointer and is
 * released at once.
 */
#pragma once

#include "base/mem.h"

#define FACTS_CPES_MAX   8
#define FACTS_BANNER_MAX 1024u
#define FACTS_BANNER_TEXT_MAX                                                                      \
	(4 * FACTS_BANNER_MAX)          /* when read back: \xNN for what is no text                \
					 */
#define FACTS_BLOCK_MAX      (1u << 20) /* bytes of one block; beyond it texts are unknown */
#define FACTS_HOST_BLOCK_MAX (64u << 20)

enum service_tunnel { TUNNEL_NONE, TUNNEL_TLS, TUNNEL_N };

/** Texts are UTF-8 without control characters; NULL: unknown. */
struct service_facts {
	const char *name; /* NULL: what answers was not recognised */
	const char *product, *version, *extrainfo, *hostname, *ostype, *devicetype;
	const char *cpe[FACTS_CPES_MAX]; /* "cpe:/a:openbsd:openssh:9.2" */
	uint32_t n_cpe;
	uint8_t tunnel;          /* enum service_tunnel */
	uint8_t conf;            /* 0 to 10; 0: nothing was learned */
	bool is_soft;            /* the service is known, what runs it is not */
	bool is_guessed;         /* the version is the match line's own word, not the answer's */
	const char *tls_summary; /* of the handshake made for the tunnel: version, certificate */
	const char *fingerprint; /* answers in nmap's SF form, when they name nothing */
	const uint8_t *banner;   /* raw bytes said first, at most FACTS_BANNER_MAX */
	uint32_t banner_len;
};

/** Owns facts. Thread: one at a time. */
struct facts;

/** @param max_bytes ceiling of all it holds. @return owned, or NULL without memory. */
struct facts *facts_new(size_t max_bytes) MUST_CHECK;
/** One more owner: facts_free counts down. Thread: the one that frees. */
struct facts *facts_hold(struct facts *f);
/** Gone with the last owner. Accepts NULL. */
void facts_free(struct facts *f);
/** @return @p n zeroed bytes aligned to 16, valid as long as the block; NULL at its ceiling. */
void *facts_alloc(struct facts *f, size_t n) MUST_CHECK;
/**
 * Keep foreign bytes as a text: spaces around it cut, control bytes and what is not UTF-8 become
 * dots. @return NULL when nothing is left or there is no room.
 */
const char *facts_text(struct facts *f, const void *p, size_t len);
/** A copy of a text that is clean already; NULL of NULL. */
const char *facts_keep(struct facts *f, const char *text);
/** A deep copy into the block. @return NULL without room. */
struct service_facts *facts_keep_service(struct facts *f, const struct service_facts *from);
/** Add a CPE unless it is there already or there are FACTS_CPES_MAX. Borrows @p cpe. */
void service_add_cpe(struct service_facts *s, const char *cpe);
