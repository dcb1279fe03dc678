/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The texts of a certificate: names, alternative names, serials, identifiers. Certificates come
 * from strangers: every text is UTF-8 without control bytes whatever string type the bytes claim
 * to be. Sources: RFC 4514 (names as text), X.690 8.23 (string types), RFC 5280 4.2.1.6.
 */
#include "detect/x509.h"

#include "base/utf8.h"
#include "detect/der.h"
#include "wire/addr.h"

#include <stdio.h>
#include <string.h>

struct attr_row {
	const char *oid, *short_name, *long_name;
	uint8_t oid_len;
};
#define ATTR(bytes, s, l)                                                                          \
	{                                                                                          \
		bytes, s, l, sizeof(bytes) - 1                                                     \
	}

static const struct attr_row attrs[] = {
	ATTR("\x55\x04\x03", "CN", "commonName"),
	ATTR("\x55\x04\x06", "C", "countryName"),
	ATTR("\x55\x04\x07", "L", "localityName"),
	ATTR("\x55\x04\x08", "ST", "stateOrProvinceName"),
	ATTR("\x55\x04\x0a", "O", "organizationName"),
	ATTR("\x55\x04\x0b", "OU", "organizationalUnitName"),
	ATTR("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", "emailAddress", "emailAddress"),
	ATTR("\x55\x04\x05", "serialNumber", "serialNumber"),
	ATTR("\x55\x04\x04", "SN", "surname"),
	ATTR("\x55\x04\x2a", "GN", "givenName"),
	ATTR("\x55\x04\x2b", "initials", "initials"),
	ATTR("\x55\x04\x09", "street", "streetAddress"),
	ATTR("\x55\x04\x0c", "title", "title"),
	ATTR("\x55\x04\x0d", "description", "description"),
	ATTR("\x55\x04\x0f", "businessCategory", "businessCategory"),
	ATTR("\x55\x04\x11", "postalCode", "postalCode"),
	ATTR("\x55\x04\x2e", "dnQualifier", "dnQualifier"),
	ATTR("\x55\x04\x61", "organizationIdentifier", "organizationIdentifier"),
	ATTR("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", "UID", "userId"),
	ATTR("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", "DC", "domainComponent"),
	ATTR("\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01", "jurisdictionL",
	     "jurisdictionLocalityName"),
	ATTR("\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02", "jurisdictionST",
	     "jurisdictionStateOrProvinceName"),
	ATTR("\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03", "jurisdictionC",
	     "jurisdictionCountryName"),
};

const char *x509_san_name(enum cert_san_kind k)
{
	static const char *const names[] = {"other", "email", "dns", "x400", "directory",
					    "edi",   "uri",   "ip",  "rid"};

	static_assert(ARRAY_LEN(names) == CERT_SAN_N, "a name per kind");
	return k < CERT_SAN_N ? names[k] : "other";
}

const char *x509_usage_name(uint32_t bit)
{
	static const char *const names[] = {"digitalSignature", "nonRepudiation", "keyEncipherment",
					    "dataEncipherment", "keyAgreement",   "keyCertSign",
					    "cRLSign",          "encipherOnly",   "decipherOnly"};

	static_assert(ARRAY_LEN(names) == CERT_USAGE_N, "a name per bit");
	return bit < CERT_USAGE_N ? names[bit] : "unknown";
}

/* --- characters ------------------------------------------------------------------------------ */

static const char hex_digits[] = "0123456789ABCDEF";

static size_t end_text(struct wcursor *w, char *ret, size_t cap)
{
	ret[MIN(w->pos, cap - 1)] = '\0';
	return w->pos;
}

/** Room for the NUL is kept back. */
static struct wcursor begin_text(char *ret, size_t cap)
{
	assert(cap > 0);
	return wcursor_of(ret, cap - 1);
}

static void put_escape(struct wcursor *w, uint8_t c)
{
	const char text[3] = {'\\', hex_digits[c >> 4], hex_digits[c & 15]};

	wcursor_put(w, text, sizeof(text));
}

static void put_char(struct wcursor *w, uint32_t c)
{
	uint8_t u[4];
	size_t n = 1;

	if (c < 0x80) {
		u[0] = (uint8_t)c;
	} else if (c < 0x800) {
		u[0] = (uint8_t)(0xc0 | c >> 6);
		n = 2;
	} else if (c < 0x10000) {
		u[0] = (uint8_t)(0xe0 | c >> 12);
		n = 3;
	} else {
		u[0] = (uint8_t)(0xf0 | c >> 18);
		n = 4;
	}
	for (size_t i = 1; i < n; i++)
		u[i] = (uint8_t)(0x80 | (c >> (6 * (n - 1 - i)) & 0x3f));
	wcursor_put(w, u, n);
}

