/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hellos out, answers in. One encoder makes every hello from its description, the ten of JARM
 * included; extensions stand in one fixed order. The reader puts the handshake bytes of all records
 * together first, so messages may span records as they like.
 * Sources: RFC 8446 4.1-4.2, RFC 5246 7.4, RFC 6101 (SSL 3.0), the SSL 2.0 draft, RFC 7301 (ALPN),
 * RFC 5746 (renegotiation), RFC 4492 5.4 (ServerKeyExchange).
 */
#include "detect/tlshello.h"

#include "base/hash.h"

#include <string.h>

enum { RECORD_CHANGE_CIPHER = 20, RECORD_ALERT, RECORD_HANDSHAKE, RECORD_DATA };
enum { MSG_SERVER_HELLO = 2, MSG_CERTIFICATE = 11, MSG_KEY_EXCHANGE = 12, MSG_DONE = 14 };
enum {
	EXT_SNI = 0,
	EXT_MAX_FRAGMENT = 1,
	EXT_GROUPS = 10,
	EXT_POINT_FORMATS = 11,
	EXT_SIGNATURES = 13,
	EXT_HEARTBEAT = 15,
	EXT_ALPN = 16,
	EXT_EXTENDED_MASTER = 23,
	EXT_TICKET = 35,
	EXT_VERSIONS = 43,
	EXT_PSK_MODES = 45,
	EXT_KEY_SHARE = 51,
	EXT_RENEGOTIATION = 0xff01
};
#define RANDOM_BYTES 32
#define SHARE_BYTES  32 /* x25519 */

/* --- out ------------------------------------------------------------------------------------- */

/** Where a length will stand, once what it counts is written. */
static size_t open_length(struct wcursor *w, size_t n_bytes)
{
	(void)wcursor_make(w, n_bytes);
	return w->pos;
}

static void close_length(struct wcursor *w, size_t start, size_t n_bytes)
{
	size_t len = w->pos - start;

	if (w->failed)
		return;
	for (size_t i = 0; i < n_bytes; i++)
		w->p[start - 1 - i] = (uint8_t)(len >> (8 * i));
}

static void put_random(struct wcursor *w, struct rng *r, size_t n)
{
	while (n--)
		wcursor_u8(w, (uint8_t)rng_u64(r));
}

static void put_list(struct wcursor *w, const uint16_t *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		wcursor_u16(w, v[i]);
}

static void put_sni(struct wcursor *w, const char *sni)
{
	size_t len = strlen(sni);

	if (!len || len > UINT8_MAX)
		return;
	wcursor_u16(w, EXT_SNI);
	wcursor_u16(w, (uint16_t)(len + 5));
	wcursor_u16(w, (uint16_t)(len + 3));
	wcursor_u8(w, 0);
	wcursor_u16(w, (uint16_t)len);
	wcursor_put(w, sni, len);
}

/** type, length, list length, list */
static void put_ext_list(struct wcursor *w, uint16_t type, const void *list, size_t len)
{
	wcursor_u16(w, type);
	wcursor_u16(w, (uint16_t)(len + 2));
	wcursor_u16(w, (uint16_t)len);
	wcursor_put(w, list, len);
}

static void put_groups(struct wcursor *w, const struct tlshello *h)
{
	if (!h->n_groups)
		return;
	wcursor_u16(w, EXT_GROUPS);
	wcursor_u16(w, (uint16_t)(h->n_groups * 2 + 2));
	wcursor_u16(w, (uint16_t)(h->n_groups * 2));
	put_list(w, h->groups, h->n_groups);
}

static void put_key_share(struct wcursor *w, const struct tlshello *h, struct rng *r)
{
	if (!h->share_group && !h->has_empty_share)
		return;
	wcursor_u16(w, EXT_KEY_SHARE);
	size_t ext = open_length(w, 2), list = open_length(w, 2);

	if (h->grease) {
		static const uint8_t one_byte[] = {0, 1, 0};

		wcursor_u16(w, h->grease);
		wcursor_put(w, one_byte, sizeof(one_byte));
	}
	if (h->share_group) {
		wcursor_u16(w, h->share_group);
		wcursor_u16(w, SHARE_BYTES);
		put_random(w, r, SHARE_BYTES);
	}
	close_length(w, list, 2);
	close_length(w, ext, 2);
}

static void put_versions(struct wcursor *w, const struct tlshello *h)
{
	if (!h->n_versions)
		return;
	wcursor_u16(w, EXT_VERSIONS);
	size_t ext = open_length(w, 2), list = open_length(w, 1);

	if (h->grease)
		wcursor_u16(w, h->grease);
	put_list(w, h->versions, h->n_versions);
	close_length(w, list, 1);
	close_length(w, ext, 2);
}

