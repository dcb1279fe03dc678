/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bare sending loops, one per transmit mechanism: the same SYN frames that a scan of one port over
 * many hosts sends, no scanner around them. What a back end reaches while scanning is measured
 * against these on the same bed (bench/backends). Each worker owns its socket and its half of the
 * addresses. Sources: packet(7), Documentation/networking/{packet_mmap,af_xdp}.rst.
 *
 *     bare MECHANISM IFACE DST_MAC SRC_ADDR FIRST_ADDR N_FRAMES BATCH N_THREADS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>

#define FRAME_LEN 54
#define SLOT      2048
#define BATCH_MAX 1024
#define THREADS   8
#define N_HOSTS   131072 /* addresses from the first on, asked again when there are more frames */

struct job {
	const char *iface;
	uint32_t if_idx, queue, first, skip, n_frames, batch;
	uint8_t head[FRAME_LEN]; /* everything but the destination */
	uint32_t sum_l3, sum_l4; /* of everything but the destination */
	uint64_t n_sent, n_calls;
	int (*run)(struct job *j);
	pthread_t thread;
	int error;
};

/** Where frame @p i of this job goes; network order. */
static uint32_t host_at(const struct job *j, uint32_t i)
{
	return htonl(j->first + (j->skip + i) % N_HOSTS);
}

static int fail(struct job *j)
{
	j->error = errno;
	return -1;
}

static void put_sum(uint8_t *at, uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	uint16_t folded = (uint16_t) ~((sum & 0xffff) + (sum >> 16));

	memcpy(at, &folded, 2);
}

static void put_frame(const struct job *j, uint8_t *at, uint32_t i)
{
	uint32_t to = host_at(j, i);

	memcpy(at, j->head, FRAME_LEN);
	memcpy(at + 30, &to, 4);
	put_sum(at + 24, j->sum_l3 + (to & 0xffff) + (to >> 16));
	put_sum(at + 50, j->sum_l4 + (to & 0xffff) + (to >> 16));
}

static int open_packet(struct job *j, bool is_bound)
{
	int fd = socket(AF_PACKET, SOCK_RAW, 0), one = 1, bytes = 4 << 20;
	struct sockaddr_ll ll = {.sll_family = AF_PACKET, .sll_ifindex = (int)j->if_idx};

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	if (is_bound && bind(fd, (struct sockaddr *)&ll, sizeof(ll)) < 0)
		return -1;
	return fd;
}

static int run_sendmmsg_on(struct job *j, bool is_bound)
{
	static _Thread_local struct mmsghdr m[BATCH_MAX];
	static _Thread_local struct iovec iov[BATCH_MAX];
	static _Thread_local struct sockaddr_ll to[BATCH_MAX];
	static _Thread_local uint8_t frames[BATCH_MAX][64];
	int fd = open_packet(j, is_bound);

	if (fd < 0)
		return fail(j);
	for (uint32_t k = 0; k < j->batch; k++) {
		to[k] = (struct sockaddr_ll){.sll_family = AF_PACKET,
					     .sll_ifindex = (int)j->if_idx,
					     .sll_halen = ETH_ALEN,
					     .sll_protocol = htons(ETH_P_IP)};
		iov[k] = (struct iovec){frames[k], FRAME_LEN};
		m[k].msg_hdr = (struct msghdr){.msg_iov = &iov[k], .msg_iovlen = 1};
		if (!is_bound) {
			m[k].msg_hdr.msg_name = &to[k];
			m[k].msg_hdr.msg_namelen = sizeof(to[k]);
		}
	}
	for (uint32_t i = 0; i < j->n_frames;) {
		uint32_t n = j->n_frames - i < j->batch ? j->n_frames - i : j->batch;

		for (uint32_t k = 0; k < n; k++)
			put_frame(j, frames[k], i + k);
		int got = sendmmsg(fd, m, n, 0);
		j->n_calls++;
		if (got < 0 && errno != ENOBUFS)
			return fail(j);
		i += got > 0 ? (uint32_t)got : 0;
	}
	j->n_sent = j->n_frames;
	return fd;
}

static int run_sendmmsg(struct job *j)
{
	return run_sendmmsg_on(j, false);
}

static int run_sendmmsg_bound(struct job *j)
{
	return run_sendmmsg_on(j, true);
}

