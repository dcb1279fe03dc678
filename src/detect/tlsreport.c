/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The report of one TLS endpoint. Findings are rows: a code, how bad it is, a test, what to say;
 * the tests see everything that was learned. Limits of strength follow NIST SP 800-131A (keys,
 * hashes), RFC 8996 (TLS 1.0 and 1.1), RFC 7465 (RC4), RFC 7568 (SSL 3.0), RFC 6176 (SSL 2.0).
 */
#include "detect/tlsreport.h"

#include "detect/ossl.h"
#include "wire/addr.h"

#include <stdio.h>
#include <string.h>

#define DAY_S 86400

/** Everything a rule may look at. */
struct evidence {
	const struct tls_learned *l;
	const struct tls_context *c;
	const struct cert_facts *certs;
	uint32_t n_certs;
	const struct trust_verdict *v;
	bool matches_name;
	char fault[192]; /* of the first certificate that cannot be read; "": none */
};

/* --- rules -------------------------------------------------------------------------------------
 */

static bool is_unreadable(const struct evidence *e)
{
	return e->fault[0] != 0;
}

static bool is_expired(const struct evidence *e)
{
	return e->n_certs && e->c->now_s > e->certs[0].not_after_s;
}

static bool is_too_early(const struct evidence *e)
{
	return e->n_certs && e->c->now_s < e->certs[0].not_before_s;
}

static bool expires_soon(const struct evidence *e)
{
	return e->n_certs && !is_expired(e) && e->certs[0].not_after_s - e->c->now_s < 14 * DAY_S;
}

static bool has_expired_issuer(const struct evidence *e)
{
	for (uint32_t i = 1; i < e->n_certs; i++)
		if (e->c->now_s > e->certs[i].not_after_s)
			return true;
	return false;
}

static bool has_weak_key(const struct evidence *e)
{
	for (uint32_t i = 0; i < e->n_certs; i++) {
		const struct cert_facts *f = &e->certs[i];
		bool is_factored = f->key == CERT_KEY_RSA || f->key == CERT_KEY_RSA_PSS ||
				   f->key == CERT_KEY_DSA;
		if (f->key_bits && f->key_bits < (is_factored ? 2048 : 224))
			return true;
	}
	return false;
}

/** A self-signed one's own signature proves nothing anyway. */
static bool has_weak_hash(const struct evidence *e)
{
	for (uint32_t i = 0; i < e->n_certs; i++) {
		uint8_t hash = e->certs[i].signature.hash;
		if (hash >= CERT_HASH_MD2 && hash <= CERT_HASH_SHA1 &&
		    (i == 0 || !e->certs[i].is_self_issued))
			return true;
	}
	return false;
}

/** Is the key that a certificate says it was signed with, if it does, that of the other? */
static bool may_be_issuer(const struct cert_facts *f, const struct cert_facts *by)
{
	return !f->aki.len || !by->ski.len ||
	       (f->aki.len == by->ski.len && memcmp(f->aki.p, by->ski.p, f->aki.len) == 0);
}

/** Changed after it was signed, or signed by somebody else in the name of the issuer. */
static bool has_bad_signature(const struct evidence *e)
{
	const struct trust_verdict *v = e->v;

	for (uint32_t i = 0; i < e->n_certs; i++) {
		const struct cert_facts *f = &e->certs[i];
		bool by_next = v->is_refuted_by_next[i] && may_be_issuer(f, f + 1);
		bool by_self = v->is_refuted_by_self[i] && may_be_issuer(f, f);
		if (!f->has_two_algorithms && !v->is_signed_by_next[i] && !v->is_self[i] &&
		    (by_next || by_self))
			return true;
	}
	return false;
}

/** RFC 5280 4.1.1.2 */
static bool has_two_algorithms(const struct evidence *e)
{
	for (uint32_t i = 0; i < e->n_certs; i++)
		if (e->certs[i].has_two_algorithms)
			return true;
	return false;
}

static bool is_self_signed(const struct evidence *e)
{
	return e->n_certs && e->v->is_self_signed;
}

static bool is_incomplete(const struct evidence *e)
{
	return e->n_certs && !e->v->is_self_signed && e->v->is_incomplete;
}

static bool is_untrusted(const struct evidence *e)
{
	return e->n_certs && !e->v->is_trusted;
}

static bool is_unordered(const struct evidence *e)
{
	return e->n_certs && !e->v->is_ordered;
}

