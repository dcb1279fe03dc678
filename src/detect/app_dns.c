/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DNS: the answer to version.bind in class CHAOS, where name servers tell their software. Any other
 * answer to one whole question is only known to be DNS. Every record must lie inside the message.
 * Sources: RFC 1035 4.1, RFC 4892 (version.bind and its relatives).
 */
#include "detect/app.h"

#include <ctype.h>
#include <string.h>

enum { HEAD = 12, NAME_BYTES_MAX = 255, RECORDS_MAX = 32, TYPE_TXT = 16, CLASS_CHAOS = 3 };

static const struct software {
	const char *start; /* of the text; a version may follow */
	const char *product, *cpe;
} softwares[] = {
	{"dnsmasq-", "dnsmasq", "a:thekelleys:dnsmasq"}, /* Pi-hole's too: "pi-hole-2.87" */
	{"unbound ", "Unbound", "a:nlnetlabs:unbound"},
	{"NSD ", "NLnet Labs NSD", "a:nlnetlabs:nsd"},
	{"PowerDNS Authoritative Server ", "PowerDNS Authoritative Server",
	 "a:powerdns:authoritative"},
	{"PowerDNS Recursor ", "PowerDNS Recursor", "a:powerdns:recursor"},
	{"Knot DNS ", "Knot DNS", "a:nic:knot_dns"},
	{"Microsoft DNS ", "Microsoft DNS", NULL},
	{"CoreDNS-", "CoreDNS", NULL},
	{"BIND ", "ISC BIND", "a:isc:bind"},
	{"yadifa ", "YADIFA", NULL},
	{"gdnsd", "gdnsd", NULL},
	{"MaraDNS ", "MaraDNS", NULL},
	/* BIND says its bare version unless it is told otherwise */
	{"9.", "ISC BIND", "a:isc:bind"},
};

/** What BIND's packages put behind its version, "-" between: "9.11.4-P2-RedHat-9.11.4-26.P2.el7".
 */
static bool is_build(struct bytes version)
{
	static const char *const makers[] = {"Debian", "Ubuntu", "RedHat", "RH",       "ESV",
					     "SUSE",   "Fedora", "CentOS", "Raspbian", "dev"};

	while (version.len) {
		struct bytes word = app_until(version, "-");
		bool is_known = word.len < 2;
		for (size_t i = 0; i < word.len && !is_known; i++)
			is_known = isdigit(word.p[i]);
		for (size_t i = 0; i < ARRAY_LEN(makers) && !is_known; i++)
			is_known = app_equals(word, makers[i]);
		if (!is_known)
			return false;
		version = app_skip(version, word.len + 1);
	}
	return true;
}

/** The version behind a name, or all of a bare one. @return empty: the text, which is anybody's to
 * choose, is not what the program says. */
static struct bytes version_of(const struct software *s, struct bytes text)
{
	bool is_bare = isdigit(s->start[0]);
	struct bytes rest = is_bare ? text : app_skip(text, strlen(s->start)), v;
	bool is_pi_hole = app_starts(text, "dnsmasq-pi-hole-");

	v = app_version(is_pi_hole ? app_skip(rest, 8) : rest);
	if (is_pi_hole && v.len)
		v = (struct bytes){rest.p, v.len + 8};
	struct bytes behind = app_skip(rest, v.len);
	if (!is_build(is_pi_hole ? app_skip(v, 8) : v) ||
	    (behind.len && !app_starts(behind, " (") && !app_starts(behind, " <")))
		v.len = 0;
	return v;
}

static void read_version(struct app_facts *f, struct bytes text)
{
	struct bytes at;

	for (size_t i = 0; i < ARRAY_LEN(softwares); i++) {
		const struct software *s = &softwares[i];
		if (!app_starts(text, s->start))
			continue;
		struct bytes v = version_of(s, text);
		f->is_exact = !v.len && !app_equals(text, s->start);
		if (f->is_exact)
			break;
		app_puts(f, APP_PRODUCT, s->product);
		app_put(f, APP_VERSION, v);
		if (s->cpe)
			app_cpe(f, s->cpe,
				app_until(app_starts(v, "pi-hole-") ? app_skip(v, 8) : v, "-+~"));
		if (app_find(text, "~deb", &at) || app_find(text, "Debian", &at) ||
		    app_find(text, "Ubuntu", &at))
			app_os_of(f, app_text("Linux"));
		return;
	}
	app_addf(f, APP_EXTRAINFO, "version.bind: %.*s", (int)MIN(text.len, 100), text.p);
}

