/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Enumerations of OpenSSL servers that live in memory: what is learned must be what each was told
 * to offer. Answers are also read cut at every byte before a guard page, and damaged.
 */
#define OSSL_NAMES_ONLY
#include "detect/ossl.h"
#include "detect/tlsscan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

#include <cmocka.h>

#include "certmake.h"
#include "support/guard.h"

struct server {
	int min, max;
	const char *key, *ciphers, *ciphers13, *groups;
	bool prefers_own, has_alpn, breaks_off;
};

static int pick_alpn(SSL *s, const uint8_t **out, uint8_t *out_len, const uint8_t *in,
		     unsigned in_len, void *arg)
{
	static const uint8_t ours[] = "\002h2\010http/1.1";

	return SSL_select_next_proto((uint8_t **)out, out_len, ours, sizeof(ours) - 1, in,
				     in_len) == OPENSSL_NPN_NEGOTIATED
		       ? SSL_TLSEXT_ERR_OK
		       : SSL_TLSEXT_ERR_NOACK;
}

static SSL_CTX *open_server(const struct server *conf)
{
	static const struct cert_spec spec = {"server", .subject = "CN=server.example"};
	struct cert_spec s = spec;
	EVP_PKEY *key = certmake_key(conf->key);
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());

	s.md = strncmp(conf->key, "ED", 2) == 0 ? NULL : "SHA256";
	X509 *x = certmake(&s, key, NULL, NULL);
	SSL_CTX_set_security_level(c, 0);
	assert(SSL_CTX_set_min_proto_version(c, conf->min) &&
	       SSL_CTX_set_max_proto_version(c, conf->max));
	assert(SSL_CTX_use_certificate(c, x) == 1 && SSL_CTX_use_PrivateKey(c, key) == 1);
	assert(!conf->ciphers || SSL_CTX_set_cipher_list(c, conf->ciphers) == 1);
	assert(!conf->ciphers13 || SSL_CTX_set_ciphersuites(c, conf->ciphers13) == 1);
	assert(!conf->groups || SSL_CTX_set1_groups_list(c, conf->groups) == 1);
	SSL_CTX_set_dh_auto(c, 1);
	if (conf->prefers_own)
		SSL_CTX_set_options(c, SSL_OP_CIPHER_SERVER_PREFERENCE);
	if (conf->has_alpn)
		SSL_CTX_set_alpn_select_cb(c, pick_alpn, NULL);
	X509_free(x);
	EVP_PKEY_free(key);
	return c;
}

/** @return bytes the server says to a hello, owned. */
static struct bytes ask(SSL_CTX *c, const uint8_t *hello, size_t len)
{
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	SSL *s = SSL_new(c);
	char *p;

	SSL_set_bio(s, in, out);
	BIO_write(in, hello, (int)len);
	(void)SSL_accept(s);
	long n = BIO_get_mem_data(out, &p);
	uint8_t *copy = malloc((size_t)n + 1);
	memcpy(copy, p, (size_t)n);
	SSL_free(s);
	return (struct bytes){copy, (size_t)n};
}

/** As a server without Diffie-Hellman parameters that never says why. */
static bool breaks_off(const struct tls_answer *a)
{
	const char *name = tls_suite_name(a->suite);

	return a->kind == TLS_ANSWER_ALERT || (name && strstr(name, "_DHE_"));
}

/** @param ret_flight the longest answer, owned; NULL: not wanted. */
static struct tlsscan *run(const struct server *conf, struct bytes *ret_flight)
{
	struct tlsscan *s = malloc(sizeof(*s));
	SSL_CTX *c = conf ? open_server(conf) : NULL;
	int number[8], n = 0, next;
	struct tls_answer a;
	uint8_t hello[8][TLSHELLO_CAP];
	size_t len[8];

