/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Protocols in BER: SNMP (the system's description; the agent's maker out of an engine id), LDAP
 * (what a directory says of itself) and Kerberos errors (realm). The outer length must fit what
 * came, so that nothing else is taken for one of them.
 * Sources: RFC 3416 3, RFC 3411 5 (engine ids), RFC 3412 6, RFC 4511 4.5, RFC 4512 5.1, RFC
 * 4120 5.9.
 */
#include "detect/app_ber.h"

#include "detect/app.h"

enum {
	BER_INTEGER = 0x02,
	BER_OCTETS = 0x04,
	BER_OID = 0x06,
	BER_SEQUENCE = 0x30,
	BER_SET = 0x31,
	SNMP_RESPONSE = 0xa2,
	LDAP_ENTRY = 0x64,
	LDAP_DONE = 0x65,
	KRB_ERROR = 0x7e,
};

/** One whole value with @p tag at the start. @return its length, 0, or -E_SYNTAX. */
static int outer(struct bytes in, int tag, struct bytes *ret)
{
	struct cursor c = cursor_of(in.p, in.len);
	int got = in.len && in.p[0] != tag ? -1 : ber_next(&c, ret);

	if (got < 0)
		return -E_SYNTAX;
	return got ? (int)c.pos : 0;
}

/* --- SNMP ----------------------------------------------------------------------- */

static const struct maker {
	uint32_t enterprise; /* IANA private enterprise number */
	const char *name;
	bool is_agent; /* the agent itself, not the maker of a device */
	const char *cpe;
} makers[] = {
	{8072, "net-snmp", true, "a:net-snmp:net-snmp"},
	{2021, "ucd-snmp", true, NULL},
	{9, "Cisco", false, NULL},
	{11, "Hewlett-Packard", false, NULL},
	{311, "Microsoft", false, NULL},
	{674, "Dell", false, NULL},
	{1588, "Brocade", false, NULL},
	{1991, "Brocade", false, NULL},
	{2011, "Huawei", false, NULL},
	{2636, "Juniper", false, NULL},
	{4413, "Broadcom", false, NULL},
	{6527, "Nokia", false, NULL},
	{12356, "Fortinet", false, NULL},
	{14988, "MikroTik", false, NULL},
	{25461, "Palo Alto Networks", false, NULL},
	{25506, "H3C", false, NULL},
	{30065, "Arista", false, NULL},
	{41112, "Ubiquiti", false, NULL},
};

static void read_engine(struct app_facts *f, struct bytes engine)
{
	uint32_t number = engine.len >= 5 ? get_be32(engine.p) & 0x7fffffff : 0;

	for (size_t i = 0; i < ARRAY_LEN(makers); i++) {
		if (makers[i].enterprise != number)
			continue;
		if (makers[i].is_agent)
			app_puts(f, APP_PRODUCT, makers[i].name);
		else
			app_addf(f, APP_EXTRAINFO, "%s", makers[i].name);
		if (makers[i].cpe)
			app_cpe(f, makers[i].cpe, (struct bytes){NULL, 0});
		return;
	}
}

/** Behind the version: header, security parameters with the engine id. */
static bool read_v3(struct cursor c, struct app_facts *f)
{
	struct bytes header, security, params, engine;

	if (!ber_want(&c, BER_SEQUENCE, &header) || !ber_want(&c, BER_OCTETS, &security))
		return false;
	struct cursor s = ber_into(security);
	if (!ber_want(&s, BER_SEQUENCE, &params))
		return false;
	struct cursor p = ber_into(params);
	if (!ber_want(&p, BER_OCTETS, &engine) || engine.len < 5 || engine.len > 32)
		return false;
	f->service = "snmp";
	app_puts(f, APP_EXTRAINFO, "SNMPv3");
	read_engine(f, engine);
	return true;
}

/** uname -a: "Linux host 6.1.0 ...". */
static void read_description(struct app_facts *f, struct bytes text)
{
	struct bytes host = app_until(app_skip(text, 6), " ");

	app_addf(f, APP_EXTRAINFO, "%.*s", (int)MIN(text.len, 120), text.p);
	if (app_starts(text, "Linux ")) {
		app_os_of(f, app_text("Linux"));
		app_put(f, APP_HOSTNAME, host);
	} else if (app_starts(text, "FreeBSD ") || app_starts(text, "OpenBSD ")) {
		app_os_of(f, app_until(text, " "));
	} else if (app_find(text, "Software: Windows", &host)) {
		app_os_of(f, app_text("Windows"));
	}
}

