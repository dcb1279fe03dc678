/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Receive side shared by rawip and afpacket. rawip: the kernel hands raw sockets a copy of every
 * packet of their protocol, and a classic BPF program keeps those for our source ports; of ICMP the
 * types that can be answers (by mask: loading a program costs 40 us, measured 2026-11 on a 2-core
 * EPYC guest). One ppoll over all sockets, then one recvmmsg per readable one into shared slots.
 * IPv4 sockets see the IP header. IPv6 ones do not (RFC 3542 3): source, destination and hop limit
 * come as ancillary data and a header is put in front of the payload, so that decode() sees a plain
 * packet; extension headers, traffic class and flow label are lost, next header is the socket's
 * protocol. afpacket: its own packet socket, heard before netfilter like everything it sends leaves
 * behind netfilter's back (else a stateful firewall here would drop the answers to probes it never
 * saw).
 */
#include "pktio/rawrx.h"

#include "base/clock.h"
#include "base/cursor.h"
#include "base/mem.h"
#include "pktio/rxfilter.h"

#include <errno.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/icmp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sock_diag.h>

#define V6_HEAD_BYTES    40
#define SLOT_BODY_BYTES  320  /* headers, options and an ICMP error's quote */
#define SLOT_UDP_BYTES   1536 /* a datagram is an answer worth keeping whole */
#define RCVBUF_BYTES     (4 * 1024 * 1024)
#define DRAIN_MAX        4096
#define KEEP_ROUNDS_MAX  256 /* a flood of answers delays errors by so many readings and no more */
#define V6_CONTROL_BYTES (CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)))

union rx_name {
	struct sockaddr_in6 v6;
	struct sockaddr_ll ll;
};

struct rawrx_aux {
	struct mmsghdr msgs[RAWRX_SLOTS];
	struct iovec iov[RAWRX_SLOTS];
	union rx_name names[RAWRX_SLOTS];
	ALIGNED(8) uint8_t control[RAWRX_SLOTS][V6_CONTROL_BYTES];
};

/* What recvmmsg is asked for, by kind of socket. */
static const struct rx_shape {
	uint8_t head_len, name_len, control_len, link;
} shape_of[RAWRX_KIND_N] = {
	[RAWRX_V4] = {.link = LINK_NONE},
	[RAWRX_V6] = {.head_len = V6_HEAD_BYTES,
		      .name_len = sizeof(struct sockaddr_in6),
		      .control_len = V6_CONTROL_BYTES,
		      .link = LINK_NONE},
	[RAWRX_LINK] = {.name_len = sizeof(struct sockaddr_ll), .link = LINK_ETHERNET},
};

#define LD_IFACE BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_IFINDEX)

/** An interface index that no packet has when none is to be skipped. */
static uint32_t skipped(const struct pktio_conf *c)
{
	return c->skip_if_idx ? c->skip_if_idx : UINT32_MAX;
}

static int filter_iface(int fd, const struct pktio_conf *c)
{
	struct sock_filter code[] = {
		LD_IFACE,
		JEQ(skipped(c), 0, 1),
		REJECT,
		ACCEPT,
	};

	return rxfilter_attach(fd, code, ARRAY_LEN(code));
}

static int filter_v4_ports(int fd, const struct pktio_conf *c)
{
	struct sock_filter code[] = {
		LD_IFACE,
		JEQ(skipped(c), 4, 0),
		LD_IHL(0),
		LDH_X(2),
		JGE(c->port_lo, 0, 1),
		JGT(c->port_hi, 0, 1),
		REJECT,
		ACCEPT,
	};

	return rxfilter_attach(fd, code, ARRAY_LEN(code));
}

static int filter_v6_ports(int fd, const struct pktio_conf *c)
{
	struct sock_filter code[] = {
		LD_IFACE,
		JEQ(skipped(c), 3, 0),
		LDH(2),
		JGE(c->port_lo, 0, 1),
		JGT(c->port_hi, 0, 1),
		REJECT,
		ACCEPT,
	};

	return rxfilter_attach(fd, code, ARRAY_LEN(code));
}

