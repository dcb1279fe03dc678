/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS facts as members of JSON objects: a "tls" record per endpoint, a "certificate" record per
 * certificate of its chain.
 */
#include <time.h>

#include "out/text.h"
#include "out/tlstext.h"

static void put_text(struct buf *b, const char *key, const char *value)
{
	buf_printf(b, ",\"%s\":", key);
	text_put_json(b, value);
}

static void put_number(struct buf *b, const char *key, int64_t value)
{
	buf_printf(b, ",\"%s\":%lld", key, (long long)value);
}

static void put_list(struct buf *b, const char *key, const char *const *names, uint32_t n)
{
	buf_printf(b, ",\"%s\":[", key);
	for (uint32_t i = 0; i < n; i++) {
		buf_puts(b, i ? "," : "");
		text_put_json(b, names[i]);
	}
	buf_putc(b, ']');
}

/** A text of names with commas as an array; null without. */
static void put_words(struct buf *b, const char *key, const char *words)
{
	buf_printf(b, ",\"%s\":", key);
	if (!words) {
		text_lit(b, "null");
		return;
	}
	buf_puts(b, words[0] ? "[\"" : "[");
	for (const char *p = words; *p; p++)
		if (*p == ',')
			text_lit(b, "\",\"");
		else
			buf_putc(b, *p);
	buf_puts(b, words[0] ? "\"]" : "]");
}

static void put_time(struct buf *b, const char *key, int64_t s)
{
	struct tm tm;
	time_t t = (time_t)s;

	if (gmtime_r(&t, &tm))
		buf_printf(b, ",\"%s\":\"%04d-%02d-%02dT%02d:%02d:%02dZ\"", key, tm.tm_year + 1900,
			   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	else
		put_text(b, key, NULL);
}

static void put_version(struct buf *b, const struct tls_version_info *v)
{
	text_lit(b, "{\"version\":");
	text_put_json(b, v->name);
	put_text(b, "order", v->order);
	text_put_json_bool(b, "complete", !v->is_cut);
	text_put_json_bool(b, "compression", v->has_compression);
	text_lit(b, ",\"suites\":[");
	for (uint32_t i = 0; i < v->n_suites; i++) {
		const struct tls_suite_info *s = &v->suites[i];

		buf_printf(b, "%s{\"id\":%u", i ? "," : "", s->id);
		put_text(b, "name", s->name);
		put_number(b, "bits", s->bits);
		put_text(b, "flaw", s->flaw);
		buf_putc(b, '}');
	}
	text_lit(b, "]}");
}

static void put_findings(struct buf *b, const struct tls_facts *t)
{
	text_lit(b, ",\"findings\":[");
	for (uint32_t i = 0; i < t->n_findings; i++)
		buf_printf(b, "%s{\"code\":\"%s\",\"severity\":\"%s\",\"text\":\"%s\"}",
			   i ? "," : "", t->findings[i].code, t->findings[i].severity,
			   t->findings[i].text);
	buf_putc(b, ']');
}

void tlstext_put_json(struct buf *b, const struct tls_facts *t)
{
	put_text(b, "sni", t->sni);
	text_lit(b, ",\"versions\":[");
	for (uint32_t i = 0; i < t->n_versions; i++) {
		buf_puts(b, i ? "," : "");
		put_version(b, &t->versions[i]);
	}
	buf_putc(b, ']');
	put_list(b, "groups", t->groups, t->n_groups);
	put_list(b, "alpn", t->alpn, t->n_alpn);
	put_number(b, "dh_bits", t->dh_bits);
	text_put_json_bool(b, "secure_renegotiation", t->has_renegotiation_info);
	put_text(b, "jarm", t->jarm);
	put_number(b, "certificates", t->n_certs);
	text_put_json_bool(b, "trusted", t->is_trusted);
	put_text(b, "trust", t->trust);
	put_text(b, "name_checked", t->name_checked);
	text_put_json_bool(b, "name_matches", t->matches_name);
	put_number(b, "connections", t->n_connections);
	text_put_json_bool(b, "complete", !t->is_cut);
	put_findings(b, t);
}

static void put_key(struct buf *b, const struct cert_info *c)
{
	put_text(b, "key", c->key);
	put_number(b, "key_bits", c->key_bits);
	put_text(b, "curve", c->curve);
	put_text(b, "signature", c->signature);
	put_text(b, "hash", c->hash);
	if (c->is_pss)
		put_number(b, "salt_bytes", c->salt_bytes);
	if (c->rsa_exponent)
		put_number(b, "rsa_exponent", (int64_t)c->rsa_exponent);
}

/** [{"kind":"dns","value":"a.example"}] */
static void put_pairs(struct buf *b, const char *key, const char *name, const struct cert_pair *p,
		      uint32_t n)
{
	buf_printf(b, ",\"%s\":[", key);
	for (uint32_t i = 0; i < n; i++) {
		buf_printf(b, "%s{\"%s\":", i ? "," : "", name);
		text_put_json(b, p[i].name);
		put_text(b, "value", p[i].value);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

void tlstext_put_json_cert(struct buf *b, const struct tls_facts *t, uint32_t cert_idx)
{
	const struct cert_info *c = &t->certs[cert_idx];

	put_number(b, "chain_index", cert_idx);
	put_text(b, "subject", c->subject);
	put_text(b, "issuer", c->issuer);
	put_text(b, "serial", c->serial);
	put_time(b, "not_before", c->not_before_s);
	put_time(b, "not_after", c->not_after_s);
	put_number(b, "days_left", c->days_left);
	put_key(b, c);
	put_pairs(b, "sans", "kind", c->sans, c->n_sans_kept);
	put_number(b, "n_sans", c->n_sans);
	put_words(b, "key_usage", c->key_usage);
	put_words(b, "extended_key_usage", c->eku);
	text_put_json_bool(b, "ca", c->is_ca);
	put_number(b, "path_len", c->path_len);
	put_number(b, "version", c->version);
	put_text(b, "ski", c->ski);
	put_text(b, "aki", c->aki);
	put_text(b, "sha1", c->sha1);
	put_text(b, "sha256", c->sha256);
	text_put_json_bool(b, "self_signed", c->is_self_signed);
	text_put_json_bool(b, "signed_by_next", c->is_signed_by_next);
	put_pairs(b, "subject_parts", "name", c->subject_parts, c->n_subject_parts);
	put_pairs(b, "issuer_parts", "name", c->issuer_parts, c->n_issuer_parts);
	put_text(b, "pem", c->pem);
}
