/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chains, names and findings: every rule has a case in which it speaks, and a sound server none. */
#include "detect/tlsreport.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>

#include <cmocka.h>

#include "certmake.h"
#include "support/guard.h"

#define CA_EXT                                                                                     \
	{                                                                                          \
		"basicConstraints=critical,CA:TRUE", "keyUsage=keyCertSign,cRLSign"                \
	}
#define NOW_S 1800000000 /* 2027-01-15 */

static struct world {
	EVP_PKEY *key, *weak;
	X509 *root, *middle;
	struct trust *trust;
} w;

static int build(void **state)
{
	const struct cert_spec root = {.md = "SHA256", .subject = "CN=Root", .ext = CA_EXT},
			       middle = {.md = "SHA256", .subject = "CN=Middle", .ext = CA_EXT};
	char path[] = "/tmp/prtip-ca-XXXXXX";
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	w.key = certmake_key("EC:P-256");
	w.weak = certmake_key("RSA:1024");
	w.root = certmake(&root, w.key, NULL, NULL);
	w.middle = certmake(&middle, w.key, w.root, w.key);
	PEM_write_X509(f, w.root);
	fclose(f);
	assert(trust_new(path, &w.trust) == 0);
	unlink(path);
	return 0;
}

static int tear_down(void **state)
{
	EVP_PKEY_free(w.key);
	EVP_PKEY_free(w.weak);
	X509_free(w.root);
	X509_free(w.middle);
	trust_free(w.trust);
	return 0;
}

/** As a Certificate message has it. */
static void put_chain(struct tls_learned *l, X509 *x)
{
	struct bytes der = certmake_der(x);

	l->chain[l->chain_len] = 0;
	put_be16(l->chain + l->chain_len + 1, (uint16_t)der.len);
	memcpy(l->chain + l->chain_len + 3, der.p, der.len);
	l->chain_len += (uint32_t)der.len + 3;
	OPENSSL_free((void *)der.p);
}

static void offer(struct tls_learned *l, enum tlsscan_version v, uint16_t suite)
{
	l->of[v].is_offered = true;
	l->of[v].id[l->of[v].n++] = suite;
}

enum spoiling { SPOILS_NOTHING, SPOILS_SIGNATURE, SPOILS_ALGORITHM };

struct row {
	const char *what, *codes;
	struct cert_spec leaf;
	const char *chain; /* l leaf, m middle, r root, s a self-signed leaf */
	bool is_weak_key;
	uint16_t suite; /* of TLS 1.2 */
	uint8_t also;   /* version offered beside it; 0 none */
	uint16_t dh_bits;
	bool has_ssl2, has_compression, lacks_renegotiation;
	enum spoiling spoils;
};