static int pass_icmp4_types(int fd)
{
	struct icmp_filter block = {
		.data = ~ICMP4_ANSWERS,
	};

	return setsockopt(fd, SOL_RAW, ICMP_FILTER, &block, sizeof(block)) < 0 ? -errno : 0;
}

static int pass_icmp6_types(int fd)
{
	static const uint8_t pass[] = {ICMP6_DST_UNREACH, ICMP6_PACKET_TOO_BIG, ICMP6_TIME_EXCEEDED,
				       ICMP6_PARAM_PROB,  ICMP6_ECHO_REPLY,     ND_NEIGHBOR_ADVERT};
	struct icmp6_filter f;

	ICMP6_FILTER_SETBLOCKALL(&f);
	for (size_t i = 0; i < ARRAY_LEN(pass); i++)
		ICMP6_FILTER_SETPASS(pass[i], &f);
	return setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &f, sizeof(f)) < 0 ? -errno : 0;
}

static int ask_v6_facts(int fd)
{
	int one = 1;

	if (setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &one, sizeof(one)) < 0)
		return -errno;
	return 0;
}

static void ask_receive_buffer(int fd, uint32_t wanted_bytes)
{
	int bytes = wanted_bytes ? (int)MIN(wanted_bytes, (uint32_t)INT32_MAX / 2) : RCVBUF_BYTES;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

/* Between socket() and the filter anything may have come in. */
static void drain(int fd)
{
	uint8_t byte;

	for (int i = 0; i < DRAIN_MAX; i++)
		if (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) < 0)
			return;
}

/** Hear all links, or one, but nothing of what leaves. */
static int bind_link(int fd, uint32_t if_idx)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)if_idx};
	int one = 1;

	(void)setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	return bind(fd, (struct sockaddr *)&ll, sizeof(ll)) < 0 ? -errno : 0;
}

/* The sockets that may be opened; a row without wants is always. */
static const struct rx_row {
	uint8_t kind, proto;
	int (*filter)(int fd, const struct pktio_conf *c);
	int (*pass_types)(int fd);
} rows[] = {
	{RAWRX_V4, PROTO_TCP, filter_v4_ports, NULL},
	{RAWRX_V4, PROTO_UDP, filter_v4_ports, NULL},
	{RAWRX_V4, PROTO_SCTP, filter_v4_ports, NULL},
	{RAWRX_LINK, PROTO_SCTP, rxfilter_link_sctp, NULL},
	{RAWRX_V4, PROTO_ICMP, NULL, pass_icmp4_types},
	{RAWRX_V6, PROTO_TCP, filter_v6_ports, NULL},
	{RAWRX_V6, PROTO_UDP, filter_v6_ports, NULL},
	{RAWRX_V6, PROTO_SCTP, filter_v6_ports, NULL},
	{RAWRX_V6, PROTO_ICMPV6, NULL, pass_icmp6_types},
};

static bool is_wanted(const struct rx_row *row, const struct pktio_conf *c)
{
	bool is_by_link = row->proto == PROTO_SCTP && c->hears_itself;

	if (row->kind == RAWRX_LINK)
		return c->wants_sctp && is_by_link;
	if (!(row->kind == RAWRX_V4 ? c->v4 : c->v6) || is_by_link)
		return false;
	switch (row->proto) {
	case PROTO_TCP:
		return c->wants_tcp;
	case PROTO_UDP:
		return c->wants_udp;
	case PROTO_SCTP:
		return c->wants_sctp;
	default:
		return true;
	}
}

static int add_socket(struct rawrx *rx, int fd, uint8_t kind, uint8_t proto)
{
	if (fd < 0)
		return -errno;
	rx->socks[rx->n_socks++] = (struct rawrx_sock){.fd = fd, .kind = kind, .proto = proto};
	return 0;
}

/** To one interface, or any; a packet socket hears nothing before. */
static int bind_row(int fd, const struct rx_row *row, uint32_t if_idx)
{
	if (row->kind == RAWRX_LINK)
		return bind_link(fd, if_idx);
	if (!if_idx)
		return 0;
	int err = setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &if_idx, sizeof(if_idx));
	return err < 0 ? -errno : 0;
}