/** Bytes a character of the string type; 0: no characters, shown as hex. */
static unsigned char_bytes(uint8_t tag)
{
	static const uint8_t widths[] = {[0x0c] = 8 /* UTF-8 */,
					 [0x12] = 1,
					 [0x13] = 1,
					 [0x14] = 1,
					 [0x16] = 1,
					 [0x17] = 1,
					 [0x18] = 1,
					 [0x1a] = 1,
					 [0x1c] = 4,
					 [0x1e] = 2};

	return tag < ARRAY_LEN(widths) ? widths[tag] : 0;
}

/** Take one character. @return bytes taken; *ret_c is UINT32_MAX when they are none. */
static size_t take_char(struct bytes s, unsigned width, uint32_t *ret_c)
{
	size_t n = width;

	*ret_c = UINT32_MAX;
	if (width == 8) {
		n = utf8_take(s, ret_c);
		return n ? n : 1;
	}
	if (n > s.len)
		return 1;
	*ret_c = 0;
	for (size_t i = 0; i < n; i++)
		*ret_c = *ret_c << 8 | s.p[i];
	if (*ret_c > 0x10ffff || (*ret_c >= 0xd800 && *ret_c <= 0xdfff))
		*ret_c = UINT32_MAX;
	return n;
}

static bool needs_backslash(uint32_t c, bool is_first, bool is_last)
{
	return (c && c < 0x80 && strchr(",+\"\\<>;", (int)c)) || (c == '#' && is_first) ||
	       (c == ' ' && (is_first || is_last));
}

/** @param is_dn with RFC 4514's escapes of separators. */
static void put_string(struct wcursor *w, uint8_t tag, struct bytes s, bool is_dn)
{
	unsigned width = char_bytes(tag);
	bool is_first = true;

	while (s.len && !w->failed) {
		uint32_t c;
		size_t n = take_char(s, width, &c);
		bool is_last = n == s.len;

		if (c == UINT32_MAX)
			for (size_t i = 0; i < n; i++)
				put_escape(w, s.p[i]);
		else if (c < 0x20 || c == 0x7f)
			put_escape(w, (uint8_t)c);
		else if (c >= 0x80 && c < 0xa0)
			put_escape(w, (uint8_t)c);
		else if (is_dn && needs_backslash(c, is_first, is_last)) {
			wcursor_u8(w, '\\');
			put_char(w, c);
		} else
			put_char(w, c);
		s.p += n;
		s.len -= n;
		is_first = false;
	}
}

static void put_hex(struct wcursor *w, struct bytes b, const char *digits)
{
	for (size_t i = 0; i < b.len && !w->failed; i++) {
		const char text[2] = {digits[b.p[i] >> 4], digits[b.p[i] & 15]};

		wcursor_put(w, text, sizeof(text));
	}
}

static void put_text(struct wcursor *w, const char *s)
{
	wcursor_put(w, s, strlen(s));
}

/* --- identifiers and numbers -------------------------------------------------------------------
 */

static void put_oid(struct wcursor *w, struct bytes oid)
{
	uint64_t arc = 0;
	bool is_first = true;
	char text[48];

	for (size_t i = 0; i < oid.len && !w->failed; i++) {
		if (arc >> 56)
			break;
		arc = arc << 7 | (oid.p[i] & 0x7f);
		if (oid.p[i] & 0x80)
			continue;
		if (is_first) {
			uint64_t top = MIN(arc / 40, 2ull);

			snprintf(text, sizeof(text), "%u.%llu", (unsigned)top,
				 (unsigned long long)(arc - top * 40));
		} else {
			snprintf(text, sizeof(text), ".%llu", (unsigned long long)arc);
		}
		put_text(w, text);
		is_first = false;
		arc = 0;
	}
}

size_t x509_oid_text(struct bytes oid, char *ret, size_t cap)
{
	struct wcursor w = begin_text(ret, cap);

	put_oid(&w, oid);
	return end_text(&w, ret, cap);
}

size_t x509_hex_text(struct bytes b, char *ret, size_t cap)
{
	struct wcursor w = begin_text(ret, cap);

	put_hex(&w, b, "0123456789abcdef");
	return end_text(&w, ret, cap);
}

size_t x509_serial_text(struct bytes serial, char *ret, size_t cap)
{
	while (serial.len > 1 && !serial.p[0]) {
		serial.p++;
		serial.len--;
	}
	return x509_hex_text(serial, ret, cap);
}

/* --- names -------------------------------------------------------------------------------------
 */

