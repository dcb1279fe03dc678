/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Binary protocols with a mark of their own: AMQP, MQTT, RFB, X11, RDP, SMB2, STUN, DNS, NTP
 * control, SOCKS 5, OpenVPN, AJP, the Erlang port mapper, telnet options; and texts with one: NATS,
 * XMPP, Subversion, Git.
 * What has no mark strong enough (two bytes of SOCKS) is only read as the answer to its question.
 */
#include "detect/app.h"
#include "detect/naming.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES_MAX = 4096, TABLE_ENTRIES_MAX = 32 };

#define TEXT(t)                                                                                    \
	{                                                                                          \
		(const uint8_t *)(t), sizeof(t) - 1                                                \
	}

/* --- AMQP (AMQP 0-9-1 specification, 2.3.5 and 4.2; AMQP 1.0, 2.2) -----------------------------
 */

/** A long string of a field table, found by name. */
static struct bytes amqp_field(struct bytes table, const char *want)
{
	struct cursor c = cursor_of(table.p, table.len);

	for (int i = 0; i < TABLE_ENTRIES_MAX; i++) {
		size_t name_len = cursor_u8(&c);
		const uint8_t *name = cursor_take(&c, name_len);
		uint8_t type = cursor_u8(&c);
		if (c.failed || (type != 'S' && type != 'F' && type != 't'))
			break;
		size_t n = type == 't' ? 1 : cursor_u32(&c);
		const uint8_t *value = cursor_take(&c, n);
		if (!value)
			break;
		if (type == 'S' && app_equals((struct bytes){name, name_len}, want))
			return (struct bytes){value, n};
	}
	return (struct bytes){table.p, 0};
}

static void amqp_properties(struct app_facts *f, struct bytes table)
{
	struct bytes product = amqp_field(table, "product"), v = amqp_field(table, "version");
	struct bytes platform = amqp_field(table, "platform");

	if (naming_is_other(product))
		return;
	app_put(f, APP_PRODUCT, product);
	app_put(f, APP_VERSION, v);
	if (app_equals(product, "RabbitMQ"))
		app_cpe(f, "a:vmware:rabbitmq", v);
	if (platform.len)
		app_addf(f, APP_EXTRAINFO, "%.*s", (int)MIN(platform.len, 60), platform.p);
}

/** A server that wants another version says which: "AMQP", then four bytes. */
static int amqp_header(struct bytes in, struct app_facts *ret)
{
	int is = app_magic(in, "AMQP", 4);

	if (is <= 0 || in.len < 8)
		return is < 0 ? is : 0;
	if (in.p[4] > 3 || in.p[5] > 1 || in.p[6] > 9 || in.p[7] > 10)
		return -E_SYNTAX;
	ret->service = "amqp";
	if (in.p[4] == 0)
		app_putf(ret, APP_EXTRAINFO, "protocol %u-%u-%u", in.p[5], in.p[6], in.p[7]);
	else
		app_putf(ret, APP_EXTRAINFO, "protocol %u.%u.%u", in.p[5], in.p[6], in.p[7]);
	return 8;
}

/** Connection.Start: frame 1 on channel 0, class 10, method 10, version 0-9. */
static int amqp_parse(struct bytes in, struct app_facts *ret)
{
	if (in.len && in.p[0] == 'A')
		return amqp_header(in, ret);
	int is = app_magic(in, "\1\0\0", 3);
	if (is <= 0 || in.len < 17)
		return is < 0 ? is : 0;
	uint32_t len = get_be32(in.p + 3), table_len = get_be32(in.p + 13);
	if (memcmp(in.p + 7, "\0\x0a\0\x0a\0", 5) != 0 || len > 65536 || len < 10 ||
	    table_len > len - 10)
		return -E_SYNTAX;
	if (in.len < len + 8)
		return 0;
	ret->service = "amqp";
	app_putf(ret, APP_EXTRAINFO, "protocol %u-%u", in.p[11], in.p[12]);
	amqp_properties(ret, (struct bytes){in.p + 17, table_len});
	return (int)len + 8;
}