/** Behind the version: community, response with one variable. */
static bool read_v1(struct cursor c, uint32_t version, struct app_facts *f)
{
	static const uint8_t sys_descr[] = {0x2b, 6, 1, 2, 1, 1, 1, 0};
	struct bytes community, pdu, v, list, item, oid, value;

	if (!ber_want(&c, BER_OCTETS, &community) || !ber_want(&c, SNMP_RESPONSE, &pdu))
		return false;
	struct cursor p = ber_into(pdu);
	for (int i = 0; i < 3; i++)
		if (!ber_want(&p, BER_INTEGER, &v))
			return false;
	if (!ber_want(&p, BER_SEQUENCE, &list))
		return false;
	f->service = "snmp";
	app_puts(f, APP_EXTRAINFO, version ? "SNMPv2c" : "SNMPv1");
	struct cursor l = ber_into(list);
	if (!ber_want(&l, BER_SEQUENCE, &item))
		return true;
	struct cursor i = ber_into(item);
	if (ber_want(&i, BER_OID, &oid) && ber_want(&i, BER_OCTETS, &value) &&
	    oid.len == sizeof(sys_descr) && !memcmp(oid.p, sys_descr, sizeof(sys_descr)))
		read_description(f, value);
	return true;
}

static int snmp_parse(struct bytes in, struct app_facts *ret)
{
	struct bytes message, number;
	int n = outer(in, BER_SEQUENCE, &message);

	if (n <= 0)
		return n;
	struct cursor c = ber_into(message);
	if (!ber_want(&c, BER_INTEGER, &number))
		return -E_SYNTAX;
	uint32_t version = ber_number(number);
	bool is = version == 3 ? read_v3(c, ret) : version < 2 && read_v1(c, version, ret);
	return is ? n : -E_SYNTAX;
}

/* --- LDAP ------------------------------------------------------------------------ */

/** An attribute of the root entry that tells something. */
static void read_attribute(struct app_facts *f, struct bytes name, struct bytes value)
{
	struct bytes at;

	if (app_equals(name, "objectClass") && app_equals(value, "OpenLDAProotDSE")) {
		app_puts(f, APP_PRODUCT, "OpenLDAP");
		app_cpe(f, "a:openldap:openldap", (struct bytes){NULL, 0});
	} else if (app_equals(name, "vendorName") && !f->field[APP_PRODUCT][0]) {
		app_put(f, APP_PRODUCT, value);
	} else if (app_equals(name, "vendorVersion")) {
		/* "389-Directory/2.3.1 B2023", "ApacheDS 2.0", "2.4" */
		at = app_until(value, "/");
		bool has_slash = at.len < value.len;
		app_put(f, APP_VERSION,
			app_version(has_slash ? app_skip(value, at.len + 1) : value));
		if (has_slash)
			app_put(f, APP_PRODUCT, at);
	} else if (app_equals(name, "domainControllerFunctionality")) {
		app_puts(f, APP_PRODUCT, "Microsoft Windows Active Directory LDAP");
		app_os_of(f, app_text("Windows"));
	} else if (app_equals(name, "dnsHostName")) {
		app_put(f, APP_HOSTNAME, value);
	} else if (app_equals(name, "rootDomainNamingContext")) {
		app_addf(f, APP_EXTRAINFO, "Domain: %.*s", (int)MIN(value.len, 100), value.p);
	}
}

static void read_entry(struct app_facts *f, struct bytes entry)
{
	struct cursor c = ber_into(entry);
	struct bytes dn, list, one, name, values, value;

	if (!ber_want(&c, BER_OCTETS, &dn) || !ber_want(&c, BER_SEQUENCE, &list))
		return;
	struct cursor l = ber_into(list);
	while (ber_want(&l, BER_SEQUENCE, &one)) {
		struct cursor o = ber_into(one);
		if (!ber_want(&o, BER_OCTETS, &name) || !ber_want(&o, BER_SET, &values))
			return;
		struct cursor v = ber_into(values);
		while (ber_want(&v, BER_OCTETS, &value))
			read_attribute(f, name, value);
	}
}

static int ldap_parse(struct bytes in, struct app_facts *ret)
{
	struct bytes left = in, message, id, op;

	while (left.len) {
		int n = outer(left, BER_SEQUENCE, &message);
		if (n <= 0)
			return n;
		struct cursor c = ber_into(message);
		if (!ber_want(&c, BER_INTEGER, &id))
			return -E_SYNTAX;
		int tag = ber_next(&c, &op);
		if (tag != LDAP_ENTRY && tag != LDAP_DONE)
			return -E_SYNTAX;
		ret->service = "ldap";
		left = app_skip(left, (size_t)n);
		if (tag == LDAP_DONE)
			return (int)(in.len - left.len);
		read_entry(ret, op);
	}
	return 0;
}