static int run_rawip(struct job *j)
{
	static _Thread_local struct mmsghdr m[BATCH_MAX];
	static _Thread_local struct iovec iov[BATCH_MAX];
	static _Thread_local struct sockaddr_in to[BATCH_MAX];
	static _Thread_local uint8_t frames[BATCH_MAX][64];
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW), bytes = 4 << 20;

	if (fd < 0)
		return fail(j);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	for (uint32_t k = 0; k < j->batch; k++) {
		iov[k] = (struct iovec){frames[k] + ETH_HLEN, FRAME_LEN - ETH_HLEN};
		m[k].msg_hdr = (struct msghdr){.msg_iov = &iov[k],
					       .msg_iovlen = 1,
					       .msg_name = &to[k],
					       .msg_namelen = sizeof(to[k])};
	}
	for (uint32_t i = 0; i < j->n_frames;) {
		uint32_t n = j->n_frames - i < j->batch ? j->n_frames - i : j->batch;

		for (uint32_t k = 0; k < n; k++) {
			put_frame(j, frames[k], i + k);
			to[k] = (struct sockaddr_in){.sin_family = AF_INET,
						     .sin_addr.s_addr = host_at(j, i + k)};
		}
		int got = sendmmsg(fd, m, n, 0);
		j->n_calls++;
		if (got < 0 && errno != ENOBUFS)
			return fail(j);
		i += got > 0 ? (uint32_t)got : 0;
	}
	j->n_sent = j->n_frames;
	return fd;
}

static int run_txring(struct job *j)
{
	int fd = open_packet(j, true), version = TPACKET_V2;
	uint32_t n_slots = j->batch * 2 < 64 ? 64 : j->batch * 2, slot = 256;
	struct tpacket_req req = {.tp_block_size = 65536, .tp_frame_size = slot};

	req.tp_block_nr = (n_slots * slot + 65535) / 65536;
	n_slots = req.tp_frame_nr = req.tp_block_nr * (65536 / slot);
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req)) < 0)
		return fail(j);
	uint8_t *ring =
		mmap(NULL, (size_t)n_slots * slot, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED)
		return fail(j);
	for (uint32_t i = 0, at = 0; i < j->n_frames;) {
		uint32_t n = 0;

		for (; n < j->batch && i < j->n_frames; n++, i++, at = (at + 1) % n_slots) {
			struct tpacket2_hdr *h = (void *)(ring + (size_t)at * slot);

			while (__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) &
			       (TP_STATUS_SEND_REQUEST | TP_STATUS_SENDING)) {
				(void)send(fd, NULL, 0, 0);
				j->n_calls++;
			}
			put_frame(j, (uint8_t *)h + TPACKET2_HDRLEN - sizeof(struct sockaddr_ll),
				  i);
			h->tp_len = FRAME_LEN;
			__atomic_store_n(&h->tp_status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
		}
		if (send(fd, NULL, 0, MSG_DONTWAIT) < 0 && errno != ENOBUFS && errno != EAGAIN)
			return fail(j);
		j->n_calls++;
	}
	(void)send(fd, NULL, 0, 0);
	j->n_sent = j->n_frames;
	return fd;
}

struct xring {
	uint32_t *producer, *consumer;
	void *slots;
};

static int map_xring(int fd, const struct xdp_ring_offset *o, uint64_t page, uint32_t n,
		     size_t size, struct xring *r)
{
	uint8_t *m =
		mmap(NULL, o->desc + n * size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)page);

	if (m == MAP_FAILED)
		return -1;
	*r = (struct xring){(void *)(m + o->producer), (void *)(m + o->consumer), m + o->desc};
	return 0;
}

static int run_afxdp(struct job *j)
{
	uint32_t n_slots = BATCH_MAX * 2, head = 0, n_done = 0;
	int fd = socket(AF_XDP, SOCK_RAW, 0), few = 8;
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	struct xdp_mmap_offsets off;
	socklen_t len = sizeof(off);
	struct xring tx, done;

	setrlimit(RLIMIT_MEMLOCK, &all);
	uint8_t *umem = mmap(NULL, (size_t)n_slots * SLOT, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct xdp_umem_reg reg = {
		.addr = (uintptr_t)umem, .len = (uint64_t)n_slots * SLOT, .chunk_size = SLOT};
	struct sockaddr_xdp at = {.sxdp_family = AF_XDP,
				  .sxdp_ifindex = j->if_idx,
				  .sxdp_queue_id = j->queue,
				  .sxdp_flags = XDP_COPY | XDP_USE_NEED_WAKEUP};

	if (fd < 0 || umem == MAP_FAILED ||
	    setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) < 0 ||
	    setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &few, sizeof(few)) < 0 ||
	    setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &n_slots, sizeof(n_slots)) < 0 ||
	    setsockopt(fd, SOL_XDP, XDP_TX_RING, &n_slots, sizeof(n_slots)) < 0 ||
	    getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len) < 0 ||
	    map_xring(fd, &off.tx, XDP_PGOFF_TX_RING, n_slots, sizeof(struct xdp_desc), &tx) < 0 ||
	    map_xring(fd, &off.cr, XDP_UMEM_PGOFF_COMPLETION_RING, n_slots, 8, &done) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return fail(j);
	while (n_done < j->n_frames) {
		uint32_t n = 0;

		for (; n < j->batch && head < j->n_frames && head - n_done < n_slots; n++, head++) {
			uint64_t slot = (uint64_t)(head % n_slots) * SLOT;

			put_frame(j, umem + slot, head);
			((struct xdp_desc *)tx.slots)[head % n_slots] =
				(struct xdp_desc){.addr = slot, .len = FRAME_LEN};
		}
		__atomic_store_n(tx.producer, head, __ATOMIC_RELEASE);
		if (sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN &&
		    errno != EBUSY && errno != ENOBUFS)
			return fail(j);
		j->n_calls++;
		n_done = __atomic_load_n(done.producer, __ATOMIC_ACQUIRE);
		__atomic_store_n(done.consumer, n_done, __ATOMIC_RELEASE);
	}
	j->n_sent = n_done;
	return fd;
}