static const struct row rows[] = {
#define LEAF(...)                                                                                  \
	.leaf = {.md = "SHA256",                                                                   \
		 .subject = "CN=a.example",                                                        \
		 .ext = {"subjectAltName=DNS:a.example"},                                          \
		 ##__VA_ARGS__}
	{"sound", "", LEAF(), "lm"},
	{"sound with root", "", LEAF(), "lmr"},
	{"expired", "expired ", LEAF(.to = "20260101000000Z"), "lm"},
	{"early", "not-yet-valid ", LEAF(.from = "20300101000000Z"), "lm"},
	{"soon", "expires-soon ", LEAF(.to = "20270120000000Z"), "lm"},
	{"weak key", "weak-key ", LEAF(), "lm", .is_weak_key = true},
	{"weak hash", "weak-hash ", .leaf = {.md = "SHA1", .subject = "CN=a.example"}, "lm"},
	{"self-signed", "self-signed untrusted ", LEAF(), "s"},
	{"incomplete", "chain-incomplete untrusted ", LEAF(), "l"},
	{"changed", "bad-signature untrusted ", LEAF(), "s", .spoils = SPOILS_SIGNATURE},
	{"changed in a chain", "bad-signature chain-order untrusted ", LEAF(), "lm",
	 .spoils = SPOILS_SIGNATURE},
	{"two algorithms", "signature-algorithm untrusted ", LEAF(), "s",
	 .spoils = SPOILS_ALGORITHM},
	{"order", "chain-order ", LEAF(), "lrm"},
	{"name", "name-mismatch ",
	 .leaf = {.md = "SHA256",
		  .subject = "CN=a.example",
		  .ext = {"subjectAltName=DNS:b.example"}},
	 "lm"},
	{"purpose", "untrusted wrong-purpose ",
	 .leaf = {.md = "SHA256",
		  .subject = "CN=a.example",
		  .ext = {"extendedKeyUsage=clientAuth"}},
	 "lm"},
	{"ssl2", "weak-protocol ", LEAF(), "lm", .has_ssl2 = true},
	{"ssl3", "weak-protocol ", LEAF(), "lm", .also = SCAN_SSL3 + 1},
	{"tls 1.0", "weak-protocol ", LEAF(), "lm", .also = SCAN_TLS10 + 1},
	{"tls 1.1", "weak-protocol ", LEAF(), "lm", .also = SCAN_TLS11 + 1},
	{"rc4", "weak-cipher ", LEAF(), "lm", .suite = 0x0005},
	{"3des", "weak-cipher ", LEAF(), "lm", .suite = 0x000a},
	{"dh", "weak-dh ", LEAF(), "lm", .dh_bits = 1024},
	{"compression", "compression ", LEAF(), "lm", .has_compression = true},
	{"renegotiation", "renegotiation ", LEAF(), "lm", .lacks_renegotiation = true},
};

/** The first certificate's last byte, of its signature; the last of the algorithm inside of it. */
static void spoil(struct tls_learned *l, enum spoiling how)
{
	static const uint8_t ecdsa_sha256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2};
	uint8_t *der = l->chain + 3, *alg;
	size_t n = (size_t)l->chain[1] << 8 | l->chain[2];

	if (how == SPOILS_SIGNATURE)
		der[n - 1] ^= 1;
	if (how != SPOILS_ALGORITHM)
		return;
	alg = memmem(der, n, ecdsa_sha256, sizeof(ecdsa_sha256));
	assert_non_null(alg);
	alg[sizeof(ecdsa_sha256) - 1] = 3;
}

static struct tls_learned *learned_of(const struct row *r)
{
	struct tls_learned *l = calloc(1, sizeof(*l));
	EVP_PKEY *key = r->is_weak_key ? w.weak : w.key;
	X509 *leaf = r->chain[0] == 's' ? certmake(&r->leaf, key, NULL, NULL)
					: certmake(&r->leaf, key, w.middle, w.key);

	l->is_tls = true;
	for (const char *c = r->chain; *c; c++)
		put_chain(l, *c == 'm' ? w.middle : *c == 'r' ? w.root : leaf);
	X509_free(leaf);
	spoil(l, r->spoils);
	offer(l, SCAN_TLS12, r->suite ? r->suite : 0xc02b);
	if (r->also)
		offer(l, (enum tlsscan_version)(r->also - 1), 0xc009);
	l->dh_bits = r->dh_bits;
	l->has_ssl2 = r->has_ssl2;
	l->of[SCAN_TLS12].has_compression = r->has_compression;
	l->has_renegotiation_info = !r->lacks_renegotiation;
	return l;
}

static const struct tls_facts *report(const struct tls_learned *l, const char *host,
				      struct facts *b)
{
	const struct tls_context c = {.trust = w.trust, .host = host, .now_s = NOW_S};
	const struct tls_facts *t = tlsreport_make(l, host, &c, b);

	assert_non_null(t);
	return t;
}

static void findings(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tls_learned *l = learned_of(&rows[i]);
		struct facts *b = facts_new(FACTS_BLOCK_MAX);
		const struct tls_facts *t = report(l, "a.example", b);
		char codes[256] = "";
		struct wcursor c = wcursor_of(codes, sizeof(codes) - 1);

		for (uint32_t k = 0; k < t->n_findings; k++) {
			wcursor_put(&c, t->findings[k].code, strlen(t->findings[k].code));
			wcursor_u8(&c, ' ');
		}
		if (strcmp(codes, rows[i].codes) != 0)
			fail_msg("%s: \"%s\" (%s)", rows[i].what, codes, t->trust);
		assert_int_equal(t->n_certs, strlen(rows[i].chain));
		facts_free(b);
		free(l);
	}
}

