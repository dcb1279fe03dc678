/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One dump of the kernel's neighbours, sorted for lookup. Only entries with a link-layer address in
 * a state the kernel itself would send to are kept (RFC 4861 7.3.2 names the states;
 * ip-neighbour(8)).
 */
#include "pktio/neigh.h"

#include <errno.h>
#include <stdlib.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#define NEIGHS_MAX   1048576
#define NEIGH_USABLE (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY)

static int on_neigh(void *ctx, const struct nl_msg *m)
{
	struct neigh_table *t = ctx;
	struct nl_neigh n;

	if (m->type != RTM_NEWNEIGH || nl_neigh_parse(m, &n))
		return 0;
	/* a group address is nobody's own, though the kernel may believe it */
	if (!n.has_mac || n.mac.b[0] & 1 || !(n.state & NEIGH_USABLE) || n.addr.family == ADDR_NONE)
		return 0;
	struct nl_neigh *to = rows_add(&t->rows);
	if (!to)
		return -ENOMEM;
	*to = n;
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct nl_neigh *x = a, *y = b;

	if (x->if_idx != y->if_idx)
		return x->if_idx < y->if_idx ? -1 : 1;
	return addr_cmp(&x->addr, &y->addr);
}

int neigh_load(struct neigh_table *t, struct nl_sock *nl)
{
	t->rows.size = sizeof(struct nl_neigh);
	t->rows.max = NEIGHS_MAX;
	t->rows.n = 0;
	int err = nl_dump(nl, RTM_GETNEIGH, on_neigh, t);
	if (err && err != -EAGAIN) /* changed meanwhile: as good as any other moment */
		return err;
	if (t->rows.n)
		qsort(t->rows.p, t->rows.n, sizeof(struct nl_neigh), by_place);
	t->is_read = true;
	return 0;
}

int neigh_find(const struct neigh_table *t, uint32_t if_idx, const struct addr *a, struct mac *ret)
{
	struct nl_neigh key = {.if_idx = if_idx, .addr = *a};
	const struct nl_neigh *n = NULL;

	key.addr.zone = 0;
	if (t->rows.n)
		n = bsearch(&key, t->rows.p, t->rows.n, sizeof(key), by_place);
	if (!n)
		return -E_EMPTY;
	*ret = n->mac;
	return 0;
}

void neigh_fini(struct neigh_table *t)
{
	mem_free(t->rows.p);
	*t = (struct neigh_table){0};
}
