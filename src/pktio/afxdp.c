/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Back ends that send by AF_XDP (xsk.c) and receive by packet socket, because a transmit-only
 * socket needs no XDP program. One interface and one queue; a frame for another interface leaves by
 * the packet socket's sendmmsg, so that a scan over several is whole. A quarter cheaper per frame
 * than sendmmsg in copy mode (docs/internals/back-ends.md). A driver may accept frames and drop
 * them: pktio_choose() proves delivery before one of these is chosen unasked.
 */
#include "base/mem.h"
#include "pktio/l2io.h"
#include "pktio/xsk.h"

#include <errno.h>

struct afxdp {
	struct xsk xsk;
	uint32_t if_idx;
	struct txqueue strays; /* for other interfaces; its descriptor is the packet socket's */
};

static int sender_open(struct l2io *l, const struct pktio_conf *conf, enum xsk_mode mode)
{
	struct afxdp *a = mem_alloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->xsk.fd = -1;
	l->sender_state = a;
	a->if_idx = conf->tx_if_idx ? conf->tx_if_idx : conf->if_idx;
	if (!a->if_idx)
		return -E_UNSUPPORTED;
	a->strays.msgs = mem_alloc(conf->batch, sizeof(*a->strays.msgs));
	if (!a->strays.msgs)
		return -ENOMEM;
	a->strays.fd = l->out.fd;
	struct xsk_conf xc = {.if_idx = a->if_idx,
			      .queue = conf->tx_queue,
			      .n_slots = conf->batch * 2,
			      .mode = mode,
			      .waits_for_queue = conf->waits_for_queue};
	return xsk_open(&a->xsk, &xc);
}

static int copy_sender_open(struct l2io *l, const struct pktio_conf *conf)
{
	return sender_open(l, conf, XSK_COPY);
}

static int zero_copy_sender_open(struct l2io *l, const struct pktio_conf *conf)
{
	return sender_open(l, conf, XSK_ZERO_COPY);
}

static uint32_t afxdp_sender_close(struct l2io *l, int *fds)
{
	struct afxdp *a = l->sender_state;

	if (!a)
		return 0;
	fds[0] = xsk_close(&a->xsk);
	mem_free(a->strays.msgs);
	mem_free(a);
	l->sender_state = NULL;
	return 1;
}

/**
 * Have the kernel take all that waits. What a full device queue threw away is queued again after a
 * while: a loss that depends on how busy this machine is would look like one of the path. @return
 * frames that did not leave in time.
 */
static uint32_t flush(struct xsk *x, struct pktio_stats *st, int *gone)
{
	struct txwait wait = {0};
	uint32_t n_lost = 0, n_waiting = xsk_n_waiting(x);

	while (n_waiting) {
		uint32_t was = n_waiting;
		int error = xsk_wake(x);

		st->n_tx_calls++;
		n_waiting = xsk_n_waiting(x);
		wait.backoff_ns = n_waiting < was ? 0 : wait.backoff_ns;
		if (n_waiting < was && error != EBUSY)
			continue;
		xsk_reap(x);
		if (error == EBUSY) {
			n_lost += !xsk_put_again(x);
			n_waiting = xsk_n_waiting(x);
		}
		*gone = tx_is_device_gone(error) ? error : *gone;
		st->n_tx_retries++;
		if (*gone || !txwait_again(&wait, x->fd, ENOBUFS))
			break;
	}
	return n_lost + n_waiting;
}

/** Put frames from @p i on in slots or among the strays until the slots are full. @return next. */
static uint32_t fill(struct afxdp *a, struct l2io *l, uint32_t i, uint32_t *n_put)
{
	for (; i < l->out.n; i++) {
		if (l2io_if_idx(l, i) != a->if_idx) {
			a->strays.msgs[a->strays.n++] = l->out.msgs[i];
			continue;
		}
		const struct iovec *bytes = l2io_bytes(l, i);
		if (!xsk_put(&a->xsk, bytes))
			break;
		l->st.n_tx_bytes += bytes->iov_len;
		++*n_put;
	}
	return i;
}

static int afxdp_send(struct l2io *l)
{
	struct afxdp *a = l->sender_state;
	struct txwait wait = {0};
	uint32_t i = 0, n_sent = 0;
	int gone = 0;

	while (i < l->out.n && !gone) {
		uint32_t n = 0;

		xsk_reap(&a->xsk);
		i = fill(a, l, i, &n);
		if (!n && i < l->out.n && !txwait_again(&wait, a->xsk.fd, ENOBUFS))
			break;
		uint32_t n_lost = MIN(flush(&a->xsk, &l->st, &gone), n);
		l->st.n_tx_errors += n_lost;
		n_sent += n - n_lost;
	}
	l->st.n_tx_frames += n_sent;
	l->st.n_tx_errors += l->out.n - i;
	l->out.n = 0;
	int n_strays = a->strays.n ? txqueue_send(&a->strays, &l->st) : 0;
	n_sent += (uint32_t)MAX(n_strays, 0);
	return n_sent == 0 && gone ? -gone : (int)n_sent;
}

static const struct l2io_sender copy_sender = {
	.open = copy_sender_open,
	.send = afxdp_send,
	.close = afxdp_sender_close,
};
static const struct l2io_sender zero_copy_sender = {
	.open = zero_copy_sender_open,
	.send = afxdp_send,
	.close = afxdp_sender_close,
};

static int afxdp_open(struct pktio *io, const struct pktio_conf *conf)
{
	return l2io_open(io, conf, &copy_sender);
}

static int afxdp_zc_open(struct pktio *io, const struct pktio_conf *conf)
{
	return l2io_open(io, conf, &zero_copy_sender);
}

const struct pktio_ops pktio_afxdp = {
	.name = "afxdp",
	.help = "AF_XDP socket, copying: one Ethernet interface, large scans",
	.open = afxdp_open,
	L2IO_OPS,
};

const struct pktio_ops pktio_afxdp_zc = {
	.name = "afxdp-zc",
	.help = "AF_XDP socket without copying: drivers that can, and only when asked for",
	.open = afxdp_zc_open,
	L2IO_OPS,
};
