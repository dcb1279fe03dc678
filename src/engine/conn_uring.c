/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Connect scan by io_uring: a batch of connects and all their outcomes for one system call. Sockets
 * are in blocking mode, the kernel polls them itself. A slot has at most one request in the ring,
 * and its socket is touched only when that request has completed: a reset under a pending request
 * would make the kernel connect once more.
 *
 * A result of 0 is checked: the kernel (seen on 6.18) takes a queued ICMP error for the end of the
 * connect and then finds no error to return. The queue even outlives the connect and spoils the
 * next one on the same socket.
 */
#include "engine/conn_int.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <liburing.h>

enum { SQ_ENTRIES = 64, CQ_ENTRIES_MAX = 4096 };

/** Completions of cancellations carry no news. */
#define UD_CANCEL UINT64_MAX

struct conn_uring {
	struct io_uring ring;
	bool drains; /* ICMP errors occur: refused sockets may have one queued */
	union conn_sockaddr to[SQ_ENTRIES]; /* by place in the submission queue; the kernel copies
					       at submission */
};

static int ring_setup(struct io_uring *ring, uint32_t n_slots, uint32_t flags)
{
	struct io_uring_params p = {
		.flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED,
		.cq_entries = CLAMP(n_slots, 2u * SQ_ENTRIES, (uint32_t)CQ_ENTRIES_MAX),
	};
	const uint32_t needs = IORING_FEAT_FAST_POLL | IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG;
	int err = io_uring_queue_init_params(SQ_ENTRIES, ring, &p);

	if (!err && (p.features & needs) != needs) {
		io_uring_queue_exit(ring);
		return -ENOSYS;
	}
	return err;
}

static int uring_open(struct conn *c)
{
	struct conn_uring *u = mem_alloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	int err = ring_setup(&u->ring, c->n_slots,
			     IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	if (err == -EINVAL)
		err = ring_setup(&u->ring, c->n_slots, 0);
	if (err) {
		mem_free(u);
		return err == -ENOSYS || err == -EPERM || err == -EACCES || err == -EINVAL
			       ? -E_UNSUPPORTED
			       : err;
	}
	c->backend = u;
	return 0;
}

/** The ring was made by the coordinator; who enables it is its only issuer. */
static int uring_start(struct conn *c)
{
	struct conn_uring *u = c->backend;

	return io_uring_enable_rings(&u->ring);
}

/** A submission entry; submits what is queued when there is none. NULL: the kernel takes nothing
 * now. */
static struct io_uring_sqe *sqe_get(struct conn_uring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (!sqe && io_uring_submit(&u->ring) > 0)
		sqe = io_uring_get_sqe(&u->ring);
	return sqe;
}

static int uring_begin(struct conn *c, struct conn_slot *s)
{
	struct conn_uring *u = c->backend;
	struct io_uring_sqe *sqe = sqe_get(u);

	if (!sqe)
		return -EAGAIN;
	union conn_sockaddr *to = &u->to[sqe - u->ring.sq.sqes];
	io_uring_prep_connect(sqe, s->fd, &to->any, conn_sockaddr_of(&s->probe.to, to));
	io_uring_sqe_set_data64(sqe, (uint64_t)(s - c->slots));
	return -EINPROGRESS;
}

/**
 * Linux 6.12 and later run at most 20 completions a call unless more are waited for: a batch
 * (CONN_BATCH) is smaller, else outcomes that are already there would pile up while new sockets are
 * made.
 */
static int submit(struct conn *c, uint32_t wait_us)
{
	struct conn_uring *u = c->backend;
	struct io_uring_cqe *cqe;
	int err;

	if (wait_us) {
		struct __kernel_timespec ts = {.tv_sec = wait_us / 1000000,
					       .tv_nsec = wait_us % 1000000 * 1000};
		err = io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, &ts, NULL);
	} else {
		err = io_uring_submit_and_get_events(&u->ring);
	}
	/* busy: completions must be taken first; again: no memory now, the entries stay queued */
	return err >= 0 || err == -ETIME || err == -EINTR || err == -EBUSY || err == -EAGAIN ? 0
											     : err;
}

/** Is a connect that "succeeded" connected? @return 0, -errno of the true outcome, -EINPROGRESS:
 * begun anew. */
static int confirm(struct conn *c, struct conn_slot *s)
{
	struct conn_uring *u = c->backend;

	if (conn_socket_was_connected(s->fd))
		return 0;
	u->drains = true;
	int err = conn_slot_icmp(s);
	conn_socket_reset(s->fd);
	if (err || s->is_restarted)
		return err ? err : -ECANCELED;
	s->is_restarted = true;
	err = conn_slot_reopen(c, s);
	return err ? err : uring_begin(c, s);
}

static int outcome(struct conn *c, struct conn_slot *s, int res)
{
	const struct conn_uring *u = c->backend;

	if (!res)
		return confirm(c, s);
	if (res == -ECANCELED)
		conn_socket_reset(s->fd);
	if (res == -ECONNREFUSED && u->drains)
		(void)conn_socket_icmp(s->fd, &s->probe.to);
	return res;
}

static int uring_poll(struct conn *c, uint32_t wait_us)
{
	struct conn_uring *u = c->backend;
	struct io_uring_cqe *cqe;
	unsigned head, n = 0;

	if (!wait_us && !c->n_in_flight) {
		c->now_ns = clock_now_ns(); /* what is waited for may be less than 1 us away */
		return 0;
	}
	int err = submit(c, wait_us);
	c->now_ns = clock_now_ns();
	io_uring_for_each_cqe(&u->ring, head, cqe)
	{
		n++;
		if (cqe->user_data == UD_CANCEL)
			continue;
		struct conn_slot *s = &c->slots[cqe->user_data];
		int res = outcome(c, s, cqe->res);
		if (res != -EINPROGRESS)
			conn_outcome(c, s, res);
	}
	io_uring_cq_advance(&u->ring, n);
	return err;
}

static void uring_give_up(struct conn *c, struct conn_slot *s)
{
	struct conn_uring *u = c->backend;
	struct io_uring_sqe *sqe = sqe_get(u);

	if (!sqe)
		return;
	io_uring_prep_cancel64(sqe, (uint64_t)(s - c->slots), 0);
	io_uring_sqe_set_data64(sqe, UD_CANCEL);
}

static void uring_close(struct conn *c)
{
	struct conn_uring *u = c->backend;

	if (!u)
		return;
	io_uring_queue_exit(&u->ring);
	mem_free(u);
	c->backend = NULL;
}

const struct conn_ops conn_uring = {
	.name = "io_uring",
	.open = uring_open,
	.start = uring_start,
	.begin = uring_begin,
	.poll = uring_poll,
	.give_up = uring_give_up,
	.close = uring_close,
};
