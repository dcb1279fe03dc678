/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The memory back end: reserve lends the transmit slots from the first on, kick hands what was
 * committed to the script. It asserts the borrow rules of pktio.h, so a loop that breaks them fails
 * its test.
 */
#include "support/mempktio.h"

#include <assert.h>
#include <string.h>

static uint32_t mem_tx_reserve(struct pktio *io, struct frame *f, uint32_t n)
{
	struct mempktio *m = io->state;

	assert(m->n_reserved == 0);
	n = MIN(n, MEMPKTIO_FRAMES - m->n_committed);
	for (uint32_t i = 0; i < n; i++)
		f[i] = (struct frame){.bytes = m->tx[m->n_committed + i],
				      .cap = MEMPKTIO_FRAME_CAP,
				      .link = LINK_NONE};
	m->n_reserved = n;
	return n;
}

static void mem_tx_commit(struct pktio *io, const struct frame *f, uint32_t n)
{
	struct mempktio *m = io->state;
	uint32_t first = m->n_committed;

	assert(n == m->n_reserved);
	for (uint32_t i = 0; i < n; i++) {
		assert(f[i].bytes == m->tx[first + i] && f[i].len <= f[i].cap);
		if (!f[i].len)
			break;
		m->tx_len[m->n_committed++] = f[i].len;
	}
	m->n_reserved = 0;
}

static int mem_tx_kick(struct pktio *io)
{
	struct mempktio *m = io->state;
	uint32_t n = m->n_committed;

	m->n_committed = 0;
	m->stats.n_tx_calls++;
	if (m->kick_error)
		return m->kick_error;
	m->stats.n_tx_frames += n;
	for (uint32_t i = 0; i < n; i++) {
		struct frame f = {.bytes = m->tx[i],
				  .len = m->tx_len[i],
				  .cap = MEMPKTIO_FRAME_CAP,
				  .link = LINK_NONE};
		m->on_sent(m->ctx, m, &f);
	}
	return (int)n;
}

static int mem_rx_acquire(struct pktio *io, struct frame *f, uint32_t n, uint32_t wait_us)
{
	struct mempktio *m = io->state;
	uint32_t have = m->rx_head - m->rx_tail;

	(void)wait_us;
	assert(m->n_lent == 0);
	n = MIN(n, have);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t slot = (m->rx_tail + i) % MEMPKTIO_FRAMES;
		f[i] = (struct frame){.bytes = m->rx[slot],
				      .len = m->rx_len[slot],
				      .cap = MEMPKTIO_FRAME_CAP,
				      .link = LINK_NONE};
	}
	m->n_lent = n;
	m->stats.n_rx_calls++;
	return (int)n;
}

static void mem_rx_release(struct pktio *io, const struct frame *f, uint32_t n)
{
	struct mempktio *m = io->state;

	(void)f;
	assert(n == m->n_lent);
	m->rx_tail += n;
	m->n_lent = 0;
}

static void mem_stats(struct pktio *io, struct pktio_stats *ret)
{
	struct mempktio *m = io->state;

	*ret = m->stats;
}

static const struct pktio_ops mempktio_ops = {
	.name = "memory",
	.help = "a network in memory",
	.caps = PKTIO_V4 | PKTIO_V6,
	.tx_reserve = mem_tx_reserve,
	.tx_commit = mem_tx_commit,
	.tx_kick = mem_tx_kick,
	.rx_acquire = mem_rx_acquire,
	.rx_release = mem_rx_release,
	.stats = mem_stats,
};

void mempktio_init(struct mempktio *m,
		   void (*on_sent)(void *, struct mempktio *, const struct frame *), void *ctx)
{
	memset(m, 0, sizeof(*m));
	m->io = (struct pktio){.ops = &mempktio_ops, .state = m};
	m->on_sent = on_sent;
	m->ctx = ctx;
}

void mempktio_push(struct mempktio *m, const void *packet, size_t len)
{
	uint32_t slot = m->rx_head % MEMPKTIO_FRAMES;

	assert(len <= MEMPKTIO_FRAME_CAP);
	if (m->rx_head - m->rx_tail == MEMPKTIO_FRAMES) {
		m->stats.n_rx_dropped++;
		return;
	}
	memcpy(m->rx[slot], packet, len);
	m->rx_len[slot] = (uint32_t)len;
	m->rx_head++;
	m->stats.n_rx_frames++;
}