/* --- MQTT (MQTT 3.1.1, 3.2 and 3.3) ------------------------------------------------------------
 */

static void mqtt_version(struct app_facts *f, struct bytes text)
{
	struct bytes v;

	if (app_starts(text, "mosquitto version ")) {
		v = app_version(app_skip(text, 18));
		app_puts(f, APP_PRODUCT, "mosquitto");
		app_put(f, APP_VERSION, v);
		app_cpe(f, "a:eclipse:mosquitto", v);
		return;
	}
	v = app_version(text);
	if (v.len)
		app_put(f, APP_VERSION, v);
}

/** One packet behind CONNACK. @return its length, 0: not whole. */
static size_t mqtt_packet(struct bytes in, struct app_facts *ret)
{
	if (in.len < 2 || in.p[1] & 0x80 || in.len < 2u + in.p[1])
		return 0;
	struct bytes body = {in.p + 2, in.p[1]};
	if ((in.p[0] & 0xf0) == 0x30 && body.len > 2) {
		size_t topic_len = get_be16(body.p), more = (in.p[0] & 6) ? 4 : 2;
		struct bytes topic = {body.p + 2, MIN(topic_len, body.len - 2)};
		if (app_equals(topic, "$SYS/broker/version"))
			mqtt_version(ret, app_skip(body, topic_len + more));
	}
	return body.len + 2;
}

static int mqtt_parse(struct bytes in, struct app_facts *ret)
{
	int is = app_magic(in, "\x20\x02", 2);

	if (is <= 0 || in.len < 4)
		return is < 0 ? is : 0;
	if (in.p[2] > 1 || in.p[3] > 5)
		return -E_SYNTAX;
	ret->service = "mqtt";
	if (in.p[3])
		return 4;
	struct bytes left = app_skip(in, 4);
	for (size_t n; (n = mqtt_packet(left, ret)); left = app_skip(left, n))
		if (ret->field[APP_VERSION][0])
			return (int)(left.p + n - in.p);
	return 0;
}

/* --- screens: RFB (RFC 6143 7.1.1), X11 (protocol, 8), RDP (MS-RDPBCGR 2.2.1.2)
 * ---------------------- */

static int rfb_parse(struct bytes in, struct app_facts *ret)
{
	int is = app_magic(in, "RFB ", 4);

	if (is <= 0 || in.len < 12)
		return is < 0 ? is : 0;
	for (size_t i = 4; i < 11; i++)
		if (i == 7 ? in.p[i] != '.' : !isdigit(in.p[i]))
			return -E_SYNTAX;
	if (in.p[11] != '\n')
		return -E_SYNTAX;
	ret->service = "vnc";
	app_putf(ret, APP_EXTRAINFO, "protocol %d.%d",
		 (in.p[4] - '0') * 100 + (in.p[5] - '0') * 10 + in.p[6] - '0',
		 (in.p[8] - '0') * 100 + (in.p[9] - '0') * 10 + in.p[10] - '0');
	return 12;
}

/** xdpyinfo's reading of the release number of X.Org servers. */
static void x11_vendor(struct app_facts *f, struct bytes vendor, uint32_t release)
{
	if (!app_starts(vendor, "The X.Org Foundation")) {
		app_addf(f, APP_EXTRAINFO, "vendor: %.*s", (int)MIN(vendor.len, 60), vendor.p);
		return;
	}
	char text[32];
	uint32_t major = release / 10000000, minor = release / 100000 % 100;
	uint32_t patch = release / 1000 % 100, snap = release % 1000;

	if (release >= 12100000)
		snprintf(text, sizeof(text), "%u.%u.%u", minor, patch, snap);
	else
		snprintf(text, sizeof(text), "%u.%u.%u", major, minor, patch);
	app_puts(f, APP_PRODUCT, "X.Org X server");
	app_puts(f, APP_VERSION, text);
	app_cpe(f, "a:x.org:x.org_x11", app_text(text));
}