	tlsscan_init(s, "server.example", "server.example");
	for (;;) { /* eight at a time, answered last first */
		struct wcursor w = wcursor_of(hello[n], TLSHELLO_CAP);

		next = n < 8 ? tlsscan_next(s, &w) : -E_AGAIN;
		if (next >= 0) {
			len[n] = w.pos;
			number[n++] = next;
			continue;
		}
		if (!n)
			break;
		n--;
		struct bytes in = c ? ask(c, hello[n], len[n]) : (struct bytes){0};
		uint8_t *scratch = malloc(in.len + 1);
		int err = tlsanswer_read(in, scratch, &a);
		assert_true(err == 0 || !in.len);
		bool is_silent = err < 0 || (conf->breaks_off && breaks_off(&a));
		tlsscan_heard(s, number[n], is_silent ? NULL : &a, false);
		if (ret_flight && in.len > ret_flight->len) {
			free((void *)ret_flight->p);
			*ret_flight = in;
		} else {
			free((void *)in.p);
		}
		free(scratch);
	}
	assert_int_equal(next, -E_EMPTY);
	SSL_CTX_free(c);
	return s;
}

static void want_suites(const struct tlsscan *s, enum tlsscan_version v, const char *names,
			enum tlsscan_order order)
{
	const struct tlsscan_suites *k = &s->learned.of[v];
	struct wcursor w;
	char text[4096] = "";

	w = wcursor_of(text, sizeof(text) - 1);
	for (uint32_t i = 0; i < k->n; i++) {
		const char *name = tls_suite_name(k->id[i]);

		wcursor_put(&w, " ", i > 0);
		wcursor_put(&w, name, strlen(name));
	}
	assert_string_equal(text, names);
	assert_int_equal(k->order, order);
	assert_int_equal(k->is_offered, names[0] != '\0');
}

static void server_order(void **state)
{
	const struct server conf = {
		TLS1_2_VERSION,
		TLS1_3_VERSION,
		"RSA:2048",
		"ECDHE-RSA-AES256-GCM-SHA384:AES128-SHA:DHE-RSA-AES128-GCM-SHA256:"
		"ECDHE-RSA-AES128-SHA",
		"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
		"P-384:X25519",
		true,
		true};
	struct tlsscan *s = run(&conf, NULL);
	const struct tls_learned *l = &s->learned;

	assert_true(l->is_tls && !l->has_ssl2 && !l->is_cut && l->has_renegotiation_info);
	want_suites(s, SCAN_TLS12,
		    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 TLS_RSA_WITH_AES_128_CBC_SHA "
		    "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
		    ORDER_SERVER);
	want_suites(s, SCAN_TLS13, "TLS_CHACHA20_POLY1305_SHA256 TLS_AES_128_GCM_SHA256",
		    ORDER_SERVER);
	want_suites(s, SCAN_TLS11, "", ORDER_UNKNOWN);
	want_suites(s, SCAN_TLS10, "", ORDER_UNKNOWN);
	want_suites(s, SCAN_SSL3, "", ORDER_UNKNOWN);
	assert_int_equal(l->n_groups, 2);
	assert_true(l->groups[0] + l->groups[1] == 24 + 29);
	assert_int_equal(l->n_alpn, 2);
	assert_string_equal(l->alpn[0], "h2");
	assert_string_equal(l->alpn[1], "http/1.1");
	assert_int_equal(l->dh_bits, 2048);
	assert_true(l->n_connections < 40);
	free(s);
}

static void client_order_and_old_versions(void **state)
{
	const struct server conf = {TLS1_VERSION, TLS1_2_VERSION, "RSA:2048",
				    "AES128-SHA:AES256-SHA:AES128-SHA256@SECLEVEL=0",
				    .groups = "P-256"};
	struct tlsscan *s = run(&conf, NULL);
	const struct tls_learned *l = &s->learned;

	assert_int_equal(l->of[SCAN_TLS12].n, 3);
	assert_int_equal(l->of[SCAN_TLS12].order, ORDER_CLIENT);
	assert_int_equal(l->of[SCAN_TLS11].n, 2);
	assert_int_equal(l->of[SCAN_TLS10].n, 2);
	assert_int_equal(l->of[SCAN_TLS10].order, ORDER_CLIENT);
	assert_false(l->of[SCAN_TLS13].is_offered);
	assert_int_equal(l->n_groups, 0); /* no suite needs one */
	assert_int_equal(l->n_alpn, 0);
	assert_int_equal(l->dh_bits, 0);
	free(s);
}