static bool is_address(const char *host)
{
	struct addr a;

	return addr_parse(host, strlen(host), &a) == 0;
}

static bool is_other_name(const struct evidence *e)
{
	return e->n_certs && !e->matches_name && !is_address(e->c->host);
}

/** Certificates are for names: where none is known, one that leaves out the address says little. */
static bool lacks_address(const struct evidence *e)
{
	return e->n_certs && !e->matches_name && is_address(e->c->host);
}

static bool is_no_server(const struct evidence *e)
{
	const struct cert_facts *f = e->certs;

	return e->n_certs && (f->eku || f->n_eku_unknown) && !(f->eku & (1u << 0 | 1u << 6));
}

static bool has_ssl2(const struct evidence *e)
{
	return e->l->has_ssl2;
}

static bool has_ssl3(const struct evidence *e)
{
	return e->l->of[SCAN_SSL3].is_offered;
}

static bool has_old_tls(const struct evidence *e)
{
	return e->l->of[SCAN_TLS10].is_offered || e->l->of[SCAN_TLS11].is_offered;
}

static bool has_flaw(const struct evidence *e, bool wants_old_blocks)
{
	for (uint32_t v = 0; v < SCAN_VERSION_N; v++)
		for (uint32_t i = 0; i < e->l->of[v].n; i++) {
			const char *flaw = tls_suite_flaw(e->l->of[v].id[i]);
			bool is_old = flaw && strncmp(flaw, "64-bit", 6) == 0;
			if (flaw && is_old == wants_old_blocks)
				return true;
		}
	return false;
}

static bool has_weak_suite(const struct evidence *e)
{
	return has_flaw(e, false);
}

static bool has_old_blocks(const struct evidence *e)
{
	return has_flaw(e, true);
}

static bool has_weak_dh(const struct evidence *e)
{
	return e->l->dh_bits && e->l->dh_bits < 2048;
}

static bool has_compression(const struct evidence *e)
{
	for (uint32_t v = 0; v < SCAN_VERSION_N; v++)
		if (e->l->of[v].has_compression)
			return true;
	return false;
}

static bool renegotiates_insecurely(const struct evidence *e)
{
	bool is_old = false;

	for (uint32_t v = SCAN_TLS10; v <= SCAN_TLS12; v++)
		is_old = is_old || e->l->of[v].is_offered;
	return is_old && !e->l->has_renegotiation_info;
}

static const struct rule {
	const char *code, *severity;
	bool (*is_so)(const struct evidence *e);
	const char *text; /* NULL: the fault's */
} rules[] = {
	{"bad-certificate", "medium", is_unreadable, NULL},
	{"expired", "high", is_expired, "the certificate has expired"},
	{"not-yet-valid", "high", is_too_early, "the certificate is not valid yet"},
	{"expires-soon", "low", expires_soon, "the certificate expires within 14 days"},
	{"issuer-expired", "medium", has_expired_issuer, "a certificate of the chain has expired"},
	{"weak-key", "high", has_weak_key,
	 "a key of the chain is too short: RSA below 2048 bits or EC below 224"},
	{"weak-hash", "high", has_weak_hash, "a signature of the chain uses MD5 or SHA-1"},
	{"bad-signature", "high", has_bad_signature,
	 "a signature of the chain is not by the key of the issuer that the certificate names"},
	{"signature-algorithm", "high", has_two_algorithms,
	 "a certificate of the chain names two algorithms for its one signature"},
	{"self-signed", "medium", is_self_signed, "the certificate is signed by its own key"},
	{"chain-incomplete", "medium", is_incomplete,
	 "the issuer's certificate was not sent and is not known here"},
	{"chain-order", "low", is_unordered,
	 "a certificate of the chain is not signed by the next one"},
	{"untrusted", "medium", is_untrusted,
	 "the chain leads to no authority that is trusted here"},
	{"name-mismatch", "high", is_other_name, "the certificate is for other names"},
	{"name-mismatch", "low", lacks_address,
	 "the certificate does not name the address, and no host name was given"},
	{"wrong-purpose", "medium", is_no_server, "the certificate is not meant for servers"},
	{"weak-protocol", "high", has_ssl2, "SSLv2 is spoken"},
	{"weak-protocol", "high", has_ssl3, "SSLv3 is spoken"},
	{"weak-protocol", "medium", has_old_tls, "TLS 1.0 or 1.1 is spoken"},
	{"weak-cipher", "high", has_weak_suite, "a cipher suite gives little or no protection"},
	{"weak-cipher", "medium", has_old_blocks, "a cipher suite has 64-bit blocks (Sweet32)"},
	{"weak-dh", "medium", has_weak_dh, "a Diffie-Hellman group is below 2048 bits"},
	{"compression", "medium", has_compression, "TLS compression is on (CRIME)"},
	{"renegotiation", "low", renegotiates_insecurely, "secure renegotiation is not supported"},
};

