/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sending: one live frame after another takes the next slot of its worker's lane. */
#pragma once

#include "pktio/bpf/sweep.h"

/**
 * The lane of the running thread. With one worker it is the first, on any kernel; with more the
 * thread says which, by a helper that XDP programs may call since Linux 6.10.
 */
INLINE struct xdp_lane *lane_of_task(uint64_t task, uint32_t *ret_m)
{
	for (uint32_t m = 0; m < XDP_MEMBERS_MAX; m++) {
		uint32_t key = m;
		struct xdp_lane *lane = m < n_members ? bpf_map_lookup_elem(&lanes, &key) : NULL;

		if (lane && lane->task == task) {
			*ret_m = m;
			return lane;
		}
	}
	return NULL;
}

INLINE struct xdp_lane *lane_of_run(uint32_t *ret_m)
{
	uint32_t first = 0;

	if (n_members > 1)
		return lane_of_task(bpf_get_current_pid_tgid(), ret_m);
	*ret_m = 0;
	return bpf_map_lookup_elem(&lanes, &first);
}

INLINE int transmit(struct xdp_md *ctx)
{
	uint32_t m = 0;
	struct xdp_lane *lane = lane_of_run(&m);

	if (!lane)
		return XDP_DROP;
	uint32_t i = lane->next++;
	if (i >= lane->n_frames || i >= XDP_BATCH_MAX)
		return XDP_DROP;
	if (plan.n_ports && lane->is_sweep)
		return sweep_transmit(ctx, m, lane, i);
	uint32_t key = m * batch + lane->order[i];
	const struct xdp_slot *slot = bpf_map_lookup_elem(&slots, &key);
	if (!slot)
		return XDP_DROP;
	uint64_t len = slot->len, have = ctx->data_end - ctx->data;
	if (len != have && bpf_xdp_adjust_tail(ctx, (int)len - (int)have))
		return XDP_DROP;
	BOUND_AGAIN(len);
	if (len < ETH_HLEN || len > XDP_FRAME_CAP ||
	    bpf_xdp_store_bytes(ctx, 0, (void *)slot->bytes, len))
		return XDP_DROP;
	lane->n_pending++;
	return (int)bpf_redirect(slot->if_idx, 0);
}

/** A thread has one lane at a time: the last it claimed. */
INLINE void claim(uint32_t wanted, uint64_t task)
{
	for (uint32_t m = 0; m < XDP_MEMBERS_MAX; m++) {
		uint32_t key = m;
		struct xdp_lane *lane = bpf_map_lookup_elem(&lanes, &key);

		if (lane && m == wanted)
			lane->task = task;
		else if (lane && lane->task == task)
			lane->task = 0;
	}
}

/** Account for a bulk, if it is one of ours: other programs redirect frames too. */
INLINE int told(uint64_t task, uint32_t n_sent, uint32_t n_dropped)
{
	uint32_t m;
	struct xdp_lane *lane = lane_of_task(task, &m);

	if (!lane || n_sent + n_dropped > lane->n_pending)
		return 0;
	lane->n_pending -= n_sent + n_dropped;
	lane->n_sent += n_sent;
	lane->n_dropped += n_dropped;
	uint32_t i = lane->n_bulks++;
	if (i < XDP_BULKS_MAX) {
		lane->bulks[i].n_sent = (uint16_t)n_sent;
		lane->bulks[i].n_dropped = (uint16_t)n_dropped;
	}
	return 0;
}