static void only_13_by_ec(void **state)
{
	const struct server conf = {TLS1_3_VERSION, TLS1_3_VERSION, "ED25519",
				    .groups = "P-256:P-521:X448:X25519"};
	struct tlsscan *s = run(&conf, NULL);
	const struct tls_learned *l = &s->learned;

	assert_int_equal(l->of[SCAN_TLS13].n, 3);
	assert_false(l->of[SCAN_TLS12].is_offered);
	assert_int_equal(l->n_groups, 4);
	assert_int_equal(l->chain_len, 0); /* encrypted */
	free(s);
}

static void groups_of_12(void **state)
{
	const struct server conf = {TLS1_2_VERSION, TLS1_2_VERSION, "EC:P-256",
				    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384",
				    .groups = "P-256:P-384:X25519"};
	struct tlsscan *s = run(&conf, NULL);
	struct bytes left = {s->learned.chain, s->learned.chain_len}, der;

	assert_int_equal(s->learned.n_groups, 3);
	assert_true(tls_next_certificate(&left, &der));
	assert_int_equal(left.len, 0);
	const uint8_t *p = der.p;
	X509 *x = d2i_X509(NULL, &p, (long)der.len);
	assert_non_null(x);
	X509_free(x);
	free(s);
}

/** The client's order leads to DHE suites that end the connection: those behind them are found. */
static void broken_suites(void **state)
{
	const struct server conf = {TLS1_2_VERSION,
				    TLS1_2_VERSION,
				    "RSA:2048",
				    "ECDHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES256-GCM-SHA384:"
				    "ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES128-SHA:"
				    "ECDHE-RSA-AES128-SHA:AES256-SHA:AES128-SHA",
				    .groups = "P-256",
				    .breaks_off = true};
	struct tlsscan *s = run(&conf, NULL);

	assert_int_equal(s->learned.of[SCAN_TLS12].n, 5);
	assert_false(s->learned.of[SCAN_TLS12].is_cut);
	assert_int_equal(s->learned.of[SCAN_TLS12].order, ORDER_CLIENT);
	free(s);
}

/** Every hello is answered by an end: three connections, zeros. */
static void silence(void **state)
{
	struct tlsscan *s = run(NULL, NULL);
	char text[JARM_TEXT_CAP];

	assert_int_equal(s->learned.n_connections, 3);
	assert_false(s->learned.is_tls);
	jarm_text(s->learned.jarm, text);
	assert_int_equal(strspn(text, "0"), 62);
	assert_int_equal(strlen(text), 62);
	free(s);
}

/** What a lost answer is asked again once; a list with a hole says so. */
static void losses(void **state)
{
	static const struct tls_answer alert = {
		.kind = TLS_ANSWER_ALERT, .alert = 40, .is_done = true};
	struct tlsscan *s = malloc(sizeof(*s));
	uint8_t hello[TLSHELLO_CAP];
	bool is_first = true;
	int number;

	tlsscan_init(s, NULL, "192.0.2.1");
	for (;;) {
		struct wcursor w = wcursor_of(hello, sizeof(hello));

		number = tlsscan_next(s, &w);
		if (number < 0)
			break;
		tlsscan_heard(s, number, is_first ? &alert : NULL, !is_first);
		is_first = false;
	}
	assert_int_equal(number, -E_EMPTY);
	assert_int_equal(s->learned.n_connections, 1 + 2 * (JARM_N - 1 + SCAN_VERSION_N + 1));
	for (uint32_t v = 0; v < SCAN_VERSION_N; v++)
		assert_true(s->learned.of[v].is_cut && !s->learned.of[v].is_offered);
	free(s);
}