static const char *keep(struct facts *b, const char *text)
{
	const char *kept = facts_keep(b, text);

	return kept ? kept : "";
}

static void put_findings(struct tls_facts *t, const struct evidence *e, struct facts *b)
{
	struct tls_finding *f = facts_alloc(b, ARRAY_LEN(rules) * sizeof(*f));

	for (size_t i = 0; f && i < ARRAY_LEN(rules); i++)
		if (rules[i].is_so(e))
			f[t->n_findings++] = (struct tls_finding){rules[i].code, rules[i].severity,
								  rules[i].text};
	for (uint32_t i = 0; f && i < t->n_findings; i++)
		if (!f[i].text)
			f[i].text = keep(b, e->fault);
	t->findings = f;
}

/* --- certificates ---------------------------------------------------------------------------- */

static const struct cert_pair *put_parts(struct bytes name, struct facts *b, uint32_t *ret_n)
{
	struct cert_pair *parts = facts_alloc(b, CERT_NAME_PARTS_MAX * sizeof(*parts));
	struct cert_name_pos pos = {0};
	char text[CERT_TEXT_CAP];
	struct cert_attr a;
	uint32_t n = 0;

	while (parts && n < CERT_NAME_PARTS_MAX && x509_next_attr(name, &pos, &a)) {
		x509_oid_text(a.oid, text, sizeof(text));
		parts[n].name = a.long_name ? a.long_name : keep(b, text);
		x509_attr_text(&a, text, sizeof(text));
		parts[n++].value = keep(b, text);
	}
	*ret_n = n;
	return parts;
}

static void put_sans(const struct cert_facts *f, struct facts *b, struct cert_info *c)
{
	uint32_t n_max = MIN((uint32_t)f->n_sans, (uint32_t)TLS_SANS_SHOWN_MAX);
	struct cert_pair *sans = n_max ? facts_alloc(b, n_max * sizeof(*sans)) : NULL;
	struct bytes left = f->sans;
	char text[CERT_TEXT_CAP];
	struct cert_san san;

	c->sans = sans;
	c->n_sans = f->n_sans;
	while (sans && c->n_sans_kept < n_max && x509_next_san(&left, &san)) {
		x509_san_text(&san, text, sizeof(text));
		sans[c->n_sans_kept++] = (struct cert_pair){
			x509_san_name((enum cert_san_kind)san.kind), keep(b, text)};
	}
}

/** Names of the bits that are set, with commas. */
static const char *bit_names(uint32_t bits, uint32_t n, const char *(*name)(uint32_t),
			     struct facts *b)
{
	char text[256];
	struct wcursor w = wcursor_of(text, sizeof(text) - 1);

	for (uint32_t i = 0; i < n; i++) {
		if (!(bits & 1u << i))
			continue;
		wcursor_put(&w, ",", w.pos > 0);
		wcursor_put(&w, name(i), strlen(name(i)));
	}
	text[w.pos] = '\0';
	return keep(b, text);
}

static const char *put_hex(struct bytes bytes, struct facts *b)
{
	char text[CERT_TEXT_CAP];

	if (!bytes.len)
		return NULL;
	x509_hex_text(bytes, text, sizeof(text));
	return keep(b, text);
}

static const char *put_pem(struct bytes der, struct facts *b)
{
	static const char head[] = "-----BEGIN CERTIFICATE-----\n",
			  foot[] = "-----END CERTIFICATE-----\n";
	size_t n_lines = (der.len + 47) / 48;
	char *p = facts_alloc(b, sizeof(head) + sizeof(foot) + n_lines * 65 + 4);
	char *out = p;

	if (!p)
		return "";
	memcpy(out, head, sizeof(head) - 1);
	out += sizeof(head) - 1;
	for (size_t at = 0; at < der.len; at += 48) {
		out += EVP_EncodeBlock((uint8_t *)out, der.p + at,
				       (int)MIN(der.len - at, (size_t)48));
		*out++ = '\n';
	}
	memcpy(out, foot, sizeof(foot));
	return p;
}