/* --- Kerberos --------------------------------------------------------------------- */

/** The fields of a KRB-ERROR that any server fills. */
static bool read_krb_error(struct bytes error, struct app_facts *f)
{
	struct bytes list, field, value;
	struct cursor c = ber_into(error);
	bool is_v5 = false;
	int tag;

	if (!ber_want(&c, BER_SEQUENCE, &list))
		return false;
	struct cursor l = ber_into(list);
	while ((tag = ber_next(&l, &field)) > 0) {
		struct cursor v = ber_into(field);
		int kind = ber_next(&v, &value);
		if (tag == 0xa0)
			is_v5 = kind == BER_INTEGER && ber_number(value) == 5;
		if (tag == 0xa4 && kind == 0x18)
			app_addf(f, APP_EXTRAINFO, "server time: %.*s", (int)MIN(value.len, 24),
				 value.p);
		if (tag == 0xa9 && kind == 0x1b)
			app_addf(f, APP_EXTRAINFO, "realm: %.*s", (int)MIN(value.len, 100),
				 value.p);
	}
	return is_v5;
}

static int krb_datagram(struct bytes in, struct app_facts *ret)
{
	struct bytes error;
	int n = outer(in, KRB_ERROR, &error);

	if (n <= 0)
		return n;
	if (!read_krb_error(error, ret))
		return -E_SYNTAX;
	ret->service = "kerberos-sec";
	return n;
}

/** RFC 4120 7.2.2: four bytes of length in front. */
static int krb_stream(struct bytes in, struct app_facts *ret)
{
	if (in.len < 5)
		return in.len && in.p[0] ? -E_SYNTAX : 0;
	int n = krb_datagram(app_skip(in, 4), ret);
	if (n > 0 && (uint32_t)n != get_be32(in.p))
		return -E_SYNTAX;
	return n > 0 ? n + 4 : n;
}

#define TEXT(t)                                                                                    \
	{                                                                                          \
		(const uint8_t *)(t), sizeof(t) - 1                                                \
	}

/* get sysDescr.0 with the community that is public by name; version 1 */
#define SNMP_GET                                                                                   \
	TEXT("\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04\x70\x72\x74\x70\x02\x01\x00\x02"  \
	     "\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x05\x00")
/* RFC 3414 4: discovery of an engine */
#define SNMP_DISCOVER                                                                              \
	TEXT("\x30\x3a\x02\x01\x03\x30\x0f\x02\x02\x4a\x69\x02\x03\x00\xff\xe3\x04\x01\x04\x02"    \
	     "\x01\x03\x04\x10\x30\x0e\x04\x00\x02\x01\x00\x02\x01\x00\x04\x00\x04\x00\x04\x00"    \
	     "\x30\x12\x04\x00\x04\x00\xa0\x0c\x02\x02\x37\xf0\x02\x01\x00\x02\x01\x00\x30\x00")

static const struct app_hello snmp_hellos[] = {
	{SNMP_DISCOVER, APP_UDP, {161}, NULL, NULL},
	{SNMP_GET, APP_UDP, {161}, "snmp", NULL},

};

/* RFC 4512 5.1: the root entry, all attributes, operational ones too */
#define LDAP_ROOT                                                                                  \
	TEXT("\x30\x2b\x02\x01\x01\x63\x26\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01"    \
	     "\x00\x01\x01\x00\x87\x0bobjectClass\x30\x06\x04\x01*\x04\x01+")

static const struct app_hello ldap_hellos[] = {
	{LDAP_ROOT, APP_TCP, {389, 636, 3268, 3269}, "ldap", NULL},

};

const struct app_ops app_snmp = {.name = "snmp",
				 .help = "SNMP responses and engine reports",
				 .protos = APP_UDP,
				 .hellos = snmp_hellos,
				 .n_hellos = ARRAY_LEN(snmp_hellos),
				 .parse = snmp_parse};
const struct app_ops app_ldap = {.name = "ldap",
				 .help = "root entry of an LDAP directory",
				 .protos = APP_TCP,
				 .hellos = ldap_hellos,
				 .n_hellos = ARRAY_LEN(ldap_hellos),
				 .parse = ldap_parse};
const struct app_ops app_krb_udp = {.name = "kerberos-udp",
				    .help = "Kerberos errors, datagrams",
				    .protos = APP_UDP,
				    .parse = krb_datagram};
const struct app_ops app_krb_tcp = {.name = "kerberos-tcp",
				    .help = "Kerberos errors, with a length",
				    .protos = APP_TCP,
				    .parse = krb_stream};