/** A server that takes whatever stands first never ends a list by itself; the bounds do. */
static void endless(void **state)
{
	struct tlsscan *s = malloc(sizeof(*s));
	uint8_t hello[TLSHELLO_CAP];
	int number;

	tlsscan_init(s, NULL, "192.0.2.1");
	for (;;) {
		struct wcursor w = wcursor_of(hello, sizeof(hello));
		struct tls_answer a = {.kind = TLS_ANSWER_HELLO, .is_done = true};

		number = tlsscan_next(s, &w);
		if (number < 0)
			break;
		a.version = hello[0] == 0x16 ? get_be16(hello + 9) : 0;
		a.suite = hello[0] == 0x16 ? get_be16(hello + 46 + hello[43]) : 0;
		tlsscan_heard(s, number, &a, false);
	}
	assert_int_equal(s->learned.n_connections, TLSSCAN_CONNECTIONS_MAX);
	assert_true(s->learned.is_cut);
	free(s);
}

/** A server that lets every connection wait for its answer: given up in time, and said so. */
static void tarpit(void **state)
{
	struct tlsscan *s = malloc(sizeof(*s));
	uint8_t hello[TLSHELLO_CAP];
	int number, n = 0;

	(void)state;
	tlsscan_init(s, NULL, "192.0.2.1");
	for (;; n++) {
		struct tls_answer a = {.kind = TLS_ANSWER_HELLO, .is_done = true};
		struct wcursor w = wcursor_of(hello, sizeof(hello));
		number = tlsscan_next(s, &w);
		if (number < 0)
			break;
		a.version = hello[0] == 0x16 ? get_be16(hello + 9) : 0;
		a.suite = hello[0] == 0x16 ? get_be16(hello + 46 + hello[43]) : 0;
		s->spent_ns += 5 * NS_PER_S;
		tlsscan_heard(s, number, &a, false);
	}
	assert_int_equal(number, -E_EMPTY);
	assert_true(n > 10 && n <= (int)(TLSSCAN_TIME_MAX_NS / NS_PER_S / 5) + 1);
	assert_true(s->learned.is_cut);
	free(s);
}

static void cut_and_damaged(void **state)
{
	const struct server conf = {TLS1_2_VERSION, TLS1_2_VERSION, "RSA:2048",
				    "ECDHE-RSA-AES128-GCM-SHA256", .groups = "P-256"};
	struct bytes flight = {0};
	uint8_t scratch[8192];
	struct tls_answer a;

	free(run(&conf, &flight));
	assert_int_equal(tlsanswer_read(flight, scratch, &a), 0);
	assert_true(a.is_done && a.certificates.len && a.group);
	for (size_t len = 0; len < flight.len; len++) {
		uint8_t *p = guard_copy(flight.p, len), *out = guard_copy(flight.p, len);
		int err = tlsanswer_read((struct bytes){p, len}, out, &a);

		assert_true(err == -E_AGAIN || (err == 0 && !a.is_done));
		guard_free(p, len);
		guard_free(out, len);
	}
	uint8_t *p = guard_copy(flight.p, flight.len);
	for (size_t at = 0; at < flight.len; at++)
		for (int bit = 0; bit < 8; bit++) {
			struct bytes left, der;
			uint16_t type;

			p[at] ^= (uint8_t)(1 << bit);
			if (tlsanswer_read((struct bytes){p, flight.len}, scratch, &a) >= 0) {
				for (left = a.certificates; tls_next_certificate(&left, &der);)
					assert_true(der.p + der.len <= scratch + sizeof(scratch));
				for (left = a.extensions; tls_next_extension(&left, &type, &der);)
					;
			}
			p[at] ^= (uint8_t)(1 << bit);
		}
	guard_free(p, flight.len);
	free((void *)flight.p);
}