/** @param len of the whole answer, as it says. */
static int x11_refused(struct bytes in, size_t len, struct app_facts *ret)
{
	if (in.p[1] < 8 || in.p[1] > len - 8)
		return -E_SYNTAX;
	if (in.len == 8)
		return 0;
	if (!isprint(in.p[8]))
		return -E_SYNTAX;
	ret->service = "X11";
	app_puts(ret, APP_EXTRAINFO, "access denied");
	return in.len >= len ? (int)len : 0;
}

static int x11_accepted(struct bytes in, size_t len, struct app_facts *ret)
{
	enum { VENDOR_AT = 40 };

	if (in.len < VENDOR_AT || in.p[1])
		return in.p[1] ? -E_SYNTAX : 0;
	size_t vendor_len = (size_t)(in.p[24] | in.p[25] << 8);
	if (len < VENDOR_AT + vendor_len || vendor_len > 256)
		return -E_SYNTAX;
	if (in.len < VENDOR_AT + vendor_len)
		return 0;
	ret->service = "X11";
	app_puts(ret, APP_EXTRAINFO, "open");
	x11_vendor(ret, (struct bytes){in.p + VENDOR_AT, vendor_len},
		   (uint32_t)(in.p[8] | in.p[9] << 8 | in.p[10] << 16) | (uint32_t)in.p[11] << 24);
	return (int)MIN(len, in.len);
}

/** The answer to a little-endian set-up: 1 success, 0 refused with a reason. */
static int x11_parse(struct bytes in, struct app_facts *ret)
{
	if (in.len < 8)
		return in.len && in.p[0] > 1 ? -E_SYNTAX : 0;
	size_t len = 8 + 4u * (size_t)(in.p[6] | in.p[7] << 8);
	if (in.p[0] > 1 || in.p[2] != 11 || in.p[3] || in.p[4] || in.p[5])
		return -E_SYNTAX;
	return in.p[0] ? x11_accepted(in, len, ret) : x11_refused(in, len, ret);
}

/** TPKT, connection confirm; with a negotiation response or failure it can only be RDP. */
static int rdp_parse(struct bytes in, struct app_facts *ret)
{
	static const char *const protocols[] = {"RDP security", "TLS", "CredSSP"};
	int is = app_magic(in, "\3\0\0\x13\x0e\xd0\0\0", 8);

	if (is <= 0 || in.len < 19)
		return is < 0 ? is : 0;
	uint32_t kind = in.p[11], chosen = in.p[15];
	if ((kind != 2 && kind != 3) || in.p[13] != 8 || in.p[14])
		return -E_SYNTAX;
	ret->service = "ms-wbt-server";
	if (kind == 2 && chosen < ARRAY_LEN(protocols))
		app_puts(ret, APP_EXTRAINFO, protocols[chosen]);
	/* where CredSSP is offered, a Windows that sets the flag of extended client data takes it
	 */
	if (kind == 2 && chosen == 1 && in.p[12] == 1 && get_be16(in.p + 8) == 0x1234) {
		app_puts(ret, APP_PRODUCT, "xrdp");
		app_cpe(ret, "a:neutrinolabs:xrdp", (struct bytes){NULL, 0});
	}
	return 19;
}

/* --- STUN (RFC 8489, 5 and 14.14) ----------------------------------------------------------------
 */

static int stun_parse(struct bytes in, struct app_facts *ret)
{
	enum { HEAD = 20, SOFTWARE = 0x8022 };

	if (in.len < HEAD)
		return in.len && in.p[0] != 1 ? -E_SYNTAX : 0;
	uint32_t type = get_be16(in.p), len = get_be16(in.p + 2);
	if ((type != 0x0101 && type != 0x0111) || get_be32(in.p + 4) != 0x2112a442 || len % 4)
		return -E_SYNTAX;
	if (in.len < HEAD + len)
		return 0;
	ret->service = "stun";
	struct cursor c = cursor_of(in.p + HEAD, len);
	while (cursor_left(&c) >= 4) {
		uint32_t attribute = cursor_u16(&c);
		size_t n = cursor_u16(&c);
		const uint8_t *value = cursor_take(&c, n);
		cursor_skip(&c, MIN((4 - n % 4) % 4, cursor_left(&c)));
		if (!value || attribute != SOFTWARE)
			continue;
		struct bytes text = {value, n}, name = app_until(text, "-/ ");
		struct bytes v = app_version(app_skip(text, name.len + 1));
		app_put(ret, APP_PRODUCT, v.len ? name : text);
		app_put(ret, APP_VERSION, v);
		if (app_equals(name, "Coturn"))
			app_cpe(ret, "a:coturn_project:coturn", v);
	}
	return (int)(HEAD + len);
}

