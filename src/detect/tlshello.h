/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a TLS client says first, and what the server answers in the clear: ClientHello of SSL 2.0 to
 * TLS 1.3 out, ServerHello, HelloRetryRequest, Certificate, ServerKeyExchange and Alert in. Pure,
 * no keys: a conversation ends after the answer. Thread: any.
 */
#pragma once

#include "base/cursor.h"
#include "base/err.h"
#include "detect/tlsnames.h"

#define TLSHELLO_CAP 2048 /* bytes of the longest hello we make */

/** Parts without content (n 0, len 0, NULL, false) are left out of the hello. Borrowed. */
struct tlshello {
	uint16_t record_version; /* of the record header */
	uint16_t version;        /* client_version of the hello; TLS_SSL2 makes an SSL 2.0 hello */
	const uint16_t *suites;  /* first preferred */
	uint32_t n_suites;
	const uint16_t *versions; /* supported_versions */
	uint32_t n_versions;
	const uint16_t *groups;
	uint32_t n_groups;
	struct bytes alpn; /* wire form: length byte and name, repeated */
	const char *sni;
	uint16_t share_group; /* key_share of this group with random bytes (x25519 only) */
	uint16_t grease;      /* put in front of extensions, versions and shares */
	bool has_extensions;  /* extended master secret, renegotiation info, point formats, ticket,
				 signature algorithms */
	bool has_max_fragment;
	bool has_empty_share; /* key_share without a share: asks for the server's group */
	bool has_session_id;
	bool wants_compression; /* offer DEFLATE before none */
	uint64_t seed;          /* of the random bytes */
};

/** @return 0 or -E_FULL. */
int tlshello_encode(const struct tlshello *h, struct wcursor *w) MUST_CHECK;

enum tls_answer_kind {
	TLS_ANSWER_NONE,
	TLS_ANSWER_HELLO,
	TLS_ANSWER_RETRY, /* HelloRetryRequest: the version and suite are as in a hello */
	TLS_ANSWER_ALERT,
	TLS_ANSWER_SSL2,
	TLS_ANSWER_OTHER, /* not TLS */
	TLS_ANSWER_N
};

/** Views are into the scratch space given to tlsanswer_read. */
struct tls_answer {
	uint8_t kind;  /* enum tls_answer_kind */
	uint8_t alert; /* description */
	uint8_t compression;
	uint16_t version;       /* agreed */
	uint16_t hello_version; /* as the hello's first field has it */
	uint16_t suite;
	uint16_t group;   /* key_share, retry or ServerKeyExchange; 0 none */
	uint16_t dh_bits; /* ServerKeyExchange of DHE; 0 none */
	bool has_renegotiation_info, has_extended_master, has_ticket, has_heartbeat;
	bool is_done;              /* nothing more that matters comes */
	struct bytes alpn;         /* protocol name */
	struct bytes extensions;   /* of the hello, without their total length */
	struct bytes certificates; /* tls_next_certificate() */
};

/**
 * Read what has come so far, from the first byte. @param scratch at least @p in.len bytes, may not
 * overlap. @return 0 when kind is known (and is_done or more may come), -E_AGAIN when more bytes
 * are needed, -E_SYNTAX when it began as TLS and is not.
 */
int tlsanswer_read(struct bytes in, uint8_t *scratch, struct tls_answer *ret) MUST_CHECK;
/**
 * The list of a Certificate message as tls_next_certificate() reads it.
 * @param body of the message, behind its length. @param is_13 with a context in front and
 * extensions behind each (RFC 8446 4.4.2). @param w as many whole ones as have room are appended,
 * and what is left when one is longer than the message.
 */
void tls_certificate_list(struct bytes body, bool is_13, struct wcursor *w);
/** Take one certificate's DER off @p left. @return false at the end. */
bool tls_next_certificate(struct bytes *left, struct bytes *ret_der);
/** Take one extension off @p left. @return false at the end. */
bool tls_next_extension(struct bytes *left, uint16_t *ret_type, struct bytes *ret);
