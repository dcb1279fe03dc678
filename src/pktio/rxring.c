/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TPACKET_V3: the kernel writes packets into blocks that are mapped here and hands over a block
 * when it is full or a millisecond old. A frame lent out points into its block; the block goes back
 * when all its packets were lent and all came home. The kernel's time stamps are wall-clock time
 * and are brought to the monotonic clock by the difference of the two, taken anew for every batch.
 * Sources: packet(7), Documentation/networking/packet_mmap.rst.
 */
#include "pktio/rxring.h"

#include "base/clock.h"
#include "pktio/rxfilter.h"

#include <errno.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#define RING_MIN_BYTES  8192u
#define RING_MAX_BYTES  (4u << 20)
#define WANTED_BYTES    (8u << 20) /* when conf does not say */
#define RING_SHARE      8          /* of the socket buffer wanted */
#define BLOCK_MIN_BYTES 4096u
#define FRAME_MIN_BYTES 2048u /* only a divisor of the block: packets are packed */
#define RETIRE_MS       1
#define LENT_SLEEP_NS   (100 * NS_PER_US)
#define TIME_TRUST_NS   NS_PER_S /* a stamp further off than this tells of a stepped clock */

static struct tpacket_block_desc *block_of(const struct rxring *r, uint32_t i)
{
	return (struct tpacket_block_desc *)(void *)(r->map + (size_t)i * r->block_bytes);
}