static void name_attr(struct cert_attr *a)
{
	a->short_name = a->long_name = NULL;
	for (size_t i = 0; i < ARRAY_LEN(attrs); i++)
		if (attrs[i].oid_len == a->oid.len &&
		    memcmp(attrs[i].oid, a->oid.p, a->oid.len) == 0) {
			a->short_name = attrs[i].short_name;
			a->long_name = attrs[i].long_name;
			return;
		}
}

bool x509_next_attr(struct bytes name, struct cert_name_pos *pos, struct cert_attr *ret)
{
	struct bytes seq;
	struct der value;

	if (!pos->is_begun) {
		pos->is_begun = true;
		if (!der_take(&name, DER_SEQUENCE, &pos->rdns))
			pos->rdns.len = 0;
	}
	while (!pos->set.len) {
		if (!der_take(&pos->rdns, DER_SET, &pos->set))
			return false;
		pos->rdn_idx++;
	}
	if (!der_take(&pos->set, DER_SEQUENCE, &seq) || !der_take(&seq, DER_OID, &ret->oid) ||
	    !der_next(&seq, &value)) {
		pos->set.len = pos->rdns.len = 0;
		return false;
	}
	ret->value = (struct der_value){value.tag, value.body, value.whole};
	ret->rdn_idx = pos->rdn_idx;
	name_attr(ret);
	return true;
}

/** RFC 4514 2.4: what has no name or no characters is the hex of its encoding. */
static void put_attr(struct wcursor *w, const struct cert_attr *a)
{
	if (a->short_name)
		put_text(w, a->short_name);
	else
		put_oid(w, a->oid);
	wcursor_u8(w, '=');
	if (a->short_name && char_bytes(a->value.tag)) {
		put_string(w, a->value.tag, a->value.body, true);
	} else {
		wcursor_u8(w, '#');
		put_hex(w, a->value.whole, hex_digits);
	}
}

static void put_name(struct wcursor *w, struct bytes name)
{
	struct cert_attr part[CERT_NAME_PARTS_MAX];
	struct cert_name_pos pos = {0};
	uint32_t n = 0;

	while (n < CERT_NAME_PARTS_MAX && x509_next_attr(name, &pos, &part[n]))
		n++;
	for (uint32_t i = n; i > 0; i--) {
		if (i < n)
			wcursor_u8(w, part[i - 1].rdn_idx == part[i].rdn_idx ? '+' : ',');
		put_attr(w, &part[i - 1]);
	}
}

size_t x509_name_text(struct bytes name, char *ret, size_t cap)
{
	struct wcursor w = begin_text(ret, cap);

	put_name(&w, name);
	return end_text(&w, ret, cap);
}

size_t x509_attr_text(const struct cert_attr *a, char *ret, size_t cap)
{
	struct wcursor w = begin_text(ret, cap);

	if (char_bytes(a->value.tag))
		put_string(&w, a->value.tag, a->value.body, false);
	else
		put_hex(&w, a->value.whole, hex_digits);
	return end_text(&w, ret, cap);
}

/* --- alternative names ---------------------------------------------------------------------- */

bool x509_next_san(struct bytes *left, struct cert_san *ret)
{
	struct der d;

	if (!der_next(left, &d))
		return false;
	ret->kind = (d.tag & 0xc0) == DER_CONTEXT && (d.tag & 0x1f) < CERT_SAN_N ? d.tag & 0x1f
										 : CERT_SAN_OTHER;
	ret->value = d.body;
	return true;
}

static void put_ip(struct wcursor *w, struct bytes ip)
{
	char text[ADDR_TEXT_CAP];
	struct addr a;
	u128 v = 0;

	if (ip.len != 4 && ip.len != 16) {
		put_hex(w, ip, hex_digits);
		return;
	}
	for (size_t i = 0; i < ip.len; i++)
		v = v << 8 | ip.p[i];
	a = addr_from_u128(ip.len == 4 ? ADDR_V4 : ADDR_V6, v, 0);
	put_text(w, addr_format_bare(&a, text));
}

size_t x509_san_text(const struct cert_san *san, char *ret, size_t cap)
{
	struct wcursor w = begin_text(ret, cap);

	switch (san->kind) {
	case CERT_SAN_EMAIL:
	case CERT_SAN_DNS:
	case CERT_SAN_URI:
		put_string(&w, 0x0c, san->value, false);
		break;
	case CERT_SAN_IP:
		put_ip(&w, san->value);
		break;
	case CERT_SAN_DIRECTORY:
		put_name(&w, san->value);
		break;
	case CERT_SAN_RID:
		put_oid(&w, san->value);
		break;
	default:
		put_hex(&w, san->value, hex_digits);
	}
	return end_text(&w, ret, cap);
}
