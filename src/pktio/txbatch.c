/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Slots and sendmmsg for the socket back ends: between pktio_ops and the kernel.
 * The idea: everything a message header points to is fixed at init or written at commit, so a kick
 * is one system call and nothing else. What sendmmsg(2) hides is handled here: it reports an error
 * only for the first message of a call, so a refused frame shows up as the first of the next call.
 */
#include "pktio/txbatch.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#define SLOT_MIN_BYTES 128
#define SLOT_MAX_BYTES 9216
#define QUEUE_WAIT_NS  (100 * NS_PER_MS) /* longest stay in one kick with a full queue */
#define BACKOFF_MIN_NS (20 * NS_PER_US)
#define BACKOFF_MAX_NS NS_PER_MS
/* Nothing but missing routes for so long: less than a last attempt is waited for, so that no probe
 * of these is concluded from. */
#define NO_ROUTE_NS  (200 * NS_PER_MS)
#define SKB_TRUESIZE 1280 /* what the kernel charges for a small frame, generously */
#define SNDBUF_FLOOR (256 * 1024)

int txbatch_init(struct txbatch *b, const struct pktio_conf *conf, enum link_type link)
{
	uint32_t cap = CLAMP((uint32_t)conf->frame_cap_bytes, SLOT_MIN_BYTES, SLOT_MAX_BYTES);

	*b = (struct txbatch){.cap = conf->batch, .link = (uint8_t)link, .if_idx = conf->if_idx};
	b->frame_cap = (cap + 15) & ~15u;
	b->slots = mem_alloc(b->cap, b->frame_cap);
	b->iov = mem_alloc(b->cap, sizeof(*b->iov));
	b->names = mem_alloc(b->cap, sizeof(*b->names));
	return b->slots && b->iov && b->names ? 0 : -ENOMEM;
}

void txbatch_fini(struct txbatch *b)
{
	mem_free(b->slots);
	mem_free(b->iov);
	mem_free(b->names);
	*b = (struct txbatch){0};
}

void txbatch_reset(struct txbatch *b)
{
	b->n_filled = 0;
	if (b->n_lent == 0)
		b->n_used = 0;
}

uint32_t txbatch_reserve(struct txbatch *b, struct frame *f, uint32_t n)
{
	if (b->n_lent == 0 && b->n_filled == 0)
		b->n_used = 0;
	n = MIN(n, b->cap - b->n_used);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t slot = b->n_used + i;

		f[i] = (struct frame){.bytes = b->slots + (size_t)slot * b->frame_cap,
				      .cap = b->frame_cap,
				      .if_idx = b->if_idx,
				      .link = b->link,
				      .cookie = slot};
	}
	b->n_used += n;
	b->n_lent += n;
	return n;
}

union tx_name *txbatch_take(struct txbatch *b, const struct frame *f)
{
	assert(b->n_lent > 0 && f->cookie < b->cap && f->len <= b->frame_cap);
	b->n_lent--;
	if (f->len == 0)
		return NULL;
	b->n_filled++;
	return &b->names[f->cookie];
}

static void ask_send_buffer(int fd, uint32_t n_frames, uint32_t frame_cap)
{
	size_t want = (size_t)n_frames * (SKB_TRUESIZE + frame_cap);
	int bytes = (int)MAX(want, (size_t)SNDBUF_FLOOR);

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

int txqueue_init(struct txqueue *q, int fd, const struct txbatch *b)
{
	*q = (struct txqueue){.fd = fd};
	q->msgs = mem_alloc(b->cap, sizeof(*q->msgs));
	if (!q->msgs)
		return -ENOMEM;
	ask_send_buffer(fd, b->cap, b->frame_cap);
	return 0;
}

void txqueue_fini(struct txqueue *q)
{
	if (q->fd >= 0)
		close(q->fd);
	mem_free(q->msgs);
	*q = (struct txqueue){.fd = -1};
}

void txqueue_add(struct txqueue *q, struct txbatch *b, const struct frame *f, uint32_t name_len)
{
	struct msghdr *m = &q->msgs[q->n++].msg_hdr;
	struct iovec *iov = &b->iov[f->cookie];

	iov->iov_base = f->bytes;
	iov->iov_len = f->len;
	m->msg_name = &b->names[f->cookie];
	m->msg_namelen = name_len;
	m->msg_iov = iov;
	m->msg_iovlen = 1;
}

/* A full socket buffer wakes poll; a full device queue (ENOBUFS) does not, so that one is slept
 * for. */
bool txwait_again(struct txwait *w, int fd, int error)
{
	uint64_t now_ns = clock_now_ns();

	w->give_up_ns = w->give_up_ns ? w->give_up_ns : now_ns + QUEUE_WAIT_NS;
	if (now_ns >= w->give_up_ns)
		return false;
	w->backoff_ns = w->backoff_ns ? MIN(w->backoff_ns * 2, BACKOFF_MAX_NS) : BACKOFF_MIN_NS;
	struct timespec ts = {.tv_nsec = (long)w->backoff_ns};
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	(void)ppoll(&p, error == EAGAIN ? 1 : 0, &ts, NULL);
	return true;
}

bool tx_is_queue_full(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == EINTR;
}

bool tx_is_device_gone(int error)
{
	return error == ENETDOWN || error == ENODEV || error == ENXIO || error == EBADF;
}

/**
 * A raw IP socket is told by the route whose interface went down, not by the interface. A route may
 * be gone for a moment, or of a few targets only.
 * @return the error that ends the scan; 0: none yet
 */
static int lost_route(struct txqueue *q, uint32_t n_sent, int error)
{
	if (n_sent || error != ENETUNREACH) {
		q->no_route_since_ns = 0;
		return 0;
	}
	uint64_t now_ns = clock_now_ns();
	if (!q->no_route_since_ns)
		q->no_route_since_ns = now_ns;
	return now_ns - q->no_route_since_ns > NO_ROUTE_NS ? error : 0;
}

static void count_sent(const struct mmsghdr *m, uint32_t n, struct pktio_stats *st)
{
	st->n_tx_frames += n;
	for (uint32_t i = 0; i < n; i++)
		st->n_tx_bytes += m[i].msg_len;
}

int txqueue_send(struct txqueue *q, struct pktio_stats *st)
{
	struct txwait wait = {0};
	uint32_t i = 0, n_sent = 0;
	int gone = 0, last = 0;

	while (i < q->n) {
		int n = sendmmsg(q->fd, q->msgs + i, q->n - i, MSG_DONTWAIT | MSG_NOSIGNAL);
		int error = n < 0 ? errno : 0;

		st->n_tx_calls++;
		if (n > 0) {
			count_sent(q->msgs + i, (uint32_t)n, st);
			n_sent += (uint32_t)n;
			i += (uint32_t)n;
			wait.backoff_ns = 0;
		} else if (tx_is_queue_full(error)) {
			st->n_tx_retries++;
			if (!txwait_again(&wait, q->fd, error))
				break;
		} else {
			st->n_tx_errors++;
			gone = tx_is_device_gone(error) ? error : gone;
			last = error;
			i++;
		}
	}
	gone = gone ? gone : lost_route(q, n_sent, last);
	st->n_tx_errors += q->n - i;
	q->n = 0;
	return n_sent == 0 && gone ? -gone : (int)n_sent;
}