static void put_extensions(struct wcursor *w, const struct tlshello *h, struct rng *r)
{
	static const uint8_t head[] = {0, EXT_EXTENDED_MASTER, 0, 0},
			     fragment[] = {0, EXT_MAX_FRAGMENT, 0, 1, 1},
			     renegotiation[] = {0xff, 1, 0, 1, 0},
			     middle[] = {0, EXT_POINT_FORMATS, 0, 2, 1, 0, 0, EXT_TICKET, 0, 0},
			     psk_modes[] = {0, EXT_PSK_MODES, 0, 2, 1, 1};
	static const uint8_t signatures[] = {4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 8, 6, 6, 1, 2, 1};
	/* As above with Ed25519, Ed448, P-521, PSS keys, and SHA-1 for what is old. */
	static const uint8_t all_signatures[] = {4, 3, 5, 3, 6, 3, 8,  7, 8,  8, 8, 4, 8,
						 5, 8, 6, 8, 9, 8, 10, 8, 11, 4, 1, 5, 1,
						 6, 1, 3, 1, 2, 3, 2,  1, 2,  2, 1, 1};
	size_t start = open_length(w, 2);

	if (h->grease) {
		wcursor_u16(w, h->grease);
		wcursor_u16(w, 0);
	}
	if (h->sni)
		put_sni(w, h->sni);
	wcursor_put(w, head, sizeof(head));
	if (h->has_max_fragment)
		wcursor_put(w, fragment, sizeof(fragment));
	wcursor_put(w, renegotiation, sizeof(renegotiation));
	put_groups(w, h);
	wcursor_put(w, middle, sizeof(middle));
	if (h->alpn.len)
		put_ext_list(w, EXT_ALPN, h->alpn.p, h->alpn.len);
	if (h->has_max_fragment) /* the published hellos */
		put_ext_list(w, EXT_SIGNATURES, signatures, sizeof(signatures));
	else
		put_ext_list(w, EXT_SIGNATURES, all_signatures, sizeof(all_signatures));
	put_key_share(w, h, r);
	if (h->share_group || h->has_empty_share)
		wcursor_put(w, psk_modes, sizeof(psk_modes));
	put_versions(w, h);
	close_length(w, start, 2);
}

/** SSL 2.0: the seven ciphers it ever had, a challenge of 16 bytes. */
static void put_ssl2(struct wcursor *w, struct rng *r)
{
	static const uint8_t ciphers[] = {1,    0, 0x80, 2,    0, 0x80, 3,    0, 0x80, 4,   0,
					  0x80, 5, 0,    0x80, 6, 0,    0x40, 7, 0,    0xc0};
	size_t start = open_length(w, 2);

	wcursor_u8(w, 1); /* CLIENT-HELLO */
	wcursor_u16(w, TLS_SSL2);
	wcursor_u16(w, sizeof(ciphers));
	wcursor_u16(w, 0);
	wcursor_u16(w, 16);
	wcursor_put(w, ciphers, sizeof(ciphers));
	put_random(w, r, 16);
	close_length(w, start, 2);
	if (!w->failed)
		w->p[start - 2] |= 0x80;
}

static void put_body(struct wcursor *w, const struct tlshello *h, struct rng *r)
{
	wcursor_u16(w, h->version);
	put_random(w, r, RANDOM_BYTES);
	wcursor_u8(w, h->has_session_id ? RANDOM_BYTES : 0);
	if (h->has_session_id)
		put_random(w, r, RANDOM_BYTES);
	wcursor_u16(w, (uint16_t)(h->n_suites * 2));
	put_list(w, h->suites, h->n_suites);
	if (h->wants_compression)
		wcursor_u16(w, 0x0201); /* two methods, DEFLATE first */
	else
		wcursor_u8(w, 1);
	wcursor_u8(w, 0);
	if (h->has_extensions)
		put_extensions(w, h, r);
}

int tlshello_encode(const struct tlshello *h, struct wcursor *w)
{
	struct rng r;

	rng_init(&r, h->seed);
	if (h->version == TLS_SSL2) {
		put_ssl2(w, &r);
		return w->failed ? -E_FULL : 0;
	}
	wcursor_u8(w, RECORD_HANDSHAKE);
	wcursor_u16(w, h->record_version);
	size_t record = open_length(w, 2);
	wcursor_u8(w, 1); /* ClientHello */
	size_t message = open_length(w, 3);
	put_body(w, h, &r);
	close_length(w, message, 3);
	close_length(w, record, 2);
	return w->failed ? -E_FULL : 0;
}

/* --- in -------------------------------------------------------------------------------------- */

static struct bytes take_view(struct cursor *c, size_t n)
{
	const uint8_t *p = cursor_take(c, n);