static int open_row(struct rawrx *rx, const struct rx_row *row, const struct pktio_conf *c)
{
	static const int domains[] = {
		[RAWRX_V4] = AF_INET, [RAWRX_V6] = AF_INET6, [RAWRX_LINK] = AF_PACKET};
	int fd = socket(domains[row->kind], SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			row->kind == RAWRX_LINK ? 0 : row->proto);
	int err = add_socket(rx, fd, row->kind, row->proto);

	if (!err && row->filter)
		err = row->filter(fd, c);
	else if (!err && c->skip_if_idx)
		err = filter_iface(fd, c);
	if (!err && row->pass_types)
		err = row->pass_types(fd);
	if (!err && row->kind == RAWRX_V6)
		err = ask_v6_facts(fd);
	if (!err)
		err = bind_row(fd, row, c->if_idx);
	if (err)
		return err;
	ask_receive_buffer(fd, c->rx_buf_bytes);
	drain(fd);
	return 0;
}

static int rawrx_init(struct rawrx *rx, const struct pktio_conf *conf)
{
	*rx = (struct rawrx){0};
	rx->slot_cap = V6_HEAD_BYTES + (conf->wants_udp ? SLOT_UDP_BYTES : SLOT_BODY_BYTES);
	rx->answers = (struct rawrx_room){.n_slots = RAWRX_ANSWERS};
	rx->errors = (struct rawrx_room){.first = RAWRX_ANSWERS, .n_slots = RAWRX_ERRORS};
	rx->slots = mem_alloc(RAWRX_SLOTS, rx->slot_cap);
	rx->aux = mem_alloc(1, sizeof(*rx->aux));
	return rx->slots && rx->aux ? 0 : -ENOMEM;
}

int rawrx_open_link(struct rawrx *rx, const struct pktio_conf *c, int fd)
{
	int err = rawrx_init(rx, c);

	if (err)
		return err;
	rx->is_borrowed = true;
	rx->socks[rx->n_socks++] = (struct rawrx_sock){.fd = fd, .kind = RAWRX_LINK};
	err = rxfilter_link(fd, c);
	if (err)
		return err;
	ask_receive_buffer(fd, c->rx_buf_bytes);
	return bind_link(fd, c->if_idx);
}

int rawrx_open(struct rawrx *rx, const struct pktio_conf *conf)
{
	int err = rawrx_init(rx, conf);

	for (size_t i = 0; i < ARRAY_LEN(rows) && !err; i++)
		if (is_wanted(&rows[i], conf))
			err = open_row(rx, &rows[i], conf);
	return err;
}

void rawrx_close(struct rawrx *rx)
{
	for (uint32_t i = 0; i < rx->n_socks && !rx->is_borrowed; i++)
		close(rx->socks[i].fd);
	mem_free(rx->slots);
	mem_free(rx->aux);
	*rx = (struct rawrx){0};
}

static uint8_t *slot_at(const struct rawrx *rx, uint32_t slot)
{
	return rx->slots + (size_t)slot * rx->slot_cap;
}

static void wire_slots(struct rawrx *rx, const struct rx_shape *s, uint32_t first, uint32_t n)
{
	struct rawrx_aux *aux = rx->aux;

	for (uint32_t i = first; i < first + n; i++) {
		struct msghdr *m = &aux->msgs[i].msg_hdr;

		aux->iov[i].iov_base = slot_at(rx, i) + s->head_len;
		aux->iov[i].iov_len = rx->slot_cap - s->head_len;
		m->msg_iov = &aux->iov[i];
		m->msg_iovlen = 1;
		m->msg_name = s->name_len ? &aux->names[i] : NULL;
		m->msg_namelen = s->name_len;
		m->msg_control = s->control_len ? aux->control[i] : NULL;
		m->msg_controllen = s->control_len;
	}
}