static void give_back(struct rxring *r, uint32_t i)
{
	r->is_read[i] = false;
	__atomic_store_n(&block_of(r, i)->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

static int map_ring(struct rxring *r, uint32_t wanted_bytes)
{
	uint32_t bytes = CLAMP((wanted_bytes ? wanted_bytes : WANTED_BYTES) / RING_SHARE,
			       RING_MIN_BYTES, RING_MAX_BYTES);
	uint32_t block = BLOCK_MIN_BYTES;
	int version = TPACKET_V3;

	while (block * RXRING_BLOCKS < bytes)
		block *= 2;
	r->block_bytes = block;
	r->n_blocks = CLAMP(bytes / block, 2u, (uint32_t)RXRING_BLOCKS);
	struct tpacket_req3 req = {.tp_block_size = block,
				   .tp_block_nr = r->n_blocks,
				   .tp_frame_size = FRAME_MIN_BYTES,
				   .tp_frame_nr = block / FRAME_MIN_BYTES * r->n_blocks,
				   .tp_retire_blk_tov = RETIRE_MS};
	if (setsockopt(r->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(r->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) < 0)
		return -errno;
	void *map = mmap(NULL, (size_t)block * r->n_blocks, PROT_READ | PROT_WRITE, MAP_SHARED,
			 r->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	r->map = map;
	return 0;
}

int rxring_open(struct rxring *r, const struct pktio_conf *conf, int fd)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)conf->if_idx};
	int one = 1;

	*r = (struct rxring){.fd = fd};
	int err = rxfilter_link(fd, conf);
	if (!err)
		err = map_ring(r, conf->rx_buf_bytes);
	if (err)
		return err;
	(void)setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	return bind(fd, (struct sockaddr *)&ll, sizeof(ll)) < 0 ? -errno : 0;
}

void rxring_close(struct rxring *r)
{
	if (r->map)
		munmap(r->map, (size_t)r->block_bytes * r->n_blocks);
	*r = (struct rxring){0};
}

static void fill_frame(const struct rxring *r, struct tpacket3_hdr *h, struct frame *f)
{
	struct sockaddr_ll from;
	uint8_t *at = (uint8_t *)h;

	memcpy(&from, at + TPACKET_ALIGN(sizeof(*h)), sizeof(from));
	bool has_header = from.sll_hatype == ARPHRD_ETHER || from.sll_hatype == ARPHRD_LOOPBACK;

	*f = (struct frame){.bytes = at + h->tp_mac,
			    .len = h->tp_snaplen,
			    .cap = h->tp_snaplen,
			    .if_idx = (uint32_t)from.sll_ifindex,
			    .link = has_header ? LINK_ETHERNET : LINK_NONE,
			    .time_ns = (uint64_t)h->tp_sec * NS_PER_S + h->tp_nsec,
			    .cookie = r->at};
}

/** The block to read from, or false: the kernel has not handed over any. */
static bool has_packets(struct rxring *r)
{
	while (!r->n_left) {
		struct tpacket_block_desc *b = block_of(r, r->at);

		if (r->is_read[r->at] ||
		    !(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			return false;
		r->n_left = b->hdr.bh1.num_pkts;
		r->next = (uint8_t *)b + b->hdr.bh1.offset_to_first_pkt;
		if (r->n_left)
			break;
		give_back(r, r->at);
		r->at = (r->at + 1) % r->n_blocks;
	}
	return true;
}

static uint32_t take(struct rxring *r, struct frame *f, uint32_t n)
{
	uint32_t i = 0;

	for (; i < n && has_packets(r); i++) {
		struct tpacket3_hdr *h = (struct tpacket3_hdr *)(void *)r->next;

		fill_frame(r, h, &f[i]);
		r->n_lent[r->at]++;
		r->next += h->tp_next_offset;
		if (--r->n_left == 0) {
			r->is_read[r->at] = true;
			r->at = (r->at + 1) % r->n_blocks;
		}
	}
	return i;
}

static void set_times(struct frame *f, uint32_t n)
{
	uint64_t now_ns = clock_now_ns(), ahead_ns = clock_wall_ns() - now_ns;

	for (uint32_t i = 0; i < n; i++) {
		uint64_t at_ns = f[i].time_ns - ahead_ns;

		f[i].time_ns = now_ns - at_ns < TIME_TRUST_NS ? at_ns : now_ns;
	}
}

/* poll also tells of a block that is still lent out, so that one is slept for. */
static int wait_for_packets(struct rxring *r, struct frame *f, uint32_t n, uint32_t wait_us)
{
	struct timespec ts = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000L};
	struct timespec nap = {.tv_nsec = LENT_SLEEP_NS};
	uint64_t end_ns = clock_now_ns() + (uint64_t)wait_us * NS_PER_US;

	for (;;) {
		struct pollfd p = {.fd = r->fd, .events = POLLIN};
		int ready = ppoll(&p, 1, &ts, NULL);

		r->n_calls++;
		if (ready < 0)
			return errno == EINTR ? 0 : -errno;
		uint32_t got = ready ? take(r, f, n) : 0;
		if (got || !ready || clock_now_ns() >= end_ns)
			return (int)got;
		nanosleep(&nap, NULL);
	}
}

int rxring_acquire(struct rxring *r, struct frame *f, uint32_t n, uint32_t wait_us)
{
	int got = (int)take(r, f, n);

	if (!got && n)
		got = wait_for_packets(r, f, n, wait_us);
	if (got > 0) {
		set_times(f, (uint32_t)got);
		r->n_frames += (uint32_t)got;
	}
	return got;
}

void rxring_release(struct rxring *r, const struct frame *f, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = (uint32_t)f[i].cookie;

		assert(at < r->n_blocks && r->n_lent[at] > 0);
		if (--r->n_lent[at] == 0 && r->is_read[at])
			give_back(r, at);
	}
}

void rxring_stats(struct rxring *r, struct pktio_stats *ret)
{
	struct tpacket_stats_v3 st = {0};
	socklen_t len = sizeof(st);

	/* reading clears it; drops are also in the count of packets */
	if (getsockopt(r->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0)
		r->n_dropped += st.tp_drops;
	ret->n_rx_frames += r->n_frames;
	ret->n_rx_calls += r->n_calls;
	ret->n_rx_dropped += r->n_dropped;
}