	return (struct bytes){p, p ? n : 0};
}

static uint32_t cursor_u24(struct cursor *c)
{
	uint32_t high = cursor_u8(c);

	return high << 16 | cursor_u16(c);
}

bool tls_next_certificate(struct bytes *left, struct bytes *ret_der)
{
	struct cursor c = cursor_of(left->p, left->len);
	struct bytes der = take_view(&c, cursor_u24(&c));

	if (c.failed || !left->len)
		return false;
	*ret_der = der;
	*left = (struct bytes){left->p + c.pos, left->len - c.pos};
	return true;
}

/** Length and bytes. */
static bool put_certificate(struct wcursor *w, uint32_t len, struct bytes der)
{
	if (w->cap - w->pos < der.len + 3)
		return false;
	wcursor_u8(w, (uint8_t)(len >> 16));
	wcursor_u16(w, (uint16_t)len);
	wcursor_put(w, der.p, der.len);
	return true;
}

void tls_certificate_list(struct bytes body, bool is_13, struct wcursor *w)
{
	struct cursor c = cursor_of(body.p, body.len);

	if (is_13)
		cursor_skip(&c, cursor_u8(&c));
	struct bytes list = take_view(&c, cursor_u24(&c));
	c = cursor_of(list.p, list.len);
	while (cursor_left(&c)) {
		uint32_t len = cursor_u24(&c);
		struct bytes rest = {c.p + c.pos, cursor_left(&c)}, der = take_view(&c, len);
		if (c.failed)
			der = rest;
		if (!put_certificate(w, len, der) || c.failed)
			return;
		if (is_13)
			cursor_skip(&c, cursor_u16(&c));
	}
}

bool tls_next_extension(struct bytes *left, uint16_t *ret_type, struct bytes *ret)
{
	struct cursor c = cursor_of(left->p, left->len);
	uint16_t type = cursor_u16(&c);
	struct bytes body = take_view(&c, cursor_u16(&c));

	if (c.failed || !left->len)
		return false;
	*ret_type = type;
	*ret = body;
	*left = (struct bytes){left->p + c.pos, left->len - c.pos};
	return true;
}

static void read_extension(uint16_t type, struct bytes body, struct tls_answer *a)
{
	struct cursor c = cursor_of(body.p, body.len);

	switch (type) {
	case EXT_VERSIONS:
		if (body.len == 2)
			a->version = cursor_u16(&c);
		break;
	case EXT_KEY_SHARE:
		a->group = cursor_u16(&c);
		break;
	case EXT_ALPN:
		cursor_skip(&c, 2);
		a->alpn = take_view(&c, cursor_u8(&c));
		break;
	case EXT_RENEGOTIATION:
		a->has_renegotiation_info = true;
		break;
	case EXT_EXTENDED_MASTER:
		a->has_extended_master = true;
		break;
	case EXT_TICKET:
		a->has_ticket = true;
		break;
	case EXT_HEARTBEAT:
		a->has_heartbeat = true;
		break;
	}
}

/** The random value that makes a ServerHello a HelloRetryRequest (RFC 8446 4.1.3). */
static const uint8_t retry_random[RANDOM_BYTES] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
						   0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
						   0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
						   0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

static bool read_hello(struct bytes body, struct tls_answer *a)
{
	struct cursor c = cursor_of(body.p, body.len);
	const uint8_t *random;
	struct bytes left, ext;
	uint16_t type;

	a->version = a->hello_version = cursor_u16(&c);
	random = cursor_take(&c, RANDOM_BYTES);
	cursor_skip(&c, cursor_u8(&c));
	a->suite = cursor_u16(&c);
	a->compression = cursor_u8(&c);
	if (c.failed || a->version >> 8 != 3)
		return false;
	a->kind = memcmp(random, retry_random, RANDOM_BYTES) == 0 ? TLS_ANSWER_RETRY
								  : TLS_ANSWER_HELLO;
	if (cursor_left(&c)) {
		a->extensions = take_view(&c, cursor_u16(&c));
		for (left = a->extensions; tls_next_extension(&left, &type, &ext);)
			read_extension(type, ext, a);
	}
	a->is_done = a->version >= TLS_13; /* the rest is encrypted */
	return true;
}

static uint16_t bits_of(struct bytes n)
{
	while (n.len && !n.p[0])
		n = (struct bytes){n.p + 1, n.len - 1};
	if (!n.len || n.len > UINT16_MAX / 8)
		return 0;
	return (uint16_t)(n.len * 8 - (size_t)(__builtin_clz(n.p[0]) - 24));
}

