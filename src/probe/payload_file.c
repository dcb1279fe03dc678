/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reader of nmap-payloads' grammar: entries "udp PORTS "TEXT" "TEXT"... [source N]" over any
 * number of lines, comments from # to the end of the line. Words that are no entry are keywords of
 * the entry before: they and the rest of their line are passed over, as the file's own header asks
 * for; one in front of a quoted text is a misspelt entry.
 */
#include "probe/payload.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

struct reader {
	const char *s;
	size_t len, pos, line_start;
	uint32_t line;
	struct err_where *err;
	struct port_bits *ports;
	uint8_t bytes[PAYLOAD_LEN_MAX];
	size_t n;
};

static int refuse(struct reader *r, int code, size_t at, size_t len, const char *want)
{
	size_t end = at;

	while (end < r->len && end < at + len && r->s[end] != '\n')
		end++;
	err_at(r->err, code, r->s + at, end - at, (uint32_t)(at - r->line_start) + 1, "%s", want);
	if (r->err)
		r->err->line = r->line;
	return code;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_line(struct reader *r)
{
	while (r->pos < r->len && r->s[r->pos] != '\n')
		r->pos++;
}

/** To the next token. */
static void skip_blank(struct reader *r)
{
	for (; r->pos < r->len; r->pos++) {
		if (r->s[r->pos] == '#')
			skip_line(r);
		if (r->pos == r->len)
			return;
		if (!is_blank(r->s[r->pos]))
			return;
		if (r->s[r->pos] == '\n') {
			r->line++;
			r->line_start = r->pos + 1;
		}
	}
}

/** Bytes of the word here. */
static size_t word_len(const struct reader *r)
{
	size_t n = 0;

	while (r->pos + n < r->len && !is_blank(r->s[r->pos + n]) && r->s[r->pos + n] != '"' &&
	       r->s[r->pos + n] != '#')
		n++;
	return n;
}

/** Decimal up to 65535. @return -1 without digits, -2 when larger. */
static int32_t read_port(const struct reader *r, size_t *at, size_t end)
{
	uint32_t v = 0;
	size_t start = *at;

	for (; *at < end && r->s[*at] >= '0' && r->s[*at] <= '9'; ++*at)
		v = MIN(v * 10 + (uint32_t)(r->s[*at] - '0'), UINT16_MAX + 1u);
	return *at == start ? -1 : v > UINT16_MAX ? -2 : (int32_t)v;
}

#define WANT_PORTS "want ports such as 53,69 or 27910-27914"

static int read_ports(struct reader *r)
{
	size_t at = r->pos, end = at + word_len(r);

	memset(r->ports, 0, sizeof(*r->ports));
	do {
		size_t item = at;
		int32_t lo = read_port(r, &at, end), hi = lo;
		if (lo >= 0 && at < end && r->s[at] == '-') {
			at++;
			hi = read_port(r, &at, end);
		}
		if (lo < 0 || hi < lo || (at < end && r->s[at] != ','))
			return refuse(r, -E_SYNTAX, item, MAX(end - item, 1u), WANT_PORTS);
		for (int32_t port = lo; port <= hi; port++)
			port_bits_add(r->ports, (uint16_t)port);
	} while (at++ < end);
	r->pos = end;
	return 0;
}

#define WANT_ESCAPE "want \\xHH, \\0, \\\\, \\\" or one of \\a \\b \\f \\n \\r \\t \\v"

/** Behind a backslash. @return the byte or -E_SYNTAX. */
static int read_escape(struct reader *r)
{
	static const char from[] = "abfnrtv0\\\"'", to[] = "\a\b\f\n\r\t\v\0\\\"'";
	size_t start = r->pos - 1;
	const char *hit;

	if (r->len - r->pos >= 3 && r->s[r->pos] == 'x') {
		int hi = hex_digit(r->s[r->pos + 1]), lo = hex_digit(r->s[r->pos + 2]);
		if (hi < 0 || lo < 0)
			return refuse(r, -E_SYNTAX, start, 4, WANT_ESCAPE);
		r->pos += 3;
		return hi << 4 | lo;
	}
	hit = r->pos < r->len ? memchr(from, r->s[r->pos], sizeof(from) - 1) : NULL;
	if (!hit)
		return refuse(r, -E_SYNTAX, start, 2, WANT_ESCAPE);
	r->pos++;
	return (uint8_t)to[hit - from];
}

/** A quoted text, appended to the request. */
static int read_text(struct reader *r)
{
	size_t start = r->pos++;

	for (;;) {
		if (r->pos >= r->len || r->s[r->pos] == '\n')
			return refuse(r, -E_SYNTAX, start, 40, "want a closing quote on this line");
		int c = (uint8_t)r->s[r->pos++];
		if (c == '"')
			return 0;
		if (c == '\\' && (c = read_escape(r)) < 0)
			return c;
		if (r->n == sizeof(r->bytes))
			return refuse(r, -E_RANGE, start, 40, "want at most 1232 bytes in all");
		r->bytes[r->n++] = (uint8_t)c;
	}
}

static int read_entry(struct reader *r, struct payloads *p)
{
	size_t start = r->pos, start_line = r->line_start;
	uint32_t line = r->line;
	uint32_t n_texts = 0;
	int err;

	r->pos += strlen("udp");
	skip_blank(r);
	err = read_ports(r);
	r->n = 0;
	while (!err) {
		skip_blank(r);
		if (r->pos == r->len || r->s[r->pos] != '"')
			break;
		err = read_text(r);
		n_texts++;
	}
	if (err)
		return err;
	if (!n_texts)
		return refuse(r, -E_SYNTAX, r->pos, MAX(word_len(r), 1u),
			      "want the payload as \"text\" with \\x00 escapes");
	err = payloads_add(p, r->ports, (struct bytes){r->bytes, r->n});
	if (err == -E_FULL) {
		r->line = line;
		r->line_start = start_line;
		refuse(r, err, start, 40, "want at most 15 payloads for one port");
	}
	return err;
}

static bool is_entry(const struct reader *r)
{
	return word_len(r) == 3 && memcmp(r->s + r->pos, "udp", 3) == 0;
}

/** A keyword of an entry and its data. */
static int pass_keyword(struct reader *r, bool has_entry)
{
	size_t start = r->pos;

	skip_line(r);
	if (has_entry && r->s[start] != '"' && !memchr(r->s + start, '"', r->pos - start))
		return 0;
	return refuse(r, -E_SYNTAX, start, 24, "want udp, ports and \"text\"");
}

int payload_file_parse(struct payloads *p, const char *text, size_t len, struct err_where *reterr)
{
	CLEANUP(mem_freep) struct reader *r = mem_alloc(1, sizeof(*r));
	CLEANUP(mem_freep) struct port_bits *ports = mem_alloc(1, sizeof(*ports));
	bool has_entry = false;
	int err = 0;

	if (!r || !ports)
		return -ENOMEM;
	*r = (struct reader){.s = text, .len = len, .line = 1, .err = reterr, .ports = ports};
	while (!err) {
		skip_blank(r);
		if (r->pos == r->len)
			return 0;
		bool is_one = is_entry(r);
		err = is_one ? read_entry(r, p) : pass_keyword(r, has_entry);
		has_entry |= is_one;
	}
	return err;
}