/** One flight in records of a single byte each. */
static void any_records(void **state)
{
	const struct server conf = {TLS1_2_VERSION, TLS1_2_VERSION, "EC:P-256",
				    "ECDHE-ECDSA-AES128-GCM-SHA256", .groups = "P-384"};
	struct bytes flight = {0};
	static uint8_t in[65536], scratch[65536];
	struct tls_answer a, b;
	size_t n = 0;

	free(run(&conf, &flight));
	assert_int_equal(tlsanswer_read(flight, scratch, &a), 0);
	for (size_t at = 0; at < flight.len;) {
		size_t len = get_be16(flight.p + at + 3);

		for (size_t i = 0; i < len; i++) {
			const uint8_t one[] = {22, 3, 3, 0, 1, flight.p[at + 5 + i]};

			memcpy(in + n, one, sizeof(one));
			n += sizeof(one);
		}
		at += 5 + len;
	}
	assert_int_equal(tlsanswer_read((struct bytes){in, n}, scratch, &b), 0);
	assert_true(b.is_done && b.suite == a.suite && b.group == 24 &&
		    b.certificates.len == a.certificates.len);
	free((void *)flight.p);
}

static void short_answers(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int err;
		uint8_t kind, alert;
	} rows[] = {
		{"", 0, -E_AGAIN},
		{"\x15\x03\x01\0\x02\x02\x28", 7, 0, TLS_ANSWER_ALERT, 40},
		{"\x15\x03\x01\0\x02\x02", 6, -E_AGAIN},
		{"HTTP/1.1 400 Bad", 16, 0, TLS_ANSWER_OTHER},
		{"\x80\x0b\x04\0\x01\0\x02\0\0\0\0\0\0", 13, 0, TLS_ANSWER_SSL2},
		{"\x80\x0b\x04\0", 4, -E_AGAIN},
		{"\x16\x03\x03\0\x04\x0b\0\0\0", 9, -E_SYNTAX},
		{"\x16\x09\x03\0\x04\x02\0\0\0", 9, -E_SYNTAX},
		{"\x16\x03\x03\0\x04\x02\0\0\0", 9, -E_SYNTAX},
	};
	uint8_t scratch[64];
	struct tls_answer a;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t *p = guard_copy(rows[i].bytes, rows[i].len);

		assert_int_equal(tlsanswer_read((struct bytes){p, rows[i].len}, scratch, &a),
				 rows[i].err);
		if (!rows[i].err) {
			assert_int_equal(a.kind, rows[i].kind);
			assert_int_equal(a.alert, rows[i].alert);
		}
		guard_free(p, rows[i].len);
	}
}

/** Published shape of the ten hellos, and the hash of known answers. */
static void jarm(void **state)
{
	static const uint16_t first[] = {0x0016, 0x0005, 0xc012, 0xc013, 0x0a0a,
					 0x0016, 0x0016, 0x0005, 0x0016, 0x0a0a};
	static const uint8_t n[] = {69, 69, 35, 34, 70, 69, 69, 69, 64, 70};
	struct jarm_part parts[JARM_N] = {0};
	struct jarm_space space;
	char text[JARM_TEXT_CAP];
	struct tlshello h;

	for (uint32_t i = 0; i < JARM_N; i++) {
		jarm_hello(i, "x", &space, &h);
		assert_int_equal(h.n_suites, n[i]);
		assert_int_equal(h.suites[0], first[i]);
	}
	parts[0] = (struct jarm_part){
		.suite = 0xc030, .version = TLS_12, .n_types = 2, .types = {0xff01, 0x0017}};
	jarm_text(parts, text);
	assert_memory_equal(text, "2ad000000000000000000000000000", 30);
	/* sha256("ff01-0017") */
	assert_string_equal(text + 30, "cc2ca71593914827c8a17b685390744b");
}

static int load_openssl(void **state)
{
	(void)state;
	return ossl_load();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_order),  cmocka_unit_test(client_order_and_old_versions),
		cmocka_unit_test(only_13_by_ec), cmocka_unit_test(groups_of_12),
		cmocka_unit_test(broken_suites), cmocka_unit_test(silence),
		cmocka_unit_test(losses),        cmocka_unit_test(endless),
		cmocka_unit_test(tarpit),        cmocka_unit_test(cut_and_damaged),
		cmocka_unit_test(any_records),   cmocka_unit_test(short_answers),
		cmocka_unit_test(jarm),
	};

	return cmocka_run_group_tests(tests, load_openssl, NULL);
}
