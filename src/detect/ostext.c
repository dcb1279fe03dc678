/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A fingerprint as text, as nmap prints it for people to send in and for tools to read, and back.
 * Source: nmap's book, "Decoding the Subject Fingerprint Format".
 */
#include "detect/osmatch.h"

/** Characters of a line, "OS:" among them. */
enum { WRAP_COLUMNS = 75, PREFIX_LEN = 3 };

static void put_port(struct buf *b, const char *name, uint16_t port)
{
	buf_printf(b, "%%%s=", name);
	if (port)
		buf_put_u64(b, port);
}

static void put_scan_line(struct buf *b, const struct os_scan_line *s)
{
	buf_printf(b, "SCAN(V=%s%%E=4%%D=%d/%d", s->version, s->month, s->day);
	put_port(b, "OT", s->open_tcp);
	put_port(b, "CT", s->closed_tcp);
	put_port(b, "CU", s->closed_udp);
	buf_printf(b, "%%PV=%c", s->is_private ? 'Y' : 'N');
	if (s->distance >= 0)
		buf_printf(b, "%%DS=%d%%DC=%c", s->distance, s->distance_by);
	else if (s->distance_guess >= 0)
		buf_printf(b, "%%DG=%d", s->distance_guess);
	buf_printf(b, "%%G=%c", s->is_good ? 'Y' : 'N');
	if (s->mac)
		buf_printf(b, "%%M=%02X%02X%02X", s->mac->b[0], s->mac->b[1], s->mac->b[2]);
	buf_printf(b, "%%TM=%llX%%P=%s)", (unsigned long long)s->time_s, s->platform);
}

static void put_test(struct buf *b, const struct os_print *p, enum os_test test)
{
	bool is_first = true;

	if (!p->has[test])
		return;
	buf_printf(b, "%s(", os_tests[test].name);
	for (uint32_t i = 0; i < os_tests[test].n_attrs; i++) {
		if (!(p->has[test] >> i & 1))
			continue;
		buf_printf(b, "%s%s=%s", is_first ? "" : "%", os_tests[test].attrs[i],
			   p->value[test][i]);
		is_first = false;
	}
	buf_putc(b, ')');
}

void os_print_format(const struct os_print *p, const struct os_scan_line *s, struct buf *b)
{
	struct buf flat;

	buf_init(&flat, 16384);
	put_scan_line(&flat, s);
	for (int i = 0; i < OS_TEST_N; i++)
		put_test(&flat, p, (enum os_test)i);
	for (size_t at = 0; at < flat.len; at += WRAP_COLUMNS - PREFIX_LEN) {
		buf_puts(b, at ? "\nOS:" : "OS:");
		buf_put(b, flat.p + at, MIN(flat.len - at, (size_t)WRAP_COLUMNS - PREFIX_LEN));
	}
	buf_fini(&flat);
}

/* --- back ---------------------------------------------------------------------------- */

/** The text without "OS:" at the beginning of lines and without line ends. */
static void unwrap(struct bytes text, struct buf *flat)
{
	bool at_start = true;

	for (size_t i = 0; i < text.len; i++) {
		if (at_start && text.len - i >= PREFIX_LEN && !memcmp(text.p + i, "OS:", 3)) {
			i += PREFIX_LEN - 1;
			at_start = false;
			continue;
		}
		at_start = text.p[i] == '\n';
		if (!strchr("\r\n", text.p[i]) || !text.p[i])
			buf_putc(flat, (char)text.p[i]);
	}
}

static int read_attrs(struct os_print *p, enum os_test test, struct bytes left)
{
	struct bytes v;
	int attr;

	while (left.p && left.len) {
		attr = os_line_next(test, &left, &v);
		if (attr < 0 || v.len >= OS_VALUE_CAP)
			return -E_SYNTAX;
		p->has[test] |= (uint16_t)(1u << attr);
		memcpy(p->value[test][attr], v.p, v.len);
		p->value[test][attr][v.len] = 0;
	}
	return 0;
}

static int read_tests(struct cursor *c, struct os_print *p)
{
	while (cursor_left(c)) {
		const uint8_t *at = c->p + c->pos;
		size_t left = cursor_left(c);
		const uint8_t *open = memchr(at, '(', left);
		const uint8_t *close = open ? memchr(open, ')', left - (size_t)(open - at)) : NULL;
		if (!close)
			return -E_SYNTAX;
		struct bytes name = {at, (size_t)(open - at)};
		struct bytes body = {open + 1, (size_t)(close - open - 1)};
		int test = os_test_find(name);
		if (test < 0 && (name.len != 4 || memcmp(name.p, "SCAN", 4)))
			return -E_SYNTAX;
		if (test >= 0 && read_attrs(p, (enum os_test)test, body) < 0)
			return -E_SYNTAX;
		c->pos += (size_t)(close + 1 - at);
	}
	return 0;
}

int os_print_parse(struct bytes text, struct os_print *ret, struct err_where *reterr)
{
	struct os_print p = {0};
	struct buf flat;

	buf_init(&flat, 65536);
	unwrap(text, &flat);
	struct cursor c = cursor_of(flat.p, flat.len);
	int err = flat.error ? flat.error : read_tests(&c, &p);
	if (!err)
		*ret = p;
	else
		err = err_at(reterr, err, (const char *)flat.p + c.pos, cursor_left(&c),
			     (uint32_t)c.pos + 1, "want tests such as T1(R=Y%%DF=N)");
	buf_fini(&flat);
	return err;
}
