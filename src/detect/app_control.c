/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Consoles by which programs and machines are controlled, one line of text at a time: FreeSWITCH's
 * event socket, clamd, the log-in of MikroTik's routers. Each has a mark of its own in the first
 * line, of words that stand in nobody else's. Sources: FreeSWITCH mod_event_socket, clamd(8), what
 * RouterOS sends.
 */
#include "detect/app.h"

#include <string.h>

enum { LINE_BYTES_MAX = 512 };

static int freeswitch_parse(struct bytes in, struct app_facts *ret)
{
	static const char mark[] = "Content-Type: auth/request\n\n";
	int is = app_magic(in, mark, sizeof(mark) - 1);

	if (is <= 0)
		return is;
	ret->service = "freeswitch-event";
	app_puts(ret, APP_PRODUCT, "FreeSWITCH mod_event_socket");
	app_cpe(ret, "a:freeswitch:freeswitch", (struct bytes){NULL, 0});
	return sizeof(mark) - 1;
}

/** "ClamAV 0.103.8/26856/Mon Mar 27 07:24:04 2023" */
static int clam_parse(struct bytes in, struct app_facts *ret)
{
	static const char mark[] = "ClamAV ";
	struct bytes left = in, line;
	int is = app_magic(in, mark, sizeof(mark) - 1);

	if (is <= 0)
		return is;
	if (!app_line(&left, &line))
		return in.len < LINE_BYTES_MAX ? 0 : -E_SYNTAX;
	struct bytes v = app_version(app_skip(line, sizeof(mark) - 1));
	struct bytes rest = app_skip(line, sizeof(mark) - 1 + v.len);
	if (!v.len || !memchr(v.p, '.', v.len) || (rest.len && rest.p[0] != '/'))
		return -E_SYNTAX;
	ret->service = "clam";
	app_puts(ret, APP_PRODUCT, "ClamAV");
	app_put(ret, APP_VERSION, v);
	app_cpe(ret, "a:clamav:clamav", v);
	struct bytes base = app_until(app_skip(rest, 1), "/");
	if (base.len)
		app_putf(ret, APP_EXTRAINFO, "signatures %.*s", (int)MIN(base.len, 16), base.p);
	return (int)(in.len - left.len);
}

/** "MikroTik v6.48.6 (stable)\r\nLogin: " */
static int routeros_parse(struct bytes in, struct app_facts *ret)
{
	static const char mark[] = "MikroTik v";
	struct bytes left = in, line, at;
	int is = app_magic(in, mark, sizeof(mark) - 1);

	if (is <= 0)
		return is;
	if (!app_line(&left, &line) || !app_find(left, "Login:", &at))
		return in.len < LINE_BYTES_MAX ? 0 : -E_SYNTAX;
	struct bytes v = app_version(app_skip(line, sizeof(mark) - 1));
	if (!v.len || app_trim(app_until(left, "L")).len)
		return -E_SYNTAX;
	ret->service = "telnet";
	app_puts(ret, APP_PRODUCT, "MikroTik router config telnetd");
	app_put(ret, APP_VERSION, v);
	app_puts(ret, APP_OSTYPE, "RouterOS");
	return (int)in.len;
}

static const struct app_hello clam_hellos[] = {
	{{(const uint8_t *)"VERSION\n", 8}, APP_TCP, {3310}, "clam", NULL},
};

const struct app_ops app_freeswitch = {.name = "freeswitch-event",
				       .help = "FreeSWITCH event socket",
				       .protos = APP_TCP,
				       .parse = freeswitch_parse};
const struct app_ops app_clam = {.name = "clam",
				 .help = "clamd's version",
				 .protos = APP_TCP,
				 .hellos = clam_hellos,
				 .n_hellos = ARRAY_LEN(clam_hellos),
				 .parse = clam_parse};
const struct app_ops app_routeros = {.name = "routeros",
				     .help = "log-in of MikroTik RouterOS",
				     .protos = APP_TCP,
				     .parse = routeros_parse};
