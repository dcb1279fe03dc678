/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a match says: the service's name and the templates' fields, expanded with the pieces that
 * the pattern captured. nmap writes "ssl/" before the name of what it knows to stand behind TLS.
 */
#include "detect/verdict.h"

#include "detect/naming.h"
#include "detect/version.h"

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

void verdict_of(const struct match_hit *hit, struct facts *block, struct service_facts *ret)
{
	struct bytes left = hit->match->templates, tmpl, name = hit->match->service;
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
		if (version_expand(tmpl, hit, field == SVC_CPE, &text) != 0 ||
		    (field == SVC_HOSTNAME &&
		     !naming_is_host_name((struct bytes){text.p, text.len}, hit->group[0])))
			continue;
		put_field(ret, field, facts_text(block, text.p, text.len));
	}
	buf_fini(&text);
}
