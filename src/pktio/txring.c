/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Back end with Ethernet frames by a mapped transmit ring (PACKET_TX_RING, TPACKET_V2): frames are
 * copied into slots and one send(2) flushes all of one interface. A socket of its own, bound to no
 * protocol, because a socket with a transmit ring cannot sendmmsg. Measured no faster than sendmmsg
 * (docs/internals/back-ends.md), so nothing chooses it unasked.
 * Sources: packet(7), Documentation/networking/packet_mmap.rst.
 */
#include "base/mem.h"
#include "pktio/l2io.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK_BYTES (64u << 10)
#define DATA_OFFSET (TPACKET2_HDRLEN - sizeof(struct sockaddr_ll))

/** Invariant: head is the slot the kernel will send next. */
struct txring {
	int fd;
	uint8_t *map;
	size_t map_bytes;
	uint32_t n_slots, slot_bytes, per_block, head;
};

static struct tpacket2_hdr *slot_at(const struct txring *t, uint32_t i)
{
	i %= t->n_slots;
	return (struct tpacket2_hdr *)(void *)(t->map + (size_t)(i / t->per_block) * BLOCK_BYTES +
					       (size_t)(i % t->per_block) * t->slot_bytes);
}

static int map_slots(struct txring *t, const struct txbatch *b)
{
	int version = TPACKET_V2;

	t->slot_bytes = (uint32_t)TPACKET_ALIGN(TPACKET2_HDRLEN + b->frame_cap);
	t->per_block = BLOCK_BYTES / t->slot_bytes;
	struct tpacket_req req = {.tp_block_size = BLOCK_BYTES,
				  .tp_block_nr = b->cap / t->per_block + 1,
				  .tp_frame_size = t->slot_bytes};
	t->n_slots = req.tp_frame_nr = req.tp_block_nr * t->per_block;
	if (setsockopt(t->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(t->fd, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req)) < 0)
		return -errno;
	t->map_bytes = (size_t)req.tp_block_nr * BLOCK_BYTES;
	void *map = mmap(NULL, t->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	t->map = map;
	return 0;
}

static int txring_sender_open(struct l2io *l, const struct pktio_conf *conf)
{
	struct txring *t = mem_alloc(1, sizeof(*t));
	int one = 1;

	if (!t)
		return -ENOMEM;
	l->sender_state = t;
	t->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (t->fd < 0)
		return -errno;
	(void)setsockopt(t->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	/* a frame the device cannot take is passed over instead of stopping the ring for good */
	if (setsockopt(t->fd, SOL_PACKET, PACKET_LOSS, &one, sizeof(one)) < 0)
		return -errno;
	return map_slots(t, &l->batch);
}

static uint32_t txring_sender_close(struct l2io *l, int *fds)
{
	struct txring *t = l->sender_state;

	if (!t)
		return 0;
	if (t->map)
		munmap(t->map, t->map_bytes);
	fds[0] = t->fd;
	mem_free(t);
	l->sender_state = NULL;
	return 1;
}

/** Slots [head, head + n) are filled: those up to the returned one have left the ring. */
static uint32_t n_left_ring(const struct txring *t, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (__atomic_load_n(&slot_at(t, t->head + i)->tp_status, __ATOMIC_ACQUIRE) &
		    TP_STATUS_SEND_REQUEST)
			return i;
	return n;
}

/** Count what has left and take the rest back. @return frames sent. */
static uint32_t settle(struct txring *t, struct l2io *l, uint32_t n)
{
	uint32_t n_sent = n_left_ring(t, n);

	for (uint32_t i = 0; i < n; i++) {
		struct tpacket2_hdr *h = slot_at(t, t->head + i);

		if (i < n_sent)
			l->st.n_tx_bytes += h->tp_len;
		else
			__atomic_store_n(&h->tp_status, TP_STATUS_AVAILABLE, __ATOMIC_RELEASE);
	}
	l->st.n_tx_frames += n_sent;
	l->st.n_tx_errors += n - n_sent;
	t->head = (t->head + n_sent) % t->n_slots;
	return n_sent;
}

/** Flush @p n filled slots to one interface. @return frames sent; @p gone errno of a lost device.
 */
static uint32_t flush(struct txring *t, struct l2io *l, struct msghdr *to, uint32_t n, int *gone)
{
	struct msghdr msg = {.msg_name = to->msg_name, .msg_namelen = to->msg_namelen};
	struct txwait wait = {0};

	for (;;) {
		int error = sendmsg(t->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;

		l->st.n_tx_calls++;
		if (n_left_ring(t, n) == n)
			break;
		*gone = tx_is_device_gone(error) ? error : *gone;
		if (error && !tx_is_queue_full(error))
			break;
		l->st.n_tx_retries++;
		if (!txwait_again(&wait, t->fd, ENOBUFS))
			break;
	}
	return settle(t, l, n);
}

/** Copy committed frames from @p first on, all to one interface, into slots. @return how many. */
static uint32_t fill(struct txring *t, const struct l2io *l, uint32_t first)
{
	uint32_t n = 0, if_idx = l2io_if_idx(l, first);

	for (; first + n < l->out.n && n < t->n_slots; n++) {
		struct tpacket2_hdr *h = slot_at(t, t->head + n);
		const struct iovec *iov = l2io_bytes(l, first + n);

		if (l2io_if_idx(l, first + n) != if_idx ||
		    __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) != TP_STATUS_AVAILABLE)
			break;
		memcpy((uint8_t *)h + DATA_OFFSET, iov->iov_base, iov->iov_len);
		h->tp_len = (uint32_t)iov->iov_len;
		__atomic_store_n(&h->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
	}
	return n;
}

static int txring_send(struct l2io *l)
{
	struct txring *t = l->sender_state;
	struct txwait wait = {0};
	uint32_t n_sent = 0, i = 0;
	int gone = 0;

	while (i < l->out.n) {
		uint32_t n = fill(t, l, i);

		/* slots whose frames a driver still holds */
		if (!n && !txwait_again(&wait, t->fd, ENOBUFS))
			break;
		if (n)
			n_sent += flush(t, l, &l->out.msgs[i].msg_hdr, n, &gone);
		i += n;
	}
	l->st.n_tx_errors += l->out.n - i;
	l->out.n = 0;
	return n_sent == 0 && gone ? -gone : (int)n_sent;
}

static const struct l2io_sender txring_sender = {
	.open = txring_sender_open,
	.send = txring_send,
	.close = txring_sender_close,
};

static int txring_open(struct pktio *io, const struct pktio_conf *conf)
{
	return l2io_open(io, conf, &txring_sender);
}

const struct pktio_ops pktio_txring = {
	.name = "txring",
	.help = "packet socket with a mapped transmit ring: Ethernet interfaces; no faster than "
		"afpacket",
	.open = txring_open,
	L2IO_OPS,
};