/* Fixed header of RFC 8200 3 from what the kernel kept; @len is the payload's real length. */
static void put_v6_header(struct frame *f, struct msghdr *m, uint8_t proto, uint32_t len)
{
	const struct sockaddr_in6 *from = m->msg_name;
	struct in6_pktinfo to = {0};
	int hop_limit = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != IPPROTO_IPV6)
			continue;
		if (c->cmsg_type == IPV6_PKTINFO)
			memcpy(&to, CMSG_DATA(c), sizeof(to));
		else if (c->cmsg_type == IPV6_HOPLIMIT)
			memcpy(&hop_limit, CMSG_DATA(c), sizeof(hop_limit));
	}
	put_be32(f->bytes, 6u << 28);
	put_be16(f->bytes + 4, (uint16_t)MIN(len, UINT16_MAX));
	f->bytes[6] = proto;
	f->bytes[7] = (uint8_t)hop_limit;
	memcpy(f->bytes + 8, &from->sin6_addr, 16);
	memcpy(f->bytes + 24, &to.ipi6_addr, 16);
	f->if_idx = to.ipi6_ifindex;
}

static void take_link_name(struct frame *f, const struct sockaddr_ll *from)
{
	bool has_header = from->sll_hatype == ARPHRD_ETHER || from->sll_hatype == ARPHRD_LOOPBACK;

	f->if_idx = (uint32_t)from->sll_ifindex;
	f->link = has_header ? LINK_ETHERNET : LINK_NONE;
}

static void fill_frame(struct rawrx *rx, const struct rawrx_sock *s, uint32_t slot, struct frame *f)
{
	const struct rx_shape *shape = &shape_of[s->kind];
	struct mmsghdr *m = &rx->aux->msgs[slot];
	uint32_t len = m->msg_len + shape->head_len;

	f->bytes = slot_at(rx, slot);
	f->cap = rx->slot_cap;
	f->len = MIN(len, rx->slot_cap);
	f->link = shape->link;
	f->if_idx = 0;
	f->cookie = slot;
	if (s->kind == RAWRX_V6)
		put_v6_header(f, &m->msg_hdr, s->proto, m->msg_len);
	else if (s->kind == RAWRX_LINK)
		take_link_name(f, &rx->aux->names[slot].ll);
}

static bool tells_errors(const struct rawrx_sock *s)
{
	return s->proto == PROTO_ICMP || s->proto == PROTO_ICMPV6;
}

static struct rawrx_room *room_of(struct rawrx *rx, bool errors)
{
	return errors ? &rx->errors : &rx->answers;
}

/** @p n at most what the room has. */
static int read_socket(struct rawrx *rx, const struct rawrx_sock *s, struct frame *f, uint32_t n)
{
	struct rawrx_room *room = room_of(rx, tells_errors(s));
	uint32_t first = room->first + room->n_used;

	wire_slots(rx, &shape_of[s->kind], first, n);
	int got = recvmmsg(s->fd, rx->aux->msgs + first, n, MSG_DONTWAIT | MSG_TRUNC, NULL);
	rx->n_calls++;
	if (got < 0)
		return errno == ENETDOWN || errno == ENODEV || errno == EBADF ? -errno : 0;
	for (uint32_t i = 0; i < (uint32_t)got; i++)
		fill_frame(rx, s, first + i, &f[i]);
	room->n_used += (uint32_t)got;
	room->n_lent += (uint32_t)got;
	return got;
}

static int wait_readable(struct rawrx *rx, uint32_t wait_us)
{
	struct pollfd p[RAWRX_SOCK_MAX + 1];
	struct timespec ts = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000L};

	for (uint32_t i = 0; i < rx->n_socks; i++)
		p[i] = (struct pollfd){.fd = rx->socks[i].fd, .events = POLLIN};
	p[rx->n_socks] = (struct pollfd){.fd = rx->wake_fd, .events = POLLIN};
	rx->n_calls++;
	int n = ppoll(p, rx->n_socks + (rx->wake_fd > 0), &ts, NULL);
	for (uint32_t i = 0; i < rx->n_socks; i++)
		rx->socks[i].is_readable = n > 0 && p[i].revents;
	return n < 0 ? (errno == EINTR ? 0 : -errno) : n;
}

