/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What detection found, in a union of results: services, banners, systems, TLS endpoints with their
 * certificates. Facts stay in the blocks they were read into; one array points to all of them, is
 * sorted once, and of several findings about one thing the first stands. Part of union.c.
 */
#include "cli/union.h"

#include <errno.h>
#include <stdlib.h>

/** What says more stands first: of services the surer, of systems the better tested, of endpoints
 * the one examined to its end, with more certificates. */
static uint32_t rank_of(const struct json_record *rec)
{
	switch (rec->kind) {
	case JSON_SERVICE:
		return rec->service.facts->conf;
	case JSON_OS:
		return (rec->os.facts->doubt ? 0 : 2) + (rec->os.facts->n_perfect > 0);
	case JSON_TLS:
		return (rec->tls.facts->is_cut ? 0 : 1u << 16) + rec->tls.facts->n_certs;
	default:
		return 0;
	}
}

static const struct addr *place_of(const struct json_record *rec, struct union_found *ret)
{
	switch (rec->kind) {
	case JSON_OS:
		ret->facts = rec->os.facts;
		return &rec->os.addr;
	case JSON_TLS:
		ret->facts = rec->tls.facts;
		ret->port = rec->tls.port;
		ret->proto = rec->tls.proto;
		return &rec->tls.addr;
	case JSON_CERTIFICATE:
		ret->port = rec->cert.port;
		ret->proto = rec->cert.proto;
		ret->cert_idx = rec->cert.chain_idx;
		return &rec->cert.addr;
	default:
		ret->facts = rec->service.facts;
		ret->port = rec->service.port;
		ret->proto = rec->service.proto;
		return &rec->service.addr;
	}
}

int union_add_found(struct unions *u, const struct json_record *rec)
{
	struct union_found n = {.kind = (uint8_t)rec->kind, .file = u->n_files};
	const struct addr *addr = place_of(rec, &n);
	int err = union_host_of(u, addr, &n.host);

	if (!err)
		err = union_grow((void **)&u->found, u->n_found, &u->found_cap, sizeof(*u->found));
	if (err)
		return err;
	n.rank = rank_of(rec);
	if (rec->kind == JSON_CERTIFICATE) {
		struct cert_info *c = facts_alloc(rec->block, sizeof(*c));
		if (!c)
			return -ENOMEM;
		*c = rec->cert.cert;
		n.facts = c;
	}
	n.block = facts_hold(rec->block);
	u->found[u->n_found++] = n;
	return 0;
}

void union_found_fini(struct unions *u)
{
	for (uint64_t i = 0; i < u->n_found; i++)
		facts_free(u->found[i].block);
	mem_free(u->found);
}

#define BY(member, x, y)                                                                           \
	if ((x)->member != (y)->member)                                                            \
	return (x)->member < (y)->member ? -1 : 1

/** By host, kind and port; of one port what stands comes first. Certificates go by file, for they
 * belong to the endpoint of theirs. */
static int found_cmp(const void *a, const void *b)
{
	const struct union_found *x = a, *y = b;

	BY(host, x, y);
	BY(kind, x, y);
	BY(proto, x, y);
	BY(port, x, y);
	BY(rank, y, x);
	BY(file, x, y);
	BY(cert_idx, x, y);
	return 0;
}

void union_sort_found(struct unions *u)
{
	if (u->n_found)
		qsort(u->found, u->n_found, sizeof(*u->found), found_cmp);
}

/** The first that is not before @p key. */
static const struct union_found *lower_bound(const struct unions *u, const struct union_found *key)
{
	uint64_t lo = 0, hi = u->n_found;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;
		if (found_cmp(&u->found[mid], key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return u->found + lo;
}

/** The endpoint with the certificates that its file has of it. @return NULL without room. */
static const struct tls_facts *assemble(const struct unions *u, const struct union_found *f)
{
	const struct tls_facts *from = f->facts;
	struct tls_facts *t = facts_alloc(f->block, sizeof(*t));
	struct cert_info *certs =
		from->n_certs ? facts_alloc(f->block, from->n_certs * sizeof(*certs)) : NULL;
	struct union_found key = *f;

	if (!t || (from->n_certs && !certs))
		return NULL;
	*t = *from;
	t->certs = certs;
	t->n_certs = 0;
	key.kind = JSON_CERTIFICATE;
	key.rank = key.cert_idx = 0;
	for (const struct union_found *c = lower_bound(u, &key);
	     c < u->found + u->n_found && c->host == f->host && c->kind == key.kind &&
	     c->proto == f->proto && c->port == f->port && c->file == f->file &&
	     t->n_certs < from->n_certs;
	     c++)
		if (c->cert_idx == t->n_certs) /* one that was cut off is missing */
			certs[t->n_certs++] = *(const struct cert_info *)c->facts;
	return t;
}

static int publish_tls(const struct unions *u, struct bus *bus, struct event *ev,
		       const struct union_found *f)
{
	const struct tls_facts *t = assemble(u, f);

	if (!t)
		return -ENOMEM;
	ev->kind = EVENT_TLS_FOUND;
	ev->tls = (struct ev_tls){.addr = u->hosts[f->host].found.addr,
				  .port = f->port,
				  .proto = f->proto,
				  .facts = t,
				  .block = f->block};
	bus_publish(bus, ev);
	ev->kind = EVENT_CERTIFICATE_FOUND;
	for (; ev->tls.cert_idx < t->n_certs; ev->tls.cert_idx++) {
		ev->time_ns = 0;
		bus_publish(bus, ev);
	}
	return 0;
}

static int publish_one(const struct unions *u, struct bus *bus, const struct union_found *f,
		       uint64_t idx)
{
	const struct addr *addr = &u->hosts[f->host].found.addr;
	struct event ev = {.kind = EVENT_SERVICE_DETECTED, .host_idx = idx};

	if (f->kind == JSON_CERTIFICATE)
		return 0; /* goes with its endpoint */
	if (f->kind == JSON_TLS)
		return publish_tls(u, bus, &ev, f);
	if (f->kind == JSON_OS) {
		ev.kind = EVENT_OS_DETECTED;
		ev.os = (struct ev_os){*addr, f->facts};
	} else {
		if (f->kind == JSON_BANNER)
			ev.kind = EVENT_BANNER_GRABBED;
		ev.service = (struct ev_service){*addr, f->port, f->proto, f->facts};
	}
	bus_publish(bus, &ev);
	return 0;
}

int union_publish_found(const struct unions *u, struct bus *bus, uint32_t host, uint64_t idx)
{
	const struct union_found key = {.host = host, .rank = UINT32_MAX}, *last = NULL;
	int err = 0;

	for (const struct union_found *f = lower_bound(u, &key);
	     !err && f < u->found + u->n_found && f->host == host; last = f++)
		if (!last || last->kind != f->kind || last->port != f->port ||
		    last->proto != f->proto)
			err = publish_one(u, bus, f, idx);
	return err;
}
