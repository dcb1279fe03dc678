/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Services in words: names and versions as nmap's columns show them, the line that sums up what
 * services say about their host, and fingerprints of unknown ones (layout observed on nmap 7.93).
 */
#include "out/svctext.h"

#include <string.h>

enum {
	INFO_MAX = 5,
	BANNER_BYTES_MAX = 200, /* without -v */
	FINGERPRINT_COLUMNS = 74,
	LEAD_LEN = 3,
	FINGERPRINTS_MAX = 10,
	DOUBT_CONF = 5
};

void svc_text_of(const struct out *o, const struct view *v, const struct host_port *p,
		 struct svc_text *ret)
{
	*ret = (struct svc_text){.facts = host_service(v->host, p->proto, p->port)};
	if (ret->facts && ret->facts->name) {
		ret->name = ret->facts->name;
		ret->is_marked = ret->facts->conf && ret->facts->conf <= DOUBT_CONF;
		return;
	}
	ret->name = text_service(o, p->proto, p->port, ret->own);
	ret->is_guess = true;
	ret->is_marked = v->scan->wants_services && p->state == PORT_OPEN && ret->name;
}

static const char *lead_of(const struct svc_text *s)
{
	return s->facts && s->facts->tunnel == TUNNEL_TLS ? "ssl/" : "";
}

void svc_put_name(struct buf *b, const struct svc_text *s, enum text_kind kind)
{
	text_put(b, lead_of(s), kind);
	text_put(b, s->name ? s->name : "unknown", kind);
	if (s->is_marked)
		buf_putc(b, '?');
}

uint32_t svc_name_width(const struct svc_text *s)
{
	return (uint32_t)(strlen(lead_of(s)) + strlen(s->name ? s->name : "unknown") +
			  s->is_marked);
}

void svc_put_version(struct buf *b, const struct service_facts *f, enum text_kind kind)
{
	const char *texts[] = {f->product, f->version};
	bool is_first = true;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (!texts[i])
			continue;
		if (!is_first)
			buf_putc(b, ' ');
		text_put(b, texts[i], kind);
		is_first = false;
	}
	if (!f->extrainfo)
		return;
	buf_puts(b, is_first ? "(" : " (");
	text_put(b, f->extrainfo, kind);
	buf_putc(b, ')');
}

void svc_put_tls(struct buf *b, const struct service_facts *f)
{
	if (!f || !f->tls_summary)
		return;
	text_lit(b, "|_tls: ");
	text_put(b, f->tls_summary, TEXT_TERMINAL);
	buf_putc(b, '\n');
}

void svc_put_banner(struct buf *b, struct bytes banner, bool is_whole)
{
	while (banner.len && memchr(" \t\r\n", banner.p[banner.len - 1], 4))
		banner.len--;
	if (!banner.len)
		return;
	bool is_cut = !is_whole && banner.len > BANNER_BYTES_MAX;
	text_lit(b, "|_banner: ");
	text_put_bytes(b, (struct bytes){banner.p, is_cut ? BANNER_BYTES_MAX : banner.len},
		       TEXT_TERMINAL);
	buf_puts(b, is_cut ? "...\n" : "\n");
}

/* --- Service Info ------------------------------------------------------------------- */

/** Distinct texts of one kind. */
struct few {
	const char *text[INFO_MAX];
	uint32_t n;
};

static void few_add(struct few *f, const char *text)
{
	if (!text)
		return;
	for (uint32_t i = 0; i < f->n; i++)
		if (strcasecmp(f->text[i], text) == 0)
			return;
	if (f->n < INFO_MAX)
		f->text[f->n++] = text;
}

static void few_put(struct buf *b, const struct few *f, const char *one, const char *many,
		    bool *has_begun)
{
	if (!f->n)
		return;
	buf_puts(b, *has_begun ? "; " : "Service Info: ");
	*has_begun = true;
	buf_puts(b, f->n == 1 ? one : many);
	for (uint32_t i = 0; i < f->n; i++) {
		buf_puts(b, i ? ", " : ": ");
		text_put(b, f->text[i], TEXT_TERMINAL);
	}
}

/** CPEs of systems and devices; those of programs stand in their own columns. */
static void add_cpes(struct few *f, const struct service_facts *s)
{
	for (uint32_t i = 0; i < s->n_cpe; i++)
		if (strncmp(s->cpe[i], "cpe:/a", 6) != 0)
			few_add(f, s->cpe[i]);
}

void svc_put_info(struct out *o, const struct view *v)
{
	struct few hosts = {0}, systems = {0}, devices = {0}, cpes = {0};
	bool has_begun = false;
	struct host_port p;
	uint32_t pos = 0;

	while (v->scan->wants_services && view_next_port(v, &pos, &p)) {
		const struct service_facts *s = host_service(v->host, p.proto, p.port);
		if (!s)
			continue;
		few_add(&hosts, s->hostname);
		few_add(&systems, s->ostype);
		few_add(&devices, s->devicetype);
		add_cpes(&cpes, s);
	}
	few_put(&o->buf, &hosts, "Host", "Hosts", &has_begun);
	few_put(&o->buf, &systems, "OS", "OSs", &has_begun);
	few_put(&o->buf, &devices, "Device", "Devices", &has_begun);
	few_put(&o->buf, &cpes, "CPE", "CPE", &has_begun);
	if (has_begun)
		buf_putc(&o->buf, '\n');
}

/* --- fingerprints --------------------------------------------------------------------- */

static void put_wrapped(struct buf *b, const char *text)
{
	size_t left = strlen(text), width = FINGERPRINT_COLUMNS;

	while (left) {
		size_t n = MIN(left, width);
		buf_put(b, text, n);
		text += n;
		left -= n;
		width = FINGERPRINT_COLUMNS - LEAD_LEN;
		buf_puts(b, left ? "\nSF:" : "\n");
	}
}

void svc_put_fingerprints(struct out *o, const struct view *v)
{
	const struct service_facts *found[FINGERPRINTS_MAX];
	struct host_port p;
	uint32_t pos = 0, n = 0;

	while (v->scan->wants_services && view_next_port(v, &pos, &p)) {
		const struct service_facts *s = host_service(v->host, p.proto, p.port);
		if (s && s->fingerprint && n++ < FINGERPRINTS_MAX)
			found[n - 1] = s;
	}
	if (!n)
		return;
	buf_printf(&o->buf, "%u %s unrecognized despite returning data:\n", n,
		   n == 1 ? "service" : "services");
	for (uint32_t i = 0; i < MIN(n, (uint32_t)FINGERPRINTS_MAX); i++)
		put_wrapped(&o->buf, found[i]->fingerprint);
}