/* --- NTP control messages (RFC 9327, 2 and 3.2)
 * ----------------------------------------------------- */

static int ntp_parse(struct bytes in, struct app_facts *ret)
{
	enum { HEAD = 12, MODE_CONTROL = 6, RESPONSE = 0x80, READ_VARIABLES = 2 };

	if (in.len <= HEAD || (in.p[0] & 7) != MODE_CONTROL ||
	    (in.p[1] & 0xdf) != (RESPONSE | READ_VARIABLES) || get_be16(in.p + 10) > in.len - HEAD)
		return -E_SYNTAX;
	struct bytes text = {in.p + HEAD, get_be16(in.p + 10)};
	struct bytes version = app_between(text, "version=\"", "\""), at;
	struct bytes system = app_between(text, "system=\"", "\"");
	struct bytes stratum = app_between(text, "stratum=", ",\r\n");
	if (!version.len && !system.len && !stratum.len)
		return -E_SYNTAX;
	ret->service = "ntp";
	if (app_find(version, "ntpsec-", &at)) {
		app_puts(ret, APP_PRODUCT, "NTPsec");
		app_put(ret, APP_VERSION, app_version(app_skip(at, 7)));
		app_cpe(ret, "a:ntpsec:ntpsec", app_version(app_skip(at, 7)));
	} else if (app_starts(version, "ntpd ")) {
		struct bytes v = app_until(app_version(app_skip(version, 5)), "@");
		app_puts(ret, APP_PRODUCT, "NTP");
		app_put(ret, APP_VERSION, v);
		app_cpe(ret, "a:ntp:ntp", v);
	}
	app_os_of(ret, app_until(system, "/"));
	if (stratum.len)
		app_addf(ret, APP_EXTRAINFO, "stratum %.*s", (int)MIN(stratum.len, 3), stratum.p);
	return (int)in.len;
}

/* --- proxies and tunnels
 * --------------------------------------------------------------------------- */

/** RFC 1928 3. */
static int socks_parse(struct bytes in, struct app_facts *ret)
{
	int is = app_magic(in, "\5", 1);

	if (is <= 0 || in.len < 2)
		return is < 0 ? is : 0;
	if (in.len != 2 || (in.p[1] > 2 && in.p[1] != 0xff))
		return -E_SYNTAX;
	ret->service = "socks5";
	app_puts(ret, APP_EXTRAINFO,
		 in.p[1] == 0      ? "No authentication"
		 : in.p[1] == 2    ? "Username/password authentication required"
		 : in.p[1] == 0xff ? "No acceptable authentication method"
				   : "GSSAPI authentication required");
	return 2;
}

/* the session that our reset names; a server repeats it in its own (OpenVPN protocol, hard reset)
 */
#define OPENVPN_SESSION "prtipvpn"

static int openvpn_datagram(struct bytes in, struct app_facts *ret)
{
	enum { RESET_SERVER_V2 = 8 << 3, BYTES = 26 };

	if (!in.len)
		return 0;
	if ((in.p[0] & 0xf8) != RESET_SERVER_V2)
		return -E_SYNTAX;
	if (in.len < BYTES)
		return 0;
	/* session, one acknowledged packet: number 0 of our session; packet number 0 */
	if (memcmp(in.p + 9, "\1\0\0\0\0" OPENVPN_SESSION "\0\0\0\0", 17) != 0)
		return -E_SYNTAX;
	ret->service = "openvpn";
	app_puts(ret, APP_PRODUCT, "OpenVPN");
	app_cpe(ret, "a:openvpn:openvpn", (struct bytes){NULL, 0});
	return BYTES;
}