/** One pass over the sockets that tell errors, or over the others. @p is_all: whether they were
 * readable a moment ago or not. @return frames; an error goes to rx->gone. */
static uint32_t read_kind(struct rawrx *rx, bool errors, bool is_all, struct frame *f, uint32_t n)
{
	const struct rawrx_room *room = room_of(rx, errors);
	uint32_t total = 0;

	n = MIN(n, room->n_slots - room->n_used);
	for (uint32_t i = 0; i < rx->n_socks && total < n; i++) {
		uint32_t at = (rx->next + i) % rx->n_socks;
		struct rawrx_sock *s = &rx->socks[at];

		if (tells_errors(s) != errors || !(is_all || s->is_readable))
			continue;
		int got = read_socket(rx, s, f + total, n - total);
		if (got < 0)
			rx->gone = got;
		else
			total += (uint32_t)got;
	}
	return total;
}

/** Append errors kept to the @p n frames at @p f, @p n_max of which there is room for. */
static uint32_t tell_kept(struct rawrx *rx, struct frame *f, uint32_t n, uint32_t n_max)
{
	uint32_t told = MIN(rx->n_kept, n_max - n);

	memcpy(f + n, rx->kept, told * sizeof(*f));
	rx->n_kept -= told;
	memmove(rx->kept, rx->kept + told, rx->n_kept * sizeof(*f));
	return n + told;
}

/**
 * What a host sent before an error of its own must be heard before it, though the two come by
 * different sockets: errors are read first, since whatever preceded them is in its socket by then,
 * and kept until the answers have been read to the end. They have slots of their own, so that a
 * flood of them leaves the others to answers.
 */
static uint32_t read_in_order(struct rawrx *rx, struct frame *f, uint32_t n)
{
	if (!rx->n_kept) {
		rx->n_kept_rounds = 0;
		rx->n_kept = read_kind(rx, true, false, rx->kept, RAWRX_ERRORS);
	}
	uint32_t total = read_kind(rx, false, rx->n_kept > 0, f, n);
	bool has_more = total == n || rx->answers.n_used == rx->answers.n_slots;
	if (!rx->n_kept || (has_more && rx->n_kept_rounds++ < KEEP_ROUNDS_MAX))
		return total;
	return tell_kept(rx, f, total, n);
}

int rawrx_acquire(struct rawrx *rx, struct frame *f, uint32_t n, uint32_t wait_us)
{
	if (rx->answers.n_used == rx->answers.n_slots || n == 0)
		return 0;
	int ready = rx->n_kept ? 1 : wait_readable(rx, wait_us);
	if (ready <= 0)
		return ready;
	rx->gone = 0;
	uint32_t total = read_in_order(rx, f, n);
	rx->next = (rx->next + 1) % rx->n_socks;
	uint64_t now_ns = total ? clock_now_ns() : 0;
	for (uint32_t i = 0; i < total; i++)
		f[i].time_ns = now_ns;
	rx->n_frames += total;
	return total ? (int)total : rx->gone;
}

void rawrx_release(struct rawrx *rx, const struct frame *f, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct rawrx_room *room = room_of(rx, f[i].cookie >= RAWRX_ANSWERS);
		assert(room->n_lent > 0);
		if (!--room->n_lent)
			room->n_used = 0;
	}
}

/* SO_MEMINFO and not SO_RXQ_OVFL: the latter tells of drops only with the next packet that fits. */
static uint64_t n_dropped(int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(info);

	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0 ? 0 : info[SK_MEMINFO_DROPS];
}

void rawrx_stats(const struct rawrx *rx, struct pktio_stats *ret)
{
	ret->n_rx_frames += rx->n_frames;
	ret->n_rx_calls += rx->n_calls;
	for (uint32_t i = 0; i < rx->n_socks; i++)
		ret->n_rx_dropped += n_dropped(rx->socks[i].fd);
}
