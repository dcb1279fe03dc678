/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Host names by reverse lookup, beside the scan and never in its way. */
#include "cli/names.h"

#include "base/mem.h"
#include "target/resolve.h"

enum { PTR_TIMEOUT_MS = 2000, PTR_INFLIGHT = 256 };

struct names {
	struct bus *bus;
	struct resolve *resolver; /* made when the first name is wanted; NULL: none to be had */
	bool is_tried, wants_all;
};

static void publish(struct names *n, uint64_t idx, const char *name)
{
	struct event ev = {.kind = EVENT_HOST_NAMED, .host_idx = idx, .named = {.name = name}};

	bus_publish(n->bus, &ev);
}

static void on_ptr(void *ctx, uint64_t id, const char *name)
{
	publish(ctx, id, name);
}

static void on_event(void *ctx, const struct event *ev)
{
	struct names *n = ctx;
	struct resolve_conf rc = {.timeout_ms = PTR_TIMEOUT_MS, .max_inflight = PTR_INFLIGHT};

	if (ev->done.state == HOST_DOWN && !n->wants_all) {
		publish(n, ev->host_idx, NULL);
		return;
	}
	if (!n->is_tried && resolve_new(&rc, &n->resolver) < 0)
		n->resolver = NULL;
	n->is_tried = true;
	if (!n->resolver ||
	    resolve_reverse(n->resolver, &ev->done.addr, ev->host_idx, on_ptr, n) < 0)
		publish(n, ev->host_idx, NULL);
}

struct names *names_new(struct bus *bus, bool wants_all)
{
	struct names *n = mem_alloc(1, sizeof(*n));

	if (!n)
		return NULL;
	*n = (struct names){.bus = bus, .wants_all = wants_all};
	if (bus_subscribe(bus, EVENT_BIT(EVENT_HOST_SCANNED), on_event, n) < 0) {
		mem_free(n);
		return NULL;
	}
	return n;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	resolve_free(n->resolver);
	mem_free(n);
}

uint32_t names_poll(struct names *n, uint32_t wait_ms)
{
	return n && n->resolver ? resolve_poll(n->resolver, wait_ms) : 0;
}
