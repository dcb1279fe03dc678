/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Servers of lines that tell their version when asked by a word of their own, and HTTP/2 without
 * TLS, which says nothing else: Network UPS Tools, Munin, Gearman, beanstalkd.
 * Sources: NUT developer guide 9.1 (VER), Munin's node protocol (version), Gearman's administrative
 * protocol (version), beanstalkd's doc/protocol.txt (UNKNOWN_COMMAND, stats), RFC 9113 3.4 and 6.5.
 */
#include "detect/app.h"

#include <ctype.h>
#include <string.h>

enum { STATS_BYTES_MAX = 4096 };

#define TEXT(t)                                                                                    \
	{                                                                                          \
		(const uint8_t *)(t), sizeof(t) - 1                                                \
	}

/** A line that begins with @p start and has a version behind @p before. @return its length with
 * the end of the line, 0: not whole, -E_SYNTAX: another protocol. */
static int version_line(struct bytes in, const char *start, const char *before,
			struct bytes *ret_version)
{
	struct bytes left = in, line, at;
	int is = app_magic(in, start, strlen(start));

	if (is <= 0)
		return is;
	if (!app_line(&left, &line))
		return in.len < APP_FIELD_BYTES_MAX ? 0 : -E_SYNTAX;
	if (!app_find(line, before, &at))
		return -E_SYNTAX;
	*ret_version = app_version(app_skip(at, strlen(before)));
	return ret_version->len ? (int)(in.len - left.len) : -E_SYNTAX;
}

static void put_program(struct app_facts *f, const char *service, const char *product,
			struct bytes version)
{
	f->service = service;
	app_puts(f, APP_PRODUCT, product);
	app_put(f, APP_VERSION, version);
}

static int nut_parse(struct bytes in, struct app_facts *ret)
{
	struct bytes v;
	int n = version_line(in, "Network UPS Tools upsd ", "upsd ", &v);

	if (n > 0)
		put_program(ret, "upsd", "Network UPS Tools upsd", v);
	return n;
}

/** "# munin node at HOST" greets, "munins node on HOST version: 2.0.73" answers. */
static int munin_parse(struct bytes in, struct app_facts *ret)
{
	struct bytes left = in, line, v;
	int is = app_magic(in, "# munin node at ", 16), n;

	if (is > 0) {
		if (!app_line(&left, &line))
			return in.len < APP_FIELD_BYTES_MAX ? 0 : -E_SYNTAX;
		put_program(ret, "munin", "Munin", (struct bytes){in.p, 0});
		if (!memchr(line.p + 16, ' ', line.len - 16))
			app_put(ret, APP_HOSTNAME, app_skip(line, 16));
		n = left.len ? version_line(left, "munins node on ", " version: ", &v) : 0;
		if (n <= 0)
			return n;
		app_put(ret, APP_VERSION, v);
		return (int)(in.len - left.len) + n;
	}
	return is;
}

/** The answer to "version": "OK 1.1.20". */
static int gearman_parse(struct bytes in, struct app_facts *ret)
{
	struct bytes v;
	int n = version_line(in, "OK ", "OK ", &v);

	if (n > 0)
		put_program(ret, "gearman", "Gearman Job Queue System", v);
	return n;
}

/** Whatever is not a command is answered by the same word; statistics are YAML behind "OK N". */
static int beanstalk_parse(struct bytes in, struct app_facts *ret)
{
	static const char unknown[] = "UNKNOWN_COMMAND\r\n";
	struct bytes v, at;
	int is = app_magic(in, unknown, sizeof(unknown) - 1);

	if (is >= 0) {
		if (is > 0)
			put_program(ret, "beanstalkd", "beanstalkd", (struct bytes){in.p, 0});
		return is > 0 ? (int)sizeof(unknown) - 1 : 0;
	}
	if ((is = app_magic(in, "OK ", 3)) <= 0)
		return is;
	if (!app_find(in, "\ncurrent-tubes: ", &at) || !app_find(in, "\nversion: ", &at))
		return in.len < STATS_BYTES_MAX ? 0 : -E_SYNTAX;
	at = app_skip(at, 10);
	v = app_version(app_skip(at, at.len && at.p[0] == '"'));
	if (!app_find(at, "\n", &at))
		return in.len < STATS_BYTES_MAX ? 0 : -E_SYNTAX;
	put_program(ret, "beanstalkd", "beanstalkd", v);
	return (int)(in.len - at.len);
}

/** A server's preface is a SETTINGS frame on stream 0, said unasked: pairs of 16 and 32 bits. */
static int http2_parse(struct bytes in, struct app_facts *ret)
{
	enum { HEAD = 9, SETTINGS = 4, SETTINGS_MAX = 16, PAIR = 6 };

	int is = app_magic(in, "\0\0", 2);
	if (is <= 0 || in.len < HEAD)
		return is < 0 ? is : 0;
	size_t len = in.p[2];
	if (len % PAIR || len > SETTINGS_MAX * PAIR || memcmp(in.p + 3, "\x04\0\0\0\0\0", 6) != 0)
		return -E_SYNTAX;
	if (in.len < HEAD + len)
		return 0;
	for (size_t at = HEAD; at < HEAD + len; at += PAIR) /* the known ones end at 9 */
		if (in.p[at] || !in.p[at + 1] || in.p[at + 1] > SETTINGS_MAX)
			return -E_SYNTAX;
	ret->service = "http";
	app_puts(ret, APP_EXTRAINFO, "HTTP/2");
	return (int)(HEAD + len);
}

static const struct app_hello nut_hellos[] = {
	{TEXT("VER\n"), APP_TCP, {3493}, "upsd nut ups", NULL},
};
static const struct app_hello munin_hellos[] = {
	{TEXT("version\n"), APP_TCP, {4949}, "munin", NULL},
};
static const struct app_hello gearman_hellos[] = {
	{TEXT("version\r\n"), APP_TCP, {4730}, "gearman", NULL},
};
static const struct app_hello beanstalk_hellos[] = {
	{TEXT("stats\r\n"), APP_TCP, {11300}, "beanstalkd", NULL},
};

const struct app_ops app_nut = {.name = "nut",
				.help = "Network UPS Tools' version",
				.protos = APP_TCP,
				.hellos = nut_hellos,
				.n_hellos = ARRAY_LEN(nut_hellos),
				.parse = nut_parse};
const struct app_ops app_munin = {.name = "munin",
				  .help = "Munin node's greeting and version",
				  .protos = APP_TCP,
				  .hellos = munin_hellos,
				  .n_hellos = ARRAY_LEN(munin_hellos),
				  .parse = munin_parse};
const struct app_ops app_gearman = {.name = "gearman",
				    .help = "Gearman's version",
				    .protos = APP_TCP,
				    .is_asked_only = true,
				    .hellos = gearman_hellos,
				    .n_hellos = ARRAY_LEN(gearman_hellos),
				    .parse = gearman_parse};
const struct app_ops app_beanstalk = {.name = "beanstalkd",
				      .help = "beanstalkd's refusal and statistics",
				      .protos = APP_TCP,
				      .hellos = beanstalk_hellos,
				      .n_hellos = ARRAY_LEN(beanstalk_hellos),
				      .parse = beanstalk_parse};
const struct app_ops app_http2 = {
	.name = "http2", .help = "HTTP/2 server preface", .protos = APP_TCP, .parse = http2_parse};
