/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Blocks of facts: an arena behind a pointer. Texts come from peers that nobody trusts, so they
 * are made harmless once, here, before any sink sees them.
 * Source: RFC 3629, section 4 (which byte sequences are UTF-8).
 */
#include "event/facts.h"

#include <string.h>

#include "base/utf8.h"

struct facts {
	struct arena arena;
	uint32_t n_more; /* owners beside the first */
};

struct facts *facts_new(size_t max_bytes)
{
	struct facts *f = mem_alloc(1, sizeof(*f));

	if (f)
		arena_init(&f->arena, 1024, max_bytes);
	return f;
}

struct facts *facts_hold(struct facts *f)
{
	f->n_more++;
	return f;
}

void facts_free(struct facts *f)
{
	if (!f || f->n_more) {
		if (f)
			f->n_more--;
		return;
	}
	arena_fini(&f->arena);
	mem_free(f);
}

void *facts_alloc(struct facts *f, size_t n)
{
	return arena_alloc(&f->arena, n);
}

/** Bytes of the UTF-8 character at @p p unless it is a control character; 0: none. */
static size_t text_len(const uint8_t *p, size_t left)
{
	uint32_t c = 0;
	size_t n = utf8_take((struct bytes){p, left}, &c);

	return c < 0x20 || (c >= 0x7f && c < 0xa0) ? 0 : n;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0;
}

const char *facts_text(struct facts *f, const void *text, size_t len)
{
	const uint8_t *p = text;
	size_t n;

	while (len && is_space(p[0])) {
		p++;
		len--;
	}
	while (len && is_space(p[len - 1]))
		len--;
	char *out = len ? arena_alloc(&f->arena, len + 1) : NULL;
	if (!out)
		return NULL;
	for (size_t i = 0; i < len; i += n) {
		n = text_len(p + i, len - i);
		if (n)
			memcpy(out + i, p + i, n);
		else
			out[i] = '.';
		n = n ? n : 1;
	}
	return out;
}

const char *facts_keep(struct facts *f, const char *text)
{
	return text ? arena_strdup(&f->arena, text, strlen(text)) : NULL;
}

struct service_facts *facts_keep_service(struct facts *f, const struct service_facts *from)
{
	struct service_facts *s = arena_alloc(&f->arena, sizeof(*s));
	uint8_t *banner = from->banner_len ? arena_alloc(&f->arena, from->banner_len) : NULL;

	if (!s)
		return NULL;
	*s = *from;
	const char **texts[] = {&s->name,       &s->product,     &s->version,
				&s->extrainfo,  &s->hostname,    &s->ostype,
				&s->devicetype, &s->fingerprint, &s->tls_summary};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		*texts[i] = facts_keep(f, *texts[i]);
	s->n_cpe = 0;
	for (uint32_t i = 0; i < from->n_cpe; i++)
		if ((s->cpe[s->n_cpe] = facts_keep(f, from->cpe[i])))
			s->n_cpe++;
	s->banner = banner;
	s->banner_len = banner ? from->banner_len : 0;
	if (banner)
		memcpy(banner, from->banner, from->banner_len);
	return s;
}

void service_add_cpe(struct service_facts *s, const char *cpe)
{
	if (!cpe || s->n_cpe == FACTS_CPES_MAX)
		return;
	for (uint32_t i = 0; i < s->n_cpe; i++)
		if (strcmp(s->cpe[i], cpe) == 0)
			return;
	s->cpe[s->n_cpe++] = cpe;
}
