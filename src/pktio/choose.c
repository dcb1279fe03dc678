/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The self-test of back ends, between the engine and the registry. A driver may take frames by a
 * fast path and lose them (no XDP queue set up, an offload in the way), and no return value tells;
 * what tells is an answer, or at least the interface's own count of packets sent.
 */
#include "pktio/choose.h"

#include "base/clock.h"
#include "pktio/netlink.h"
#include "wire/decode.h"
#include "wire/eth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TRIAL_FRAMES  4
#define TRIAL_WAIT_NS (60 * NS_PER_MS)
#define TRIALS_NS     (120 * NS_PER_MS) /* no new trial is begun after so long */
#define WAITS_NS      (195 * NS_PER_MS) /* no trial waits after it */
#define POLL_US       1000
#define RX_FRAMES     16
#define ETHTYPE_LOOP  0x9000 /* configuration testing: stations ignore it, bridges keep it */

enum verdict { LOST, COUNTED, ANSWERED };

void pktio_note(char notes[PKTIO_NOTES_CAP], const char *name, const char *why)
{
	size_t len = strlen(notes);

	snprintf(notes + len, PKTIO_NOTES_CAP - len, "%s%s: %s", len ? "; " : "", name, why);
}

static void put_trial(const struct pktio_trial *t, struct frame *f)
{
	static const uint8_t zeros[46];
	struct wcursor w = wcursor_of(f->bytes, f->cap);
	struct arp ask = {
		.op = ARP_REQUEST, .sender_mac = t->mac, .sender = t->src, .target = t->next_hop};

	if (t->can_ask) {
		eth_encode(&w, &t->next_hop_mac, &t->mac, ETHTYPE_ARP);
		arp_encode(&w, &ask);
	} else {
		eth_encode(&w, &t->mac, &t->mac, ETHTYPE_LOOP);
		wcursor_put(&w, zeros, sizeof(zeros));
	}
	f->len = (uint32_t)w.pos;
	f->if_idx = t->if_idx;
}

static bool send_trial(struct pktio *io, const struct pktio_trial *t)
{
	struct frame f[TRIAL_FRAMES];
	uint32_t n = io->ops->tx_reserve(io, f, TRIAL_FRAMES);

	for (uint32_t i = 0; i < n; i++)
		put_trial(t, &f[i]);
	io->ops->tx_commit(io, f, n);
	return n && io->ops->tx_kick(io) == (int)n;
}

/** Has the next hop answered? Waits POLL_US at most. */
static bool hears_answer(struct pktio *io, const struct pktio_trial *t)
{
	struct frame f[RX_FRAMES];
	bool is_heard = false;
	int n = io->ops->rx_acquire(io, f, RX_FRAMES, POLL_US);

	for (int i = 0; i < n; i++) {
		struct pkt p;

		if (decode(&f[i], &p) == 0 && p.is_arp && p.arp_op == ARP_REPLY)
			is_heard |= addr_equal(&p.src, &t->next_hop);
	}
	if (n > 0)
		io->ops->rx_release(io, f, (uint32_t)n);
	return is_heard && t->can_ask;
}

struct contest {
	const struct pktio_conf *conf;
	const struct pktio_trial *trial;
	struct pktio
		*ear; /* the portable one: hears for all, and is what they must not be worse than */
	struct nl_sock *nl;   /* NULL: the interface's counter cannot be read */
	uint64_t deadline_ns; /* of all waits together */
	bool knows_ear, is_ear_answered;
};

/** @p nl NULL: answers only. */
static enum verdict try_out(const struct contest *c, struct pktio *io, struct nl_sock *nl)
{
	const struct pktio_trial *t = c->trial;
	uint64_t end_ns = MIN(clock_now_ns() + TRIAL_WAIT_NS, c->deadline_ns), before = 0, now = 0;
	bool counts = nl && nl_tx_packets(nl, t->if_idx, &before) == 0;
	bool is_counted = false;

	if (!send_trial(io, t))
		return LOST;
	while (clock_now_ns() < end_ns && !(is_counted && !t->can_ask)) {
		if (hears_answer(c->ear, t))
			return ANSWERED;
		is_counted = counts && nl_tx_packets(nl, t->if_idx, &now) == 0 &&
			     now - before >= TRIAL_FRAMES;
	}
	return is_counted ? COUNTED : LOST;
}

/** Is the portable one answered where a candidate was not? Asked once. */
static bool ear_is_answered(struct contest *c)
{
	if (!c->knows_ear)
		c->is_ear_answered = try_out(c, c->ear, NULL) == ANSWERED;
	c->knows_ear = true;
	return c->is_ear_answered;
}

/** @return NULL when @p row may be used (then ret->io is open), else why not. */
static const char *consider(struct contest *c, const struct pktio_ops *row,
			    struct pktio_choice *ret)
{
	int err = pktio_open(row, c->conf, &ret->io);

	if (err)
		return err == -EOPNOTSUPP ? "not supported by the driver" : err_text(err);
	enum verdict v = try_out(c, ret->io, c->nl);
	bool is_worse = v == COUNTED && c->trial->can_ask && ear_is_answered(c);
	ret->was_answered = v == ANSWERED;
	if (v != LOST && !is_worse)
		return NULL;
	pktio_close(ret->io);
	ret->io = NULL;
	return v == LOST ? "its frames do not leave the interface"
			 : "its frames are not answered, those of the portable back end are";
}

int pktio_choose(const struct pktio_ops *const *rows, const struct pktio_conf *conf,
		 const struct pktio_trial *trial, struct pktio_choice *ret)
{
	uint64_t begin_ns = clock_now_ns();
	struct contest c = {.conf = conf, .trial = trial, .deadline_ns = begin_ns + WAITS_NS};
	struct pktio_conf ear = *conf;
	struct nl_sock nl;
	uint32_t n = 0;

	*ret = (struct pktio_choice){0};
	while (rows[n + 1])
		n++;
	ear.wants_arp = true;
	ear.wants_rx_ring = ear.is_tx_only = false;
	int err = pktio_open(rows[n], &ear, &c.ear);
	if (err)
		return err;
	if (nl_open(&nl) == 0)
		c.nl = &nl;
	for (uint32_t i = 0; i < n && !ret->io; i++) {
		const char *why = "no time left to test it";

		if (clock_now_ns() - begin_ns < TRIALS_NS)
			why = consider(&c, rows[i], ret);
		if (why)
			pktio_note(ret->notes, rows[i]->name, why);
	}
	if (c.nl)
		nl_close(c.nl);
	pktio_close(c.ear);
	return ret->io ? 0 : pktio_open(rows[n], conf, &ret->io);
}
