/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Texts with marks of their own: NATS INFO, XMPP streams, Subversion's and Git's answers; and SMB2,
 * whose negotiation tells dialect and clock.
 * Sources: NATS client protocol (INFO), RFC 6120 4.2 and 4.9, Subversion's ra_svn protocol notes,
 * gitprotocol-pack(5), [MS-SMB2] 2.2.1 and 2.2.4.
 */
#include "detect/app.h"
#include "detect/naming.h"

#include <string.h>

enum { TEXT_BYTES_MAX = 4096 };

static int nats_parse(struct bytes in, struct app_facts *ret)
{
	struct bytes left = in, line;
	int is = app_magic(in, "INFO {\"", 7);

	if (is <= 0)
		return is;
	if (!app_line(&left, &line))
		return in.len < TEXT_BYTES_MAX ? 0 : -E_SYNTAX;
	struct bytes id = app_between(line, "\"server_id\":\"", "\"");
	struct bytes v = app_version(app_between(line, "\"version\":\"", "\""));
	if (!id.len || !v.len)
		return -E_SYNTAX;
	ret->service = "nats";
	app_puts(ret, APP_PRODUCT, "NATS server");
	app_put(ret, APP_VERSION, v);
	app_cpe(ret, "a:nats:nats", v);
	return (int)(in.len - left.len);
}

/** Programs by words that only they say. */
static const struct {
	const char *text, *product, *cpe;
} xmpp_words[] = {
	{"This server does not serve ", "Prosody", "a:prosody:prosody"},
	{"This host does not serve ", "Prosody", "a:prosody:prosody"},
	{"ejabberd", "ejabberd", "a:process-one:ejabberd"},
};

static int xmpp_parse(struct bytes in, struct app_facts *ret)
{
	struct bytes at, tag;

	if (in.len && in.p[0] != '<')
		return -E_SYNTAX;
	if (!app_find(in, "<stream:stream", &at))
		return in.len < 512 ? 0 : -E_SYNTAX;
	tag = app_until(at, ">");
	if (!app_find(tag, "http://etherx.jabber.org/streams", &at))
		return tag.len < 512 ? 0 : -E_SYNTAX;
	bool is_server = app_find(tag, "jabber:server", &at);
	ret->service = is_server ? "xmpp-server" : "xmpp-client";
	struct bytes from = app_between(tag, "from=", " >");
	if (from.len > 2 && !app_find(from, "prtip.invalid", &at))
		app_put(ret, APP_HOSTNAME, (struct bytes){from.p + 1, from.len - 2});
	for (size_t i = 0; i < ARRAY_LEN(xmpp_words); i++)
		if (app_find(in, xmpp_words[i].text, &at) &&
		    !naming_is_host(in, (struct bytes){at.p, strlen(xmpp_words[i].text)},
				    (struct bytes){in.p, 0})) {
			app_puts(ret, APP_PRODUCT, xmpp_words[i].product);
			app_cpe(ret, xmpp_words[i].cpe, (struct bytes){NULL, 0});
			return (int)in.len;
		}
	return app_find(in, "</stream:stream>", &at) ? (int)in.len : 0;
}

/** "( success ( MIN MAX ( MECHANISMS ) ( CAPABILITIES ) ) ) ". */
static int svn_parse(struct bytes in, struct app_facts *ret)
{
	struct bytes at;
	int is = app_magic(in, "( success ( ", 12);

	if (is <= 0)
		return is;
	if (!app_find(in, ") ) ) ", &at))
		return in.len < TEXT_BYTES_MAX ? 0 : -E_SYNTAX;
	struct bytes low = app_version(app_skip(in, 12));
	struct bytes high = app_version(app_skip(in, 12 + low.len + 1));
	if (!low.len || !high.len || !app_find(in, "edit-pipeline", &at))
		return -E_SYNTAX;
	ret->service = "svnserve";
	app_puts(ret, APP_PRODUCT, "Subversion");
	app_putf(ret, APP_EXTRAINFO, "protocol version %.*s", (int)MIN(high.len, 4), high.p);
	app_cpe(ret, "a:apache:subversion", (struct bytes){NULL, 0});
	return (int)in.len;
}

/** A packet line with an error: four hexadecimal digits, "ERR ". */
static int git_parse(struct bytes in, struct app_facts *ret)
{
	uint32_t len = 0;

	for (size_t i = 0; i < 4 && i < in.len; i++) {
		const char *digit = in.p[i] ? strchr("0123456789abcdef", in.p[i]) : NULL;
		if (!digit)
			return -E_SYNTAX;
		len = len << 4 | (uint32_t)(digit - "0123456789abcdef");
	}
	if (in.len < 8)
		return 0;
	if (memcmp(in.p + 4, "ERR ", 4) != 0 || len < 10 || len > 1024)
		return -E_SYNTAX;
	if (in.len < len)
		return 0;
	ret->service = "git";
	app_put(ret, APP_EXTRAINFO, app_until((struct bytes){in.p + 8, len - 8}, ":\r\n"));
	return (int)len;
}

