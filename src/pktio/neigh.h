/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel's neighbours (ARP and ND caches) in usable states, as read once. Thread: owner. */
#pragma once

#include "pktio/netlink.h"
#include "pktio/rows.h"

struct neigh_table {
	struct rows rows; /* struct nl_neigh, sorted by interface and address */
	bool is_read;
};

/** Read the kernel's table anew. @return 0, -errno. */
int neigh_load(struct neigh_table *t, struct nl_sock *nl) MUST_CHECK;
/** @return 0, -E_EMPTY. Cost: binary search. */
int neigh_find(const struct neigh_table *t, uint32_t if_idx, const struct addr *a,
	       struct mac *ret) MUST_CHECK;
void neigh_fini(struct neigh_table *t);