static const struct mechanism {
	const char *name;
	int (*run)(struct job *j);
} mechanisms[] = {
	{"rawip", run_rawip},
	{"afpacket", run_sendmmsg_bound},
	{"afpacket-named", run_sendmmsg},
	{"txring", run_txring},
	{"afxdp", run_afxdp},
};

static void *job_main(void *arg)
{
	struct job *j = arg;

	(void)j->run(j);
	return NULL;
}

static uint32_t sum_of(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2) {
		uint16_t word;

		memcpy(&word, p + i, 2);
		sum += word;
	}
	return sum;
}

static int prepare(struct job *j, const char *mac, const char *src)
{
	static const uint8_t l3[40] = {0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6};
	uint8_t *h = j->head;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq ifr = {0};

	strncpy(ifr.ifr_name, j->iface, IFNAMSIZ - 1);
	if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", h, h + 1, h + 2, h + 3, h + 4, h + 5) !=
		    6 ||
	    ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		return -1;
	close(fd);
	memcpy(h + 6, ifr.ifr_hwaddr.sa_data, 6);
	h[12] = 8;
	memcpy(h + 14, l3, sizeof(l3));
	inet_pton(AF_INET, src, h + 26);
	h[34] = 0xc0;
	h[37] = 80;
	h[46] = 0x50;
	h[47] = 2;
	h[48] = 4;
	j->sum_l3 = sum_of(h + 14, 20);
	j->sum_l4 = sum_of(h + 26, 4) + sum_of(h + 34, 20) + htons(IPPROTO_TCP) + htons(20);
	return 0;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct job jobs[THREADS] = {0};
	struct rusage use;
	uint64_t n_sent = 0, n_calls = 0;

	if (argc != 9) {
		fprintf(stderr, "usage: bare MECHANISM IFACE DST_MAC SRC FIRST N BATCH THREADS\n");
		return 2;
	}
	uint32_t n = (uint32_t)strtoul(argv[6], NULL, 10),
		 batch = (uint32_t)strtoul(argv[7], NULL, 10),
		 n_threads = (uint32_t)strtoul(argv[8], NULL, 10);
	if (batch < 1 || batch > BATCH_MAX || n_threads < 1 || n_threads > THREADS)
		return 2;
	double start_s = now_s();
	for (uint32_t t = 0; t < n_threads; t++) {
		jobs[t] = (struct job){.iface = argv[2],
				       .if_idx = if_nametoindex(argv[2]),
				       .queue = t,
				       .batch = batch,
				       .n_frames = n / n_threads};
		jobs[t].first = ntohl(inet_addr(argv[5]));
		jobs[t].skip = t * jobs[t].n_frames;
		for (size_t k = 0; k < sizeof(mechanisms) / sizeof(mechanisms[0]); k++)
			if (strcmp(mechanisms[k].name, argv[1]) == 0)
				jobs[t].run = mechanisms[k].run;
		if (!jobs[t].run || prepare(&jobs[t], argv[3], argv[4]) < 0)
			return 2;
		pthread_create(&jobs[t].thread, NULL, job_main, &jobs[t]);
	}
	for (uint32_t t = 0; t < n_threads; t++) {
		pthread_join(jobs[t].thread, NULL);
		n_sent += jobs[t].n_sent;
		n_calls += jobs[t].n_calls;
		if (jobs[t].error) {
			fprintf(stderr, "bare: %s: %s\n", argv[1], strerror(jobs[t].error));
			return 1;
		}
	}
	double took_s = now_s() - start_s;
	getrusage(RUSAGE_SELF, &use);
	printf("{\"mechanism\":\"%s\",\"seconds\":%.6f,\"sent\":%llu,\"calls\":%llu,\"cpu_s\":%.6f}"
	       "\n",
	       argv[1], took_s, (unsigned long long)n_sent, (unsigned long long)n_calls,
	       (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
		       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
	return 0;
}