/* --- SMB2 ----------------------------------------------------------------------------- */

static const struct {
	uint16_t dialect;
	const char *name;
} dialects[] = {{0x0202, "2.0.2"}, {0x0210, "2.1"},   {0x0300, "3.0"},
		{0x0302, "3.0.2"}, {0x0311, "3.1.1"}, {0x02ff, "2.x"}};

/** Negotiate response: session header, 64 bytes of header, 65 of body. */
static int smb_parse(struct bytes in, struct app_facts *ret)
{
	enum { HEAD = 4 + 64, DIALECT_AT = HEAD + 4, SECURITY_AT = HEAD + 2, BYTES = HEAD + 64 };

	if (in.len < 12)
		return in.len && in.p[0] ? -E_SYNTAX : 0;
	uint32_t len = get_be32(in.p);
	if (len < BYTES - 4 || len > 65536 || memcmp(in.p + 4, "\xfeSMB\x40\0", 6) != 0)
		return -E_SYNTAX;
	if (in.len < BYTES)
		return 0;
	/* command 0, no error, structure of 65 bytes */
	if (memcmp(in.p + 12, "\0\0\0\0\0\0", 6) != 0 || memcmp(in.p + HEAD, "\x41\0", 2) != 0)
		return -E_SYNTAX;
	uint32_t dialect = (uint32_t)(in.p[DIALECT_AT] | in.p[DIALECT_AT + 1] << 8);
	for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
		if (dialects[i].dialect != dialect)
			continue;
		ret->service = "microsoft-ds";
		app_putf(ret, APP_EXTRAINFO, "SMB %s; signing %s", dialects[i].name,
			 in.p[SECURITY_AT] & 2 ? "required" : "enabled");
		return (int)MIN((size_t)len + 4, in.len);
	}
	return -E_SYNTAX;
}

#define TEXT(t)                                                                                    \
	{                                                                                          \
		(const uint8_t *)(t), sizeof(t) - 1                                                \
	}
#define STREAM(ns)                                                                                 \
	TEXT("<?xml version='1.0'?><stream:stream to='prtip.invalid' xmlns='" ns                   \
	     "' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")

static const struct app_hello xmpp_hellos[] = {
	{STREAM("jabber:client"), APP_TCP, {5222, 5223}, "xmpp-client jabber xmpp", NULL},
	{STREAM("jabber:server"), APP_TCP, {5269, 5270}, "xmpp-server", NULL},
};
static const struct app_hello git_hellos[] = {
	{TEXT("0036git-upload-pack /prtip-no-such\0host=prtip.invalid\0"),
	 APP_TCP,
	 {9418},
	 NULL,
	 NULL},
};
/* [MS-SMB2] 2.2.3: dialects 2.0.2, 2.1, 3.0, 3.0.2 */
#define SMB_NEGOTIATE                                                                              \
	TEXT("\x00\x00\x00l\xfeSMB@\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00"                   \
	     "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xfe\x00\x00"    \
	     "\x00\x00\x00\x00"                                                                    \
	     "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"    \
	     "\x00\x00\x00\x00"                                                                    \
	     "$\x00\x04\x00\x01\x00\x00\x00\x00\x00\x00\x00"                                       \
	     "prtip-prtip-prti"                                                                    \
	     "\x00\x00\x00\x00\x00\x00\x00\x00\x02\x02\x10\x02\x00\x03\x02\x03")
static const struct app_hello smb_hellos[] = {
	{SMB_NEGOTIATE, APP_TCP, {445}, "microsoft-ds", ""},
};

const struct app_ops app_nats = {
	.name = "nats", .help = "NATS INFO", .protos = APP_TCP, .parse = nats_parse};
const struct app_ops app_svn = {
	.name = "svn", .help = "Subversion greeting", .protos = APP_TCP, .parse = svn_parse};
const struct app_ops app_xmpp = {.name = "xmpp",
				 .help = "XMPP stream headers and errors",
				 .protos = APP_TCP,
				 .hellos = xmpp_hellos,
				 .n_hellos = ARRAY_LEN(xmpp_hellos),
				 .parse = xmpp_parse};
const struct app_ops app_git = {.name = "git",
				.help = "Git daemon's refusals",
				.protos = APP_TCP,
				.hellos = git_hellos,
				.n_hellos = ARRAY_LEN(git_hellos),
				.parse = git_parse};
const struct app_ops app_smb = {.name = "smb2",
				.help = "SMB2 negotiation",
				.protos = APP_TCP,
				.hellos = smb_hellos,
				.n_hellos = ARRAY_LEN(smb_hellos),
				.parse = smb_parse};