/** Pass over a name; @return false when it is none. @param ret_first its first label. */
static bool skip_name(struct cursor *c, struct bytes *ret_first)
{
	*ret_first = (struct bytes){c->p + c->pos, 0};
	for (size_t total = 0; total < NAME_BYTES_MAX;) {
		uint8_t len = cursor_u8(c);
		if (c->failed)
			return false;
		if (len >= 0xc0) {
			cursor_skip(c, 1);
			return !c->failed;
		}
		if (!len)
			return true;
		if (len > 63)
			return false;
		const uint8_t *label = cursor_take(c, len);
		if (!total)
			*ret_first = (struct bytes){label, len};
		total += len + 1u;
	}
	return false;
}

/** @return false when a record leaves the message. */
static bool read_record(struct cursor *c, bool wants_version, struct app_facts *f)
{
	struct bytes label;

	if (!skip_name(c, &label))
		return false;
	uint32_t type = cursor_u16(c), class = cursor_u16(c);
	cursor_skip(c, 4);
	uint32_t len = cursor_u16(c);
	const uint8_t *value = cursor_take(c, len);
	if (!value)
		return false;
	if (wants_version && type == TYPE_TXT && class == CLASS_CHAOS && len > 1 &&
	    value[0] < len && !f->field[APP_PRODUCT][0])
		read_version(f, (struct bytes){value + 1, value[0]});
	return true;
}

/** A message that fills @p in. */
static int message_parse(struct bytes in, struct app_facts *ret)
{
	struct cursor c = cursor_of(in.p, in.len);
	struct bytes label;

	if (in.len < HEAD + 5)
		return -E_SYNTAX;
	/* an answer, opcode QUERY, one question */
	if ((in.p[2] & 0xf8) != 0x80 || (in.p[3] & 0x40) || get_be16(in.p + 4) != 1)
		return -E_SYNTAX;
	uint32_t n = (uint32_t)get_be16(in.p + 6) + get_be16(in.p + 8) + get_be16(in.p + 10);
	cursor_skip(&c, HEAD);
	if (n > RECORDS_MAX || !skip_name(&c, &label))
		return -E_SYNTAX;
	uint32_t type = cursor_u16(&c), class = cursor_u16(&c);
	bool wants_version =
		type == TYPE_TXT && class == CLASS_CHAOS && app_equals(label, "version");
	if (c.failed || (class & 0x7fff) > 255)
		return -E_SYNTAX;
	ret->service = "domain";
	for (uint32_t i = 0; i < n; i++)
		if (!read_record(&c, wants_version && i < get_be16(in.p + 6), ret))
			return -E_SYNTAX;
	return cursor_left(&c) ? -E_SYNTAX : (int)in.len;
}

static int stream_parse(struct bytes in, struct app_facts *ret)
{
	if (in.len < 2)
		return 0;
	uint32_t len = get_be16(in.p);
	if (len < HEAD + 5)
		return -E_SYNTAX;
	if (in.len < len + 2)
		return in.len > 5 && !(in.p[4] & 0x80) ? -E_SYNTAX : 0;
	int n = message_parse((struct bytes){in.p + 2, len}, ret);
	return n > 0 ? n + 2 : n;
}

#define TEXT(t)                                                                                    \
	{                                                                                          \
		(const uint8_t *)(t), sizeof(t) - 1                                                \
	}
#define QUESTION "pr\0\0\0\1\0\0\0\0\0\0\7version\4bind\0\0\x10\0\3"

static const struct app_hello udp_hellos[] = {
	{TEXT(QUESTION), APP_UDP, {53, 5300, 5353}, "domain", NULL},

};
static const struct app_hello tcp_hellos[] = {
	{TEXT("\0\x1e" QUESTION), APP_TCP, {53, 853}, "domain", NULL},

};

const struct app_ops app_dns_udp = {.name = "dns-udp",
				    .help = "DNS answers, version.bind",
				    .protos = APP_UDP,
				    .hellos = udp_hellos,
				    .n_hellos = ARRAY_LEN(udp_hellos),
				    .parse = message_parse};
const struct app_ops app_dns_tcp = {.name = "dns-tcp",
				    .help = "DNS answers over TCP, version.bind",
				    .protos = APP_TCP,
				    .hellos = tcp_hellos,
				    .n_hellos = ARRAY_LEN(tcp_hellos),
				    .parse = stream_parse};