static int openvpn_stream(struct bytes in, struct app_facts *ret)
{
	int is = app_magic(in, "\0\x1a", 2);

	if (is <= 0)
		return is;
	int n = openvpn_datagram(app_skip(in, 2), ret);
	return n > 0 ? n + 2 : n;
}

/** AJP 1.3: CPONG. */
static int ajp_parse(struct bytes in, struct app_facts *ret)
{
	int is = app_magic(in, "AB\0\1\x09", 5);

	if (is <= 0)
		return is;
	ret->service = "ajp13";
	return 5;
}

/** Erlang distribution protocol, NAMES_REQ: the mapper's own port, then lines. */
static int epmd_parse(struct bytes in, struct app_facts *ret)
{
	struct bytes left, line;
	uint32_t n = 0;
	int is = app_magic(in, "\0\0\x11\x11", 4);

	if (is <= 0)
		return is;
	for (left = app_skip(in, 4); app_line(&left, &line); n++) {
		struct bytes node = app_between(line, "name ", " "), at;
		if (!node.len || !app_find(line, " at port ", &at))
			return -E_SYNTAX;
		struct bytes port = app_until(app_skip(at, 9), " ");
		ret->service = "epmd";
		app_puts(ret, APP_PRODUCT, "Erlang Port Mapper Daemon");
		if (n < 4)
			app_addf(ret, APP_EXTRAINFO, "%.*s: %.*s", (int)MIN(node.len, 30), node.p,
				 (int)MIN(port.len, 5), port.p);
	}
	return 0;
}

/** "DD-WRT v24-sp2 std (c) ... DD-WRT login: ", which says more than the options. */
static void put_ddwrt(struct bytes text, struct app_facts *f)
{
	struct bytes at, v = app_skip(app_trim(text), strlen("DD-WRT "));

	if (!app_starts(app_trim(text), "DD-WRT v") || !app_version(app_skip(v, 1)).len ||
	    !app_find(text, " login: ", &at))
		return;
	app_puts(f, APP_PRODUCT, "DD-WRT telnetd");
	app_addf(f, APP_EXTRAINFO, "DD-WRT %.*s", (int)MIN(app_until(v, " \r\n").len, 40), v.p);
	app_os_of(f, app_text("Linux"));
}

/** RFC 854: a negotiation that opens a session, at least two options. */
static int telnet_parse(struct bytes in, struct app_facts *ret)
{
	size_t n = 0;

	while (in.len - n >= 3 && in.p[n] == 255 && in.p[n + 1] >= 251 && in.p[n + 1] < 255 &&
	       (in.p[n + 2] < 50 || in.p[n + 2] == 255))
		n += 3;
	if (n < 6)
		return in.len && (in.p[0] != 255 || in.len >= 6) ? -E_SYNTAX : 0;
	ret->service = "telnet";
	put_ddwrt(app_skip(in, n), ret);
	return (int)n;
}

