/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text pieces of the formats. Names come from the network (PTR records) and are hostile:
 * they may carry terminal escapes, markup, broken UTF-8. What a format forbids is replaced
 * by visible text, never dropped; so is what cannot be seen, or moves what can (base/utf8.h).
 * XML characters: XML 1.0 section 2.2; JSON strings: RFC 8259 7.
 */
#include "out/text.h"

#include "base/utf8.h"

#include <string.h>
#include <time.h>

static void put_hex_byte(struct buf *b, uint8_t c, const char *lead)
{
	static const char digits[] = "0123456789abcdef";

	buf_puts(b, lead);
	buf_putc(b, digits[c >> 4]);
	buf_putc(b, digits[c & 15]);
}

static const char *xml_entity(uint8_t c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&apos;";
	default:
		return NULL;
	}
}

static void put_ascii_xml(struct buf *b, uint8_t c, bool breaks_dash)
{
	const char *entity = xml_entity(c);

	if (entity)
		buf_puts(b, entity);
	else if (breaks_dash)
		text_lit(b, "&#45;");
	else if (c < 0x20 || c == 0x7f)
		put_hex_byte(b, c, "\\x");
	else
		buf_putc(b, (char)c);
}

static void put_ascii_json(struct buf *b, uint8_t c)
{
	if (c == '"' || c == '\\') {
		buf_putc(b, '\\');
		buf_putc(b, (char)c);
	} else if (c < 0x20 || c == 0x7f) {
		put_hex_byte(b, c, "\\u00");
	} else {
		buf_putc(b, (char)c);
	}
}

static void put_ascii_plain(struct buf *b, uint8_t c, enum text_kind kind)
{
	static const char from[] = "/,()", to[] = "|;[]";
	const char *at = kind == TEXT_GREPABLE ? memchr(from, c, 4) : NULL;

	if (at)
		buf_putc(b, to[at - from]);
	else if (c < 0x20 || c >= 0x7f)
		put_hex_byte(b, c, "\\x");
	else
		buf_putc(b, (char)c);
}