/** Which of the two forms it has follows from the suite. */
static void read_key_exchange(struct bytes body, struct tls_answer *a)
{
	struct cursor c = cursor_of(body.p, body.len);
	const char *name = tls_suite_name(a->suite);

	if (name && strstr(name, "_ECDH")) {
		if (cursor_u8(&c) == 3) /* named_curve */
			a->group = cursor_u16(&c);
	} else if (name && strstr(name, "_DH")) {
		a->dh_bits = bits_of(take_view(&c, cursor_u16(&c)));
	}
}

static void read_message(uint8_t type, struct bytes body, struct tls_answer *a)
{
	struct cursor c = cursor_of(body.p, body.len);

	if (type == MSG_CERTIFICATE)
		a->certificates = take_view(&c, cursor_u24(&c));
	else if (type == MSG_KEY_EXCHANGE)
		read_key_exchange(body, a);
	else if (type == MSG_DONE)
		a->is_done = true;
}

static int read_messages(struct bytes hs, struct tls_answer *a)
{
	struct cursor c = cursor_of(hs.p, hs.len);

	while (cursor_left(&c) >= 4 && !a->is_done) {
		uint8_t type = cursor_u8(&c);
		uint32_t len = cursor_u24(&c);

		if (a->kind == TLS_ANSWER_NONE && type != MSG_SERVER_HELLO)
			return -E_SYNTAX;
		if (len > cursor_left(&c))
			break;
		struct bytes body = take_view(&c, len);
		if (a->kind == TLS_ANSWER_NONE) {
			if (!read_hello(body, a))
				return -E_SYNTAX;
		} else {
			read_message(type, body, a);
		}
	}
	return 0;
}

/** A two-byte header with the high bit, SERVER-HELLO, its version. */
static bool is_ssl2(struct bytes in)
{
	return in.len >= 7 && in.p[0] & 0x80 && in.p[2] == 4 && in.p[5] == 0 && in.p[6] == 2;
}

struct records {
	struct bytes handshake;
	bool has_alert, is_over; /* an alert came; or bytes that are no clear handshake */
	uint8_t alert;
};

/** Handshake bytes of all records, whole and begun, put together. @return 0 or -E_SYNTAX. */
static int gather(struct bytes in, uint8_t *scratch, struct records *ret)
{
	struct cursor c = cursor_of(in.p, in.len);
	size_t n = 0;

	while (cursor_left(&c) >= 5 && !ret->has_alert && !ret->is_over) {
		uint8_t type = cursor_u8(&c);
		uint16_t version = cursor_u16(&c);
		size_t len = cursor_u16(&c), have = MIN(len, cursor_left(&c));
		const uint8_t *body = cursor_take(&c, have);

		if (version >> 8 != 3 || type < RECORD_CHANGE_CIPHER || type > RECORD_DATA)
			return -E_SYNTAX;
		if (type == RECORD_HANDSHAKE) {
			if (have)
				memcpy(scratch + n, body, have);
			n += have;
		} else if (type == RECORD_ALERT && have >= 2) {
			ret->has_alert = len == 2;
			ret->is_over = len != 2; /* encrypted */
			ret->alert = body[1];
		} else if (type != RECORD_ALERT) {
			ret->is_over = true;
		}
	}
	ret->handshake = (struct bytes){scratch, n};
	return 0;
}

static int begins_as_tls(struct bytes in)
{
	if (!in.len)
		return -E_AGAIN;
	if (in.p[0] & 0x80)
		return in.len < 7 ? -E_AGAIN : 0;
	if (in.p[0] != RECORD_HANDSHAKE && in.p[0] != RECORD_ALERT)
		return 0;
	return in.len < 5 ? -E_AGAIN : 1;
}

int tlsanswer_read(struct bytes in, uint8_t *scratch, struct tls_answer *ret)
{
	struct tls_answer a = {0};
	struct records r = {0};
	int is_tls = begins_as_tls(in), err;

	if (is_tls < 0)
		return is_tls;
	if (is_tls == 0) {
		a.kind = is_ssl2(in) ? TLS_ANSWER_SSL2 : TLS_ANSWER_OTHER;
		a.version = a.kind == TLS_ANSWER_SSL2 ? TLS_SSL2 : 0;
		a.is_done = true;
		*ret = a;
		return 0;
	}
	err = gather(in, scratch, &r);
	if (err && !r.handshake.len)
		return err;
	err = read_messages(r.handshake, &a);
	if (err)
		return err;
	if (a.kind == TLS_ANSWER_NONE && r.has_alert) {
		a.kind = TLS_ANSWER_ALERT;
		a.alert = r.alert;
	}
	if (a.kind == TLS_ANSWER_NONE)
		return r.is_over ? -E_SYNTAX : -E_AGAIN;
	a.is_done = a.is_done || r.has_alert || r.is_over;
	*ret = a;
	return 0;
}