static const struct app_hello amqp_hellos[] = {
	{TEXT("AMQP\0\0\x09\x01"), APP_TCP, {5672, 5671}, "amqp", NULL},

};
/* CONNECT with a clean session, SUBSCRIBE to the broker's version */
#define MQTT_ASK TEXT("\x10\x11\0\4MQTT\4\2\0\x1e\0\5prtip\x82\x18\0\1\0\x13$SYS/broker/version\0")
static const struct app_hello mqtt_hellos[] = {
	{MQTT_ASK, APP_TCP, {1883, 8883}, "mqtt", NULL},

};
static const struct app_hello x11_hellos[] = {
	{TEXT("l\0\x0b\0\0\0\0\0\0\0\0\0"),
	 APP_TCP,
	 {6000, 6001, 6002, 6003, 6004, 6005, 6010},
	 NULL,
	 NULL},
};
static const struct app_hello rdp_hellos[] = {
	{TEXT("\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0\0"),
	 APP_TCP,
	 {3389},
	 "ms-wbt-server",
	 NULL},
};
#define STUN_BIND TEXT("\0\1\0\0\x21\x12\xa4\x42prtip-stun-1")
static const struct app_hello stun_hellos[] = {
	{STUN_BIND, APP_TCP | APP_UDP, {3478, 5349, 3479, 19302}, "stun turn", NULL},

};
static const struct app_hello ntp_hellos[] = {
	{TEXT("\x16\2\0\1\0\0\0\0\0\0\0\0"), APP_UDP, {123}, "ntp", NULL},

};
static const struct app_hello socks_hellos[] = {
	{TEXT("\5\2\0\2"),
	 APP_TCP,
	 {1080, 1081, 1085, 9050, 9150},
	 "socks5 socks xmpp-transport",
	 ""},
};
#define OPENVPN_RESET "\x38" OPENVPN_SESSION "\0\0\0\0\0"
static const struct app_hello openvpn_tcp_hellos[] = {
	{TEXT("\0\x0e" OPENVPN_RESET), APP_TCP, {1194, 1195, 443}, NULL, NULL},
};
static const struct app_hello openvpn_udp_hellos[] = {
	{TEXT(OPENVPN_RESET), APP_UDP, {1194, 1195}, NULL, NULL},
};
static const struct app_hello ajp_hellos[] = {
	{TEXT("\x12\x34\0\1\x0a"), APP_TCP, {8009}, NULL, NULL},
};
static const struct app_hello epmd_hellos[] = {
	{TEXT("\0\1n"), APP_TCP, {4369}, NULL, NULL},
};

#define ROW(id, n, h, p, hs, f)                                                                    \
	const struct app_ops id = {.name = n,                                                      \
				   .help = h,                                                      \
				   .protos = p,                                                    \
				   .hellos = hs,                                                   \
				   .n_hellos = ARRAY_LEN(hs),                                      \
				   .parse = f}

ROW(app_amqp, "amqp", "AMQP Connection.Start and protocol headers", APP_TCP, amqp_hellos,
    amqp_parse);
ROW(app_mqtt, "mqtt", "MQTT CONNACK and the broker's version", APP_TCP, mqtt_hellos, mqtt_parse);
ROW(app_x11, "X11", "X11 set-up", APP_TCP, x11_hellos, x11_parse);
ROW(app_rdp, "rdp", "RDP connection confirm", APP_TCP, rdp_hellos, rdp_parse);
ROW(app_stun, "stun", "STUN binding responses", APP_TCP | APP_UDP, stun_hellos, stun_parse);
ROW(app_ntp, "ntp", "NTP system variables", APP_UDP, ntp_hellos, ntp_parse);
ROW(app_openvpn, "openvpn", "OpenVPN reset over TCP", APP_TCP, openvpn_tcp_hellos, openvpn_stream);
ROW(app_openvpn_udp, "openvpn-udp", "OpenVPN reset", APP_UDP, openvpn_udp_hellos, openvpn_datagram);
ROW(app_ajp, "ajp13", "AJP CPONG", APP_TCP, ajp_hellos, ajp_parse);
ROW(app_epmd, "epmd", "Erlang node names", APP_TCP, epmd_hellos, epmd_parse);
const struct app_ops app_socks = {.name = "socks5",
				  .help = "SOCKS 5 method choice",
				  .protos = APP_TCP,
				  .is_asked_only = true,
				  .hellos = socks_hellos,
				  .n_hellos = ARRAY_LEN(socks_hellos),
				  .parse = socks_parse};
const struct app_ops app_rfb = {
	.name = "vnc", .help = "RFB protocol version", .protos = APP_TCP, .parse = rfb_parse};
const struct app_ops app_telnet = {.name = "telnet",
				   .help = "telnet option negotiation",
				   .protos = APP_TCP,
				   .parse = telnet_parse};