/** RFC 8259 7: beyond 16 bits as a pair of surrogates. */
static void put_code_json(struct buf *b, uint32_t c)
{
	if (c >= 0x10000)
		buf_printf(b, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
	else
		buf_printf(b, "\\u%04x", c);
}

/** U+FFFE, U+FFFF and so on are no characters. C1 controls XML 1.0 may name, but its readers would
 * see them as they are. */
static bool has_number(uint32_t c, enum text_kind kind)
{
	return (c & 0xfffe) != 0xfffe && (kind == TEXT_JSON || c >= 0xa0);
}

/** A character beyond ASCII of JSON or XML; what cannot be seen is named by number, and what is no
 * character becomes visible bytes. @return bytes taken. */
static size_t put_wide(struct buf *b, const uint8_t *s, enum text_kind kind)
{
	uint32_t c = 0;
	size_t n = utf8_take((struct bytes){s, strnlen((const char *)s, 4)}, &c);

	if (n && utf8_is_shown(c)) {
		buf_put(b, s, n);
	} else if (n && has_number(c, kind)) {
		if (kind == TEXT_JSON)
			put_code_json(b, c);
		else
			buf_printf(b, "&#x%x;", c);
	} else {
		n = MAX(n, (size_t)1);
		for (size_t i = 0; i < n; i++)
			put_hex_byte(b, s[i], kind == TEXT_JSON ? "\\\\x" : "\\x");
	}
	return n;
}

void text_put(struct buf *b, const char *text, enum text_kind kind)
{
	bool was_dash = false;

	for (const uint8_t *s = (const uint8_t *)text; s && *s;) {
		uint8_t c = *s;
		size_t n = 1;

		if (kind == TEXT_TERMINAL || kind == TEXT_GREPABLE)
			put_ascii_plain(b, c, kind);
		else if (c >= 0x80)
			n = put_wide(b, s, kind);
		else if (kind == TEXT_JSON)
			put_ascii_json(b, c);
		else
			put_ascii_xml(b, c, kind == TEXT_COMMENT && c == '-' && was_dash);
		was_dash = c == '-';
		s += n;
	}
}

void text_put_bytes(struct buf *b, struct bytes raw, enum text_kind kind)
{
	char text[256];

	while (raw.len) {
		/* cut before a character, not in it */
		size_t n = MIN(raw.len, sizeof(text) - 1);
		while (n < raw.len && n > sizeof(text) - 5 && (raw.p[n] & 0xc0) == 0x80)
			n--;
		memcpy(text, raw.p, n);
		text[n] = 0;
		size_t len = strlen(text);
		text_put(b, text, kind);
		if (len < n)
			put_hex_byte(b, 0, kind == TEXT_JSON ? "\\\\x" : "\\x");
		n = MIN(len + 1, n);
		raw = (struct bytes){raw.p + n, raw.len - n};
	}
}

void text_put_json(struct buf *b, const char *s)
{
	if (!s) {
		text_lit(b, "null");
		return;
	}
	buf_putc(b, '"');
	text_put(b, s, TEXT_JSON);
	buf_putc(b, '"');
}

void text_put_json_bool(struct buf *b, const char *name, bool is_so)
{
	buf_printf(b, ",\"%s\":%s", name, is_so ? "true" : "false");
}

void text_put_time(struct buf *b, uint64_t wall_ns, enum text_time form)
{
	time_t t = (time_t)(wall_ns / NS_PER_S);
	struct tm tm;
	char out[64];
	size_t len = 0;

	if (!localtime_r(&t, &tm))
		return;
	switch (form) {
	case TEXT_TIME_CTIME:
		len = strftime(out, sizeof(out), "%a %b %e %H:%M:%S %Y", &tm);
		break;
	case TEXT_TIME_MINUTE:
		len = strftime(out, sizeof(out), "%Y-%m-%d %H:%M %Z", &tm);
		break;
	case TEXT_TIME_CLOCK:
	case TEXT_TIME_N:
		len = strftime(out, sizeof(out), "%H:%M", &tm);
		break;
	}
	buf_put(b, out, len);
}

void text_put_latency(struct buf *b, uint64_t us)
{
	uint64_t unit = 1;
	unsigned decimals = 7;

	while (decimals > 0 && us * 10 / unit >= 100) {
		unit *= 10;
		decimals--;
	}
	text_put_seconds(b, us * NS_PER_US, decimals);
}

void text_put_seconds(struct buf *b, uint64_t ns, unsigned decimals)
{
	uint64_t unit = NS_PER_S, fraction;

	for (unsigned i = 0; i < decimals; i++)
		unit /= 10;
	ns += unit / 2;
	buf_put_u64(b, ns / NS_PER_S);
	if (!decimals)
		return;
	buf_putc(b, '.');
	fraction = ns % NS_PER_S;
	for (uint64_t digit = NS_PER_S / 10; digit >= unit; digit /= 10) {
		buf_putc(b, (char)('0' + fraction / digit));
		fraction %= digit;
	}
}

const char *text_outcome(const struct ev_scan_completed *c)
{
	return c->interrupted ? "interrupted" : c->broke_off ? "broke off" : "done";
}

void text_put_summary(struct buf *b, const struct out_totals *t, const struct ev_scan_completed *c)
{
	buf_put_u64(b, t->n_hosts);
	buf_puts(b, t->n_hosts == 1 ? " IP address (" : " IP addresses (");
	buf_put_u64(b, c->n_up);
	buf_puts(b, c->n_up == 1 ? " host up) scanned in " : " hosts up) scanned in ");
	text_put_seconds(b, c->elapsed_ns, 2);
	text_lit(b, " seconds");
}

/** A fraction as percent; never rounded into an interval, and never up to all of it. */
static void put_percent(struct buf *b, double fraction, int direction)
{
	double hundredths = fraction * 10000;
	uint64_t n = (uint64_t)(hundredths + 0.5);

	if (direction < 0)
		n = (uint64_t)(hundredths + 1e-9);
	else if (direction > 0 && (double)n < hundredths - 1e-9)
		n++;
	if (fraction < 1 && direction <= 0)
		n = MIN(n, 9999ull);
	if (n == 10000)
		text_lit(b, "100");
	else
		buf_printf(b, "%llu.%02llu", (unsigned long long)(n / 100),
			   (unsigned long long)(n % 100));
}

void text_put_coverage(struct buf *b, const struct ev_scan_completed *c)
{
	const struct scan_trust *t = c->trust;
	const struct coverage_estimate *e = &t->estimate;
	const char *what = t->is_of_hosts ? "hosts" : "ports";

	if (!e->is_known) {
		buf_printf(b, "Coverage: unknown, for no %s answered",
			   t->is_of_hosts ? "host" : "port");
		return;
	}
	text_lit(b, "Coverage: ");
	put_percent(b, e->estimate, 0);
	buf_printf(b, " %% of responsive %s found (95 %% interval ", what);
	put_percent(b, e->low, -1);
	buf_putc(b, '-');
	put_percent(b, e->high, 1);
	text_lit(b, " %); loss ");
	buf_printf(b, "%.1f %% each attempt", e->loss * 100);
	if (e->n_silent)
		buf_printf(b,
			   ", %.1f attempts; a filter that always drops is not visible to "
			   "repetition",
			   e->n_attempts);
	if (t->n_unknown_ports)
		buf_printf(b, "; %llu ports were not asked to the end",
			   (unsigned long long)t->n_unknown_ports);
}

void text_put_reason(struct buf *b, uint8_t reason, uint8_t ttl, const struct addr *from)
{
	char text[ADDR_TEXT_CAP];

	buf_puts(b, reason_name((enum reason)reason));
	if (from->family != ADDR_NONE) {
		text_lit(b, " from ");
		buf_puts(b, addr_format_bare(from, text));
	}
	if (ttl) {
		text_lit(b, " ttl ");
		buf_put_u64(b, ttl);
	}
}

void text_put_evidence(struct buf *b, const struct ev_evidence *e)
{
	buf_printf(b, "%s: %u of %u asked ports open", host_mark_name((enum host_mark)e->mark),
		   e->n_open, e->n_asked);
	if (e->n_zero)
		buf_printf(b, " (%u with window 0)", e->n_zero);
	if (e->n_canaries)
		buf_printf(b, ", %u of %u random ones", e->n_canaries_open, e->n_canaries);
	if (e->mark == HOST_SYN_PROXY)
		buf_printf(b, ", with TTL %u where other answers have %u", e->ttl_open,
			   e->ttl_other);
}

const struct port_bits *text_asked(const struct scan_info *scan, uint8_t proto)
{
	enum port_proto slot = port_proto_of(proto);

	for (uint32_t i = 0; scan->ports && slot != PORT_PROTO_N && i < scan->n_types; i++)
		if (scan->types[i]->proto == proto)
			return &scan->ports->of[slot];
	return NULL;
}

void text_put_port_bits(struct buf *b, const struct port_bits *bits)
{
	size_t len = bits ? port_bits_format(bits, NULL, 0) : 0;
	uint8_t *at = len ? buf_reserve(b, len + 1) : NULL;

	if (!at)
		return;
	port_bits_format(bits, (char *)at, len + 1);
	buf_advance(b, len);
}

const char *text_service(const struct out *o, uint8_t proto, uint16_t port, char out[32])
{
	return o->conf->service_name ? o->conf->service_name(o->conf->ctx, proto, port, out) : NULL;
}

const char *text_vendor(const struct out *o, const struct mac *mac)
{
	return o->conf->mac_vendor ? o->conf->mac_vendor(o->conf->ctx, mac) : NULL;
}
