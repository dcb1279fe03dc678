/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a match says: the service's name and the templates' fields, expanded with the pieces that
 * the pattern captured. nmap writes "ssl/" before the name of what it knows to stand behind TLS.
 */
#include "detect/verdict.h"

#include "detect/naming.h"
#include "detect/version.h"

#include <ctype.h>
#include <string.h>

static bool has_prefix(struct bytes b, const char *text)
{
	size_t n = strlen(text);

	return b.len >= n && memcmp(b.p, text, n) == 0;
}

static bool is_text(struct bytes b, const char *text)
{
	return b.len == strlen(text) && has_prefix(b, text);
}

bool verdict_is_tls(const struct match_hit *hit)
{
	return has_prefix(hit->match->service, "ssl/") || is_text(hit->match->service, "ssl") ||
	       is_text(hit->match->service, "tls");
}

static void put_field(struct service_facts *s, int field, const char *text)
{
	const char **fields[SVC_FIELD_N] = {
		[SVC_PRODUCT] = &s->product,     [SVC_VERSION] = &s->version,
		[SVC_EXTRAINFO] = &s->extrainfo, [SVC_HOSTNAME] = &s->hostname,
		[SVC_OSTYPE] = &s->ostype,       [SVC_DEVICETYPE] = &s->devicetype,
	};

	if (field == SVC_CPE)
		service_add_cpe(s, text);
	else
		*fields[field] = text;
}

/** "mail.example.org": letters at both ends, no number behind the first dot. */
static bool is_domain(struct bytes text)
{
	const uint8_t *dot = text.len ? memchr(text.p, '.', text.len) : NULL;
	const uint8_t *last = dot ? memrchr(text.p, '.', text.len) : NULL;
	const uint8_t *end = text.p + text.len;

	if (!dot || end - last < 3 || !isalpha(text.p[0]) || isdigit(dot[1]))
		return false;
	for (const uint8_t *p = last + 1; p < end; p++)
		if (!isalpha(*p))
			return false;
	return true;
}

/** "6.1.8" is no host, "10.0.0.1" may be one. */
static bool is_number(struct bytes text)
{
	uint32_t n_dots = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] != '.' && !isdigit(text.p[i]))
			return false;
		n_dots += text.p[i] == '.';
	}
	return n_dots != 3;
}

/** Does what a server wrote fit the field? A host must be able to be one; a version has a digit and
 * is no name of a host. */
static bool fits(int field, struct bytes tmpl, struct bytes text, const struct match_hit *hit)
{
	bool has_digit = false;

	if (field == SVC_HOSTNAME)
		return !is_number(text) && naming_is_host_name(text, hit->group[0]);
	if (field != SVC_VERSION || !memchr(tmpl.p, '$', tmpl.len))
		return true;
	for (size_t i = 0; i < text.len; i++)
		has_digit |= isdigit(text.p[i]) != 0;
	return has_digit && !is_domain(text);
}

/** A CPE without the version that turned out to be none. */
static struct bytes without_version(struct bytes tmpl)
{
	const uint8_t *at = memmem(tmpl.p, tmpl.len, ":$", 2);

	return at ? (struct bytes){tmpl.p, (size_t)(at - tmpl.p)} : tmpl;
}

void verdict_of(const struct match_hit *hit, struct facts *block, struct service_facts *ret)
{
	struct bytes left = hit->match->templates, tmpl, name = hit->match->service;
	bool has_version = true;
	struct buf text;
	int field;

	if (has_prefix(name, "ssl/"))
		name = (struct bytes){name.p + 4, name.len - 4};
	*ret = (struct service_facts){
		.name = facts_text(block, name.p, name.len),
		.conf = 10,
		.is_soft = hit->match->is_soft,
	};
	buf_init(&text, VERSION_FIELD_BYTES_MAX + 8);
	while ((field = svc_templates_next(&left, &tmpl)) >= 0) {
		buf_reset(&text);
		if (field == SVC_CPE)
			buf_puts(&text, "cpe:/");
		if (field == SVC_VERSION)
			ret->is_guessed = !memchr(tmpl.p, '$', tmpl.len);
		if (field == SVC_CPE && !has_version)
			tmpl = without_version(tmpl);
		if (version_expand(tmpl, hit, field == SVC_CPE, &text) != 0)
			continue;
		if (!fits(field, tmpl, (struct bytes){text.p, text.len}, hit)) {
			has_version &= field != SVC_VERSION;
			continue;
		}
		put_field(ret, field, facts_text(block, text.p, text.len));
	}
	buf_fini(&text);
}