static void put_cert_texts(const struct cert_facts *f, struct facts *b, struct cert_info *c)
{
	uint8_t sha1[20], sha256[32];
	char text[CERT_TEXT_CAP];

	x509_name_text(f->subject, text, sizeof(text));
	c->subject = keep(b, text);
	x509_name_text(f->issuer, text, sizeof(text));
	c->issuer = keep(b, text);
	x509_serial_text(f->serial, text, sizeof(text));
	c->serial = keep(b, text);
	x509_oid_text(f->signature.oid, text, sizeof(text));
	c->signature = f->signature.name ? f->signature.name : keep(b, text);
	trust_fingerprints(f->der, sha1, sha256);
	c->sha1 = put_hex((struct bytes){sha1, sizeof(sha1)}, b);
	c->sha256 = put_hex((struct bytes){sha256, sizeof(sha256)}, b);
	c->ski = put_hex(f->ski, b);
	c->aki = put_hex(f->aki, b);
	c->subject_parts = put_parts(f->subject, b, &c->n_subject_parts);
	c->issuer_parts = put_parts(f->issuer, b, &c->n_issuer_parts);
	c->pem = put_pem(f->der, b);
	if (f->has_key_usage)
		c->key_usage = bit_names(f->key_usage, CERT_USAGE_N, x509_usage_name, b);
	if (f->eku || f->n_eku_unknown)
		c->eku = bit_names(f->eku, CERT_EKU_N, x509_eku_name, b);
	put_sans(f, b, c);
}

/** Whole days, rounded down. */
static int64_t days_between(int64_t from_s, int64_t to_s)
{
	int64_t s = to_s - from_s;

	return s >= 0 ? s / DAY_S : -((-s + DAY_S - 1) / DAY_S);
}

static void put_cert(const struct cert_facts *f, int64_t now_s, struct facts *b,
		     struct cert_info *c)
{
	c->not_before_s = f->not_before_s;
	c->not_after_s = f->not_after_s;
	c->days_left = days_between(now_s, f->not_after_s);
	c->key = x509_key_name((enum cert_key)f->key);
	c->curve = f->curve;
	c->hash = x509_hash_name((enum cert_hash)f->signature.hash);
	c->key_bits = f->key_bits;
	c->rsa_exponent = f->rsa_exponent;
	c->is_pss = f->signature.is_pss;
	c->salt_bytes = f->signature.salt_bytes;
	c->path_len = f->path_len;
	c->version = f->version;
	c->is_ca = f->is_ca;
	put_cert_texts(f, b, c);
}

/** Which certificate of the chain, what of it, and by what it is known again. */
static void put_fault(struct evidence *e, uint32_t idx, struct bytes der, const char *what)
{
	uint8_t sha1[20], sha256[32];
	struct wcursor w = wcursor_of(e->fault, sizeof(e->fault) - 1);
	char text[96];

	trust_fingerprints(der, sha1, sha256);
	int n = snprintf(text, sizeof(text),
			 "certificate %u cannot be parsed: %s; %zu bytes, SHA-256 ", idx + 1, what,
			 der.len);
	wcursor_put(&w, text, (size_t)n);
	for (size_t i = 0; i < sizeof(sha256); i++) {
		(void)snprintf(text, sizeof(text), "%02x", sha256[i]);
		wcursor_put(&w, text, 2);
	}
	e->fault[w.pos] = 0;
}

/** The chain as it was sent, up to the first that is no certificate, which is told. */
static uint32_t read_chain(struct evidence *e, struct bytes *ders, struct cert_facts *certs)
{
	struct bytes left = {e->l->chain, e->l->chain_len};
	uint32_t n = 0;

	while (n < TRUST_CHAIN_MAX && tls_next_certificate(&left, &ders[n])) {
		if (x509_parse(ders[n], &certs[n]) < 0) {
			put_fault(e, n, ders[n], x509_fault(ders[n]));
			return n;
		}
		n++;
	}
	if (left.len && n < TRUST_CHAIN_MAX)
		put_fault(e, n, left, "the chain ends inside of it");
	return n;
}

/* --- lists ------------------------------------------------------------------------------------ */

