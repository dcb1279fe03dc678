/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fingerprints of unknown services. Bytes are written as a pattern of a probe file would have to
 * write them.
 * Source: nmap's reference, "Service and version detection", community contributions (form of the
 * fingerprint), observed on 7.93.
 */
#include "detect/answers.h"

#include "base/clock.h"
#include "wire/addr.h"

#include <ctype.h>
#include <time.h>

void answers_init(struct answers *a)
{
	buf_init(&a->text, ANSWERS_BYTES_MAX + 4 * ANSWER_BYTES_MAX + 64);
}

void answers_fini(struct answers *a)
{
	buf_fini(&a->text);
}

/** @param next the byte that follows, 0 at the end. */
static void put_byte(struct buf *b, uint8_t c, uint8_t next)
{
	static const char special[] = "\\?\"[]().*+$^|";
	static const struct {
		uint8_t c;
		char text[3];
	} named[] = {{'\r', "\\r"}, {'\n', "\\n"}, {'\t', "\\t"}};

	for (size_t i = 0; i < ARRAY_LEN(named); i++) {
		if (c == named[i].c) {
			buf_puts(b, named[i].text);
			return;
		}
	}
	if (c == 0 && !isdigit(next)) {
		buf_puts(b, "\\0");
	} else if (c < 0x21 || c > 0x7e) {
		buf_printf(b, "\\x%02x", c);
	} else {
		if (strchr(special, c))
			buf_putc(b, '\\');
		buf_putc(b, (char)c);
	}
}

void answers_add(struct answers *a, struct bytes probe_name, struct bytes answer)
{
	struct buf *b = &a->text;

	if (!answer.len || b->len >= ANSWERS_BYTES_MAX)
		return;
	buf_puts(b, "%r(");
	buf_put(b, probe_name.p, probe_name.len);
	buf_printf(b, ",%zX,\"", answer.len);
	for (size_t i = 0, n = MIN(answer.len, (size_t)ANSWER_BYTES_MAX); i < n; i++)
		put_byte(b, answer.p[i], i + 1 < n ? answer.p[i + 1] : 0);
	buf_puts(b, "\")");
}

void answers_put(const struct answers *a, const struct answers_head *h, struct buf *out)
{
	time_t s = (time_t)(h->wall_ns / NS_PER_S);
	struct tm tm;

	if (!a->text.len || a->text.error || !localtime_r(&s, &tm))
		return;
	buf_printf(out, "SF-Port%u-%s:V=%s%s%%I=%u%%D=%d/%d%%Time=%llX%%P=prtip", h->port,
		   h->proto == PROTO_UDP ? "UDP" : "TCP", h->version, h->is_tls ? "%T=SSL" : "",
		   h->intensity, tm.tm_mon + 1, tm.tm_mday, (unsigned long long)s);
	buf_put(out, a->text.p, a->text.len);
	buf_putc(out, ';');
}
