/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS facts in words: the text under a port, and XML in the structure that readers of nmap's
 * ssl-cert and ssl-enum-ciphers know. Certificates say what their makers like, so every text is
 * escaped for its format.
 */
#include "out/tlstext.h"

#include "out/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TIME_CAP 72

/** "2026-11-22T06:30:00" in UTC, as nmap writes validity. */
static const char *time_text(int64_t s, char out[TIME_CAP])
{
	time_t t = (time_t)s;
	struct tm tm;

	if (!gmtime_r(&t, &tm))
		return "?";
	snprintf(out, TIME_CAP, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
		 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return out;
}

/* --- text ------------------------------------------------------------------------------------- */

static void put_line(struct buf *b, const char *name, const char *value)
{
	text_lit(b, "| ");
	buf_puts(b, name);
	text_lit(b, ": ");
	text_put(b, value, TEXT_TERMINAL);
	buf_putc(b, '\n');
}

static void put_parts(struct buf *b, const char *name, const struct cert_pair *p, uint32_t n)
{
	text_lit(b, "| ");
	buf_puts(b, name);
	buf_putc(b, ':');
	for (uint32_t i = 0; i < n; i++) {
		buf_putc(b, i ? '/' : ' ');
		text_put(b, p[i].name, TEXT_TERMINAL);
		buf_putc(b, '=');
		text_put(b, p[i].value, TEXT_TERMINAL);
	}
	buf_putc(b, '\n');
}

static void put_sans(struct buf *b, const struct cert_info *c)
{
	if (!c->n_sans_kept)
		return;
	text_lit(b, "| Subject Alternative Name: ");
	for (uint32_t i = 0; i < c->n_sans_kept; i++) {
		buf_puts(b, i ? ", " : "");
		buf_puts(b, c->sans[i].name);
		buf_putc(b, ':');
		text_put(b, c->sans[i].value, TEXT_TERMINAL);
	}
	if (c->n_sans > c->n_sans_kept)
		buf_printf(b, " and %u more", c->n_sans - c->n_sans_kept);
	buf_putc(b, '\n');
}

static void put_cert_lines(struct buf *b, const struct cert_info *c)
{
	char text[TIME_CAP];

	put_sans(b, c);
	put_parts(b, "Issuer", c->issuer_parts, c->n_issuer_parts);
	buf_printf(b, "| Public Key: %s, %u bits%s%s\n", c->key, c->key_bits, c->curve ? ", " : "",
		   c->curve ? c->curve : "");
	put_line(b, "Signature Algorithm", c->signature);
	put_line(b, "Not valid before", time_text(c->not_before_s, text));
	buf_printf(b, "| Not valid after: %s (%lld days left)\n", time_text(c->not_after_s, text),
		   (long long)c->days_left);
	put_line(b, "SHA-1", c->sha1);
	put_line(b, "SHA-256", c->sha256);
}

static void put_version(struct buf *b, const struct tls_version_info *v)
{
	buf_printf(b, "| %s: %u suites%s", v->name, v->n_suites, v->is_cut ? " or more" : "");
	if (v->order)
		buf_printf(b, ", %s's order", v->order);
	buf_putc(b, '\n');
	for (uint32_t i = 0; i < v->n_suites; i++)
		buf_printf(b, "|   %s%s%s%s\n", v->suites[i].name, v->suites[i].flaw ? " (" : "",
			   v->suites[i].flaw ? v->suites[i].flaw : "",
			   v->suites[i].flaw ? ")" : "");
}

static void put_names(struct buf *b, const char *title, const char *const *names, uint32_t n)
{
	if (!n)
		return;
	buf_printf(b, "| %s: ", title);
	for (uint32_t i = 0; i < n; i++) {
		buf_puts(b, i ? ", " : "");
		text_put(b, names[i], TEXT_TERMINAL);
	}
	buf_putc(b, '\n');
}

static void put_endpoint_lines(struct buf *b, const struct tls_facts *t)
{
	put_names(b, "Groups", t->groups, t->n_groups);
	put_names(b, "ALPN", t->alpn, t->n_alpn);
	if (t->dh_bits)
		buf_printf(b, "| DH: %u bits\n", t->dh_bits);
	if (t->n_certs) {
		put_line(b, "Trust", t->trust);
		buf_printf(b, "| Chain: %u certificates\n", t->n_certs);
	}
	for (uint32_t i = 0; i < t->n_findings; i++)
		buf_printf(b, "| Finding (%s): %s: %s\n", t->findings[i].severity,
			   t->findings[i].code, t->findings[i].text);
	text_lit(b, "|_JARM: ");
	buf_puts(b, t->jarm);
	buf_putc(b, '\n');
}

void tlstext_put_normal(struct buf *b, const struct tls_facts *t)
{
	if (t->n_certs) {
		put_parts(b, "ssl-cert: Subject", t->certs[0].subject_parts,
			  t->certs[0].n_subject_parts);
		put_cert_lines(b, &t->certs[0]);
	}
	for (uint32_t i = 0; i < t->n_versions; i++)
		put_version(b, &t->versions[i]);
	put_endpoint_lines(b, t);
}

/* --- XML -------------------------------------------------------------------------------------- */

static void elem(struct buf *b, const char *key, const char *value)
{
	text_lit(b, "<elem");
	if (key) {
		text_lit(b, " key=\"");
		text_put(b, key, TEXT_XML);
		buf_putc(b, '"');
	}
	buf_putc(b, '>');
	text_put(b, value, TEXT_XML);
	text_lit(b, "</elem>\n");
}

static void elem_u64(struct buf *b, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	elem(b, key, text);
}

static void table(struct buf *b, const char *key)
{
	text_lit(b, "<table");
	if (key)
		buf_printf(b, " key=\"%s\"", key);
	text_lit(b, ">\n");
}

#define end_table(b) text_lit(b, "</table>\n")

/** The lines of @p text as the output attribute, without the marks in front. */
static void open_script(struct buf *b, const char *id, struct buf *text)
{
	char *save, *line = strtok_r((char *)(uintptr_t)buf_text(text), "\n", &save);
	bool is_first = true;

	buf_printf(b, "<script id=\"%s\" output=\"", id);
	for (; line; line = strtok_r(NULL, "\n", &save)) {
		buf_puts(b, is_first ? "" : "&#xa;");
		text_put(b, line[0] == '|' ? line + 2 : line, TEXT_XML);
		is_first = false;
	}
	text_lit(b, "\">\n");
}

static void put_name_table(struct buf *b, const char *key, const struct cert_pair *p, uint32_t n)
{
	table(b, key);
	for (uint32_t i = 0; i < n; i++)
		elem(b, p[i].name, p[i].value);
	end_table(b);
}

static void put_extensions(struct buf *b, const struct cert_info *c)
{
	table(b, "extensions");
	if (c->n_sans_kept) {
		table(b, NULL);
		elem(b, "name", "X509v3 Subject Alternative Name");
		text_lit(b, "<elem key=\"value\">");
		for (uint32_t i = 0; i < c->n_sans_kept; i++) {
			buf_puts(b, i ? ", " : "");
			buf_puts(b, c->sans[i].name);
			buf_putc(b, ':');
			text_put(b, c->sans[i].value, TEXT_XML);
		}
		text_lit(b, "</elem>\n");
		end_table(b);
	}
	if (c->key_usage)
		elem(b, "X509v3 Key Usage", c->key_usage);
	if (c->eku)
		elem(b, "X509v3 Extended Key Usage", c->eku);
	end_table(b);
}

static void put_cert_script(struct buf *b, const struct cert_info *c, struct buf *text)
{
	char time[TIME_CAP];

	buf_reset(text);
	put_parts(text, "Subject", c->subject_parts, c->n_subject_parts);
	put_cert_lines(text, c);
	open_script(b, "ssl-cert", text);
	put_name_table(b, "subject", c->subject_parts, c->n_subject_parts);
	put_name_table(b, "issuer", c->issuer_parts, c->n_issuer_parts);
	table(b, "pubkey");
	elem(b, "type", c->key);
	elem_u64(b, "bits", c->key_bits);
	end_table(b);
	put_extensions(b, c);
	elem(b, "sig_algo", c->signature);
	table(b, "validity");
	elem(b, "notBefore", time_text(c->not_before_s, time));
	elem(b, "notAfter", time_text(c->not_after_s, time));
	end_table(b);
	elem(b, "serial", c->serial);
	elem(b, "sha1", c->sha1);
	elem(b, "sha256", c->sha256);
	text_lit(b, "<elem key=\"pem\">");
	buf_puts(b, c->pem); /* base64 on lines of its own */
	text_lit(b, "</elem>\n");
	text_lit(b, "</script>\n");
}

static void put_version_table(struct buf *b, const struct tls_version_info *v)
{
	table(b, v->name);
	table(b, "ciphers");
	for (uint32_t i = 0; i < v->n_suites; i++) {
		table(b, NULL);
		elem(b, "name", v->suites[i].name);
		elem_u64(b, "bits", v->suites[i].bits);
		if (v->suites[i].flaw)
			elem(b, "flaw", v->suites[i].flaw);
		end_table(b);
	}
	end_table(b);
	table(b, "compressors");
	elem(b, NULL, v->has_compression ? "DEFLATE" : "NULL");
	end_table(b);
	if (v->order)
		elem(b, "cipher preference", v->order);
	end_table(b);
}

static void put_name_list(struct buf *b, const char *key, const char *const *names, uint32_t n)
{
	if (!n)
		return;
	table(b, key);
	for (uint32_t i = 0; i < n; i++)
		elem(b, NULL, names[i]);
	end_table(b);
}

static void put_own_script(struct buf *b, const struct tls_facts *t, struct buf *text)
{
	buf_reset(text);
	put_endpoint_lines(text, t);
	open_script(b, "tls", text);
	elem(b, "jarm", t->jarm);
	if (t->sni)
		elem(b, "sni", t->sni);
	elem(b, "trust", t->trust);
	put_name_list(b, "groups", t->groups, t->n_groups);
	put_name_list(b, "alpn", t->alpn, t->n_alpn);
	table(b, "findings");
	for (uint32_t i = 0; i < t->n_findings; i++) {
		table(b, NULL);
		elem(b, "code", t->findings[i].code);
		elem(b, "severity", t->findings[i].severity);
		elem(b, "text", t->findings[i].text);
		end_table(b);
	}
	end_table(b);
	text_lit(b, "</script>\n");
}

void tlstext_put_xml(struct buf *b, const struct tls_facts *t)
{
	struct buf text;

	buf_init(&text, 1u << 20);
	if (t->n_certs)
		put_cert_script(b, &t->certs[0], &text);
	if (t->n_versions) {
		buf_reset(&text);
		for (uint32_t i = 0; i < t->n_versions; i++)
			put_version(&text, &t->versions[i]);
		open_script(b, "ssl-enum-ciphers", &text);
		for (uint32_t i = 0; i < t->n_versions; i++)
			put_version_table(b, &t->versions[i]);
		text_lit(b, "</script>\n");
	}
	put_own_script(b, t, &text);
	buf_fini(&text);
}
