/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Results of detection per host: one block and a list in it, newest first. Hosts without open ports
 * have none, and few ports of a host are open, so a list does.
 */
#include "event/found.h"

#include <errno.h>
#include <string.h>

struct found_service {
	struct found_service *next;
	const struct service_facts *facts;
	uint16_t port;
	uint8_t proto;
};

struct found_banner {
	struct found_banner *next;
	struct bytes text;
	uint16_t port;
	uint8_t proto;
};

struct found_tls {
	struct found_tls *next;
	const struct tls_facts *facts;
	struct facts *block;
	uint16_t port;
	uint8_t proto;
};

int found_put_service(struct found *f, const struct ev_service *ev)
{
	if (!f->block && !(f->block = facts_new(FACTS_HOST_BLOCK_MAX)))
		return -ENOMEM;
	struct found_service *s = facts_alloc(f->block, sizeof(*s));
	struct service_facts *copy = s ? facts_keep_service(f->block, ev->facts) : NULL;
	if (!copy)
		return -ENOMEM;
	*s = (struct found_service){f->services, copy, ev->port, ev->proto};
	f->services = s;
	return 0;
}

int found_put_banner(struct found *f, const struct ev_service *ev)
{
	size_t n = ev->facts->banner_len;

	if (!f->block && !(f->block = facts_new(FACTS_HOST_BLOCK_MAX)))
		return -ENOMEM;
	struct found_banner *b = facts_alloc(f->block, sizeof(*b));
	uint8_t *copy = b ? facts_alloc(f->block, n) : NULL;
	if (!copy)
		return -ENOMEM;
	memcpy(copy, ev->facts->banner, n);
	*b = (struct found_banner){f->banners, {copy, n}, ev->port, ev->proto};
	f->banners = b;
	return 0;
}

struct bytes found_banner(const struct found *f, uint8_t proto, uint16_t port)
{
	for (const struct found_banner *b = f->banners; b; b = b->next)
		if (b->port == port && b->proto == proto)
			return b->text;
	return (struct bytes){NULL, 0};
}

int found_put_os(struct found *f, const struct ev_os *ev)
{
	if (!f->block && !(f->block = facts_new(FACTS_HOST_BLOCK_MAX)))
		return -ENOMEM;
	const struct os_facts *copy = facts_keep_os(f->block, ev->facts);
	if (!copy)
		return -ENOMEM;
	f->os = copy;
	return 0;
}

const struct service_facts *found_service(const struct found *f, uint8_t proto, uint16_t port)
{
	for (const struct found_service *s = f->services; s; s = s->next)
		if (s->port == port && s->proto == proto)
			return s->facts;
	return NULL;
}

int found_put_tls(struct found *f, const struct ev_tls *ev)
{
	if (!f->block && !(f->block = facts_new(FACTS_HOST_BLOCK_MAX)))
		return -ENOMEM;
	struct found_tls *t = facts_alloc(f->block, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct found_tls){f->tls, ev->facts, facts_hold(ev->block), ev->port, ev->proto};
	f->tls = t;
	return 0;
}

const struct tls_facts *found_tls(const struct found *f, uint8_t proto, uint16_t port)
{
	for (const struct found_tls *t = f->tls; t; t = t->next)
		if (t->port == port && t->proto == proto)
			return t->facts;
	return NULL;
}

void found_clear(struct found *f)
{
	for (const struct found_tls *t = f->tls; t; t = t->next)
		facts_free(t->block);
	facts_free(f->block);
	*f = (struct found){0};
}