/** A name that is not in the certificate is worse than an address that is not. */
static void names_weigh_more_than_addresses(void **state)
{
	static const struct {
		const char *host, *severity; /* NULL: no finding */
	} hosts[] = {{"a.example", NULL},
		     {"b.example", "high"},
		     {"192.0.2.1", "low"},
		     {"2001:db8::1", "low"}};

	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		struct tls_learned *l = learned_of(&rows[1]);
		struct facts *b = facts_new(FACTS_BLOCK_MAX);
		const struct tls_facts *t = report(l, hosts[i].host, b);

		assert_int_equal(t->n_findings, hosts[i].severity != NULL);
		if (hosts[i].severity) {
			assert_string_equal(t->findings[0].code, "name-mismatch");
			assert_string_equal(t->findings[0].severity, hosts[i].severity);
		}
		facts_free(b);
		free(l);
	}
}

static void texts(void **state)
{
	struct tls_learned *l = learned_of(&rows[1]);
	struct facts *b = facts_new(FACTS_BLOCK_MAX);
	const struct tls_facts *t = report(l, "a.example", b);
	const struct cert_info *c = t->certs;

	assert_string_equal(t->trust, "trusted");
	assert_true(t->is_trusted && t->matches_name);
	assert_string_equal(c->subject, "CN=a.example");
	assert_string_equal(c->issuer, "CN=Middle");
	assert_string_equal(c->sans[0].value, "a.example");
	assert_int_equal(c->days_left, 4733); /* to 2040-01-01 */
	assert_true(c[0].is_signed_by_next && c[1].is_signed_by_next && !c[2].is_signed_by_next);
	assert_true(!c[0].is_self_signed && !c[1].is_self_signed && c[2].is_self_signed);
	assert_string_equal(c[1].key_usage, "keyCertSign,cRLSign");
	assert_string_equal(t->versions[0].suites[0].name,
			    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
	BIO *in = BIO_new_mem_buf(c[2].pem, -1);
	X509 *read = PEM_read_bio_X509(in, NULL, NULL, NULL);
	assert_int_equal(X509_cmp(read, w.root), 0);
	X509_free(read);
	BIO_free(in);
	facts_free(b);
	free(l);
}

/** A chain with bytes that are no certificate: the finding says which, what of it, and which bytes.
 */
static void unreadable_certificates(void **state)
{
	static const struct {
		int at; /* of the last certificate's bytes; negative: from its end */
		uint8_t byte;
		const char *chain, *says;
		uint32_t n_certs;
	} cases[] = {
		{0, 0x31, "l", "certificate 1 cannot be parsed: its first byte; ", 0},
		{3, 0xff, "l", "certificate 1 cannot be parsed: its end, which is missing; ", 0},
		{4, 0x31, "lm", "certificate 2 cannot be parsed: the part that is signed; ", 1},
		{10, 9, "lm", "certificate 2 cannot be parsed: its version; ", 1},
		{12, 3, "l", "certificate 1 cannot be parsed: its serial number; ", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct row r = rows[0];
		r.chain = cases[i].chain;
		struct tls_learned *l = learned_of(&r);
		struct bytes left = {l->chain, l->chain_len}, der = left;
		while (left.len)
			assert_true(tls_next_certificate(&left, &der));
		l->chain[der.p - l->chain + cases[i].at] = cases[i].byte;
		struct facts *b = facts_new(FACTS_BLOCK_MAX);
		const struct tls_facts *t = report(l, "a.example", b);
		assert_int_equal(t->n_certs, cases[i].n_certs);
		assert_string_equal(t->findings[0].code, "bad-certificate");
		assert_string_equal(t->findings[0].severity, "medium");
		if (strncmp(t->findings[0].text, cases[i].says, strlen(cases[i].says)) != 0)
			fail_msg("%zu: %s", i, t->findings[0].text);
		assert_non_null(strstr(t->findings[0].text, " bytes, SHA-256 "));
		assert_int_equal(strlen(strstr(t->findings[0].text, "256 ")), 4 + 64);
		assert_false(t->is_trusted && !cases[i].n_certs);
		facts_free(b);
		free(l);
	}
}

/** As TLS 1.2 and TLS 1.3 send a chain, cut at every byte. */
static void certificate_lists(void **state)
{
	static const uint8_t old[] = {0, 0, 9, 0, 0, 2, 'a', 'b', 0, 0, 1, 'c'};
	static const uint8_t new[] = {2, 'x', 'y', 0, 0, 17, 0, 0, 2,   'a', 'b', 0,
				      4, 1,   2,   3, 4, 0,  0, 1, 'c', 0,   0};

	for (int is_13 = 0; is_13 < 2; is_13++) {
		size_t n = is_13 ? sizeof(new) : sizeof(old);
		for (size_t cut = 0; cut <= n; cut++) {
			uint8_t *p = guard_copy(is_13 ? new : old, cut), out[16];
			struct wcursor c = wcursor_of(out, sizeof(out));
			tls_certificate_list((struct bytes){p, cut}, is_13, &c);
			guard_free(p, cut);
			assert_int_equal(c.pos, cut == n ? 9 : 0);
			if (c.pos)
				assert_memory_equal(out, old + 3, 9);
			assert_false(c.failed);
		}
	}
	/* one that is longer than the list, and one that has no room */
	uint8_t out[16], longer[sizeof(old)];
	memcpy(longer, old, sizeof(old));
	longer[10] = 7;
	struct wcursor c = wcursor_of(out, sizeof(out));
	tls_certificate_list((struct bytes){longer, sizeof(longer)}, false, &c);
	assert_int_equal(c.pos, 9);
	assert_int_equal(out[7], 7);
	c = wcursor_of(out, 8);
	tls_certificate_list((struct bytes){old, sizeof(old)}, false, &c);
	assert_int_equal(c.pos, 5);
}

/** Too little room, none at all, a chain cut anywhere: fewer facts, never a crash. */
static void little_room(void **state)
{
	struct tls_learned *l = learned_of(&rows[1]);

	for (size_t room = 256; room < 32768; room += 512) {
		const struct tls_context c = {
			.trust = w.trust, .host = "a.example", .now_s = NOW_S};
		struct facts *b = facts_new(room);
		const struct tls_facts *t = tlsreport_make(l, NULL, &c, b);
		if (t)
			assert_true(t->n_certs <= 3);
		facts_free(b);
	}
	for (uint32_t len = l->chain_len; len > 0; len -= MIN(len, 37u)) {
		struct facts *b = facts_new(FACTS_BLOCK_MAX);
		l->chain_len = len;
		assert_true(report(l, "a.example", b)->n_certs <= 3);
		facts_free(b);
	}
	free(l);
}

static void names(void **state)
{
	static const char *const patterns[] = {"DNS:a.example",
					       "DNS:*.a.example",
					       "DNS:A.Example",
					       "IP:192.0.2.1",
					       "IP:2001:db8::1",
					       "DNS:*.example",
					       "DNS:xn--bcher-kva.example",
					       "DNS:a.example,DNS:b.example",
					       "email:a@b.example"};
	static const char *const hosts[] = {
		"a.example", "x.a.example", "x.y.a.example",         "b.example", "example",
		"192.0.2.1", "2001:db8::1", "xn--bcher-kva.example", "A.EXAMPLE", ".a.example"};

	for (size_t p = 0; p < ARRAY_LEN(patterns); p++) {
		char ext[128];
		snprintf(ext, sizeof(ext), "subjectAltName=%s", patterns[p]);
		struct cert_spec s = {.md = "SHA256", .subject = "CN=b.example", .ext = {ext}};
		X509 *x = certmake(&s, w.key, NULL, NULL);
		struct bytes der = certmake_der(x);
		struct cert_facts f;

		assert_int_equal(x509_parse(der, &f), 0);
		for (size_t h = 0; h < ARRAY_LEN(hosts); h++) {
			bool is_ip = strspn(hosts[h], "0123456789abcdef.:") == strlen(hosts[h]);
			int theirs = is_ip ? X509_check_ip_asc(x, hosts[h], 0)
					   : X509_check_host(x, hosts[h], 0, 0, NULL);
			if (hosts[h][0] == '.') /* OpenSSL takes it for a wish of subdomains */
				theirs = 0;
			if (trust_matches(&f, hosts[h]) != (theirs == 1))
				fail_msg("%s of %s: %d", hosts[h], patterns[p], theirs);
		}
		OPENSSL_free((void *)der.p);
		X509_free(x);
	}
}

static void no_authorities(void **state)
{
	struct trust *t;

	assert_int_equal(trust_new("/nonexistent", &t), -ENOENT);
	assert_int_equal(trust_new(NULL, &t), 0);
	trust_free(t);
	trust_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(findings),
		cmocka_unit_test(texts),
		cmocka_unit_test(names_weigh_more_than_addresses),
		cmocka_unit_test(unreadable_certificates),
		cmocka_unit_test(certificate_lists),
		cmocka_unit_test(little_room),
		cmocka_unit_test(names),
		cmocka_unit_test(no_authorities),
	};

	return cmocka_run_group_tests(tests, build, tear_down);
}