static void put_version(const struct tlsscan_suites *k, uint16_t version, struct facts *b,
			struct tls_version_info *ret)
{
	static const char *const orders[] = {NULL, "server", "client"};
	struct tls_suite_info *s = k->n ? facts_alloc(b, k->n * sizeof(*s)) : NULL;

	*ret = (struct tls_version_info){.name = tls_version_name(version),
					 .order = orders[k->order],
					 .suites = s,
					 .n_suites = s ? k->n : 0,
					 .is_cut = k->is_cut,
					 .has_compression = k->has_compression};
	for (uint32_t i = 0; i < ret->n_suites; i++)
		s[i] = (struct tls_suite_info){tls_suite_name(k->id[i]), tls_suite_flaw(k->id[i]),
					       k->id[i], tls_suite_bits(k->id[i])};
}

static void put_lists(const struct tls_learned *l, struct facts *b, struct tls_facts *t)
{
	struct tls_version_info *v = facts_alloc(b, (SCAN_VERSION_N + 1) * sizeof(*v));
	const char **groups = facts_alloc(b, TLSSCAN_GROUPS_MAX * sizeof(*groups));
	const char **alpn = facts_alloc(b, TLSSCAN_ALPN_MAX * sizeof(*alpn));

	for (uint32_t i = SCAN_VERSION_N; v && i > 0; i--)
		if (l->of[i - 1].is_offered)
			put_version(&l->of[i - 1],
				    tlsscan_version_of((enum tlsscan_version)(i - 1)), b,
				    &v[t->n_versions++]);
	if (v && l->has_ssl2)
		v[t->n_versions++].name = tls_version_name(TLS_SSL2);
	for (uint32_t i = 0; groups && i < l->n_groups; i++)
		groups[t->n_groups++] = tls_group_name(l->groups[i]);
	for (uint32_t i = 0; alpn && i < l->n_alpn; i++)
		alpn[t->n_alpn++] = keep(b, l->alpn[i]);
	t->versions = v;
	t->groups = groups;
	t->alpn = alpn;
}

static void put_chain(const struct evidence *e, struct facts *b, struct tls_facts *t)
{
	struct cert_info *c = e->n_certs ? facts_alloc(b, e->n_certs * sizeof(*c)) : NULL;

	for (uint32_t i = 0; c && i < e->n_certs; i++) {
		put_cert(&e->certs[i], e->c->now_s, b, &c[i]);
		c[i].is_self_signed = e->v->is_self[i];
		c[i].is_signed_by_next = e->v->is_signed_by_next[i];
	}
	t->certs = c;
	t->n_certs = c ? e->n_certs : 0;
}

const struct tls_facts *tlsreport_make(const struct tls_learned *l, const char *sni,
				       const struct tls_context *c, struct facts *block)
{
	struct tls_facts *t = facts_alloc(block, sizeof(*t));
	struct cert_facts certs[TRUST_CHAIN_MAX];
	struct bytes ders[TRUST_CHAIN_MAX];
	struct trust_verdict v = {.is_ordered = true, .reason = "no certificate was seen"};
	struct evidence e = {.l = l, .c = c, .certs = certs, .v = &v};
	char jarm[JARM_TEXT_CAP];

	if (!t)
		return NULL;
	e.n_certs = read_chain(&e, ders, certs);
	if (e.n_certs && (trust_check(c->trust, ders, e.n_certs, &v) < 0 || v.n_read < e.n_certs))
		put_fault(&e, v.n_read, ders[v.n_read], "OpenSSL refuses it");
	if (e.fault[0] && !v.is_trusted)
		v.reason = "a certificate cannot be parsed";
	e.matches_name = e.n_certs && trust_matches(&certs[0], c->host);
	jarm_text(l->jarm, jarm);
	t->sni = facts_keep(block, sni);
	t->jarm = keep(block, jarm);
	t->trust = v.is_trusted ? "trusted" : v.reason;
	t->is_trusted = v.is_trusted;
	t->name_checked = keep(block, c->host);
	t->matches_name = e.matches_name;
	t->dh_bits = l->dh_bits;
	t->n_connections = l->n_connections;
	t->has_renegotiation_info = l->has_renegotiation_info;
	t->has_ssl2 = l->has_ssl2;
	t->is_cut = l->is_cut;
	put_lists(l, block, t);
	put_chain(&e, block, t);
	put_findings(t, &e, block);
	return t;
}
