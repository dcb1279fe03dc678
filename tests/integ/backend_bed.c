/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See backend_bed.h. */
#include "backend_bed.h"

struct netns_pair spaces;
uint64_t n_tx_calls;
static struct xdp_hub *hub; /* of the check that runs */

#ifdef HAS_XDP
int __real_bpf_prog_test_run_opts(int fd, struct bpf_test_run_opts *o);
int __wrap_bpf_prog_test_run_opts(int fd, struct bpf_test_run_opts *o);
int __wrap_bpf_prog_test_run_opts(int fd, struct bpf_test_run_opts *o)
{
	n_tx_calls += o->flags != 0;
	return __real_bpf_prog_test_run_opts(fd, o);
}
#endif

int __real_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
	n_tx_calls++;
	return __real_sendmmsg(fd, m, n, flags);
}

ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	n_tx_calls++;
	return __real_sendmsg(fd, m, flags);
}

ssize_t __real_sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to,
		      socklen_t len);
ssize_t __wrap_sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to,
		      socklen_t len);
ssize_t __wrap_sendto(int fd, const void *p, size_t n, int flags, const struct sockaddr *to,
		      socklen_t len)
{
	n_tx_calls++;
	return __real_sendto(fd, p, n, flags, to, len);
}

const struct medium media[N_MEDIA] = {
	{"lo4", "lo", "lo", "127.0.0.1", "127.0.0.1", {{0}}, {{0}}, false},
	{"lo6", "lo", "lo", "::1", "::1", {{0}}, {{0}}, false},
	{"veth4",
	 "va",
	 "vb",
	 "10.77.0.1",
	 "10.77.0.2",
	 {{2, 0x77, 0, 0, 0, 1}},
	 {{2, 0x77, 0, 0, 0, 2}},
	 true},
	{"veth6",
	 "va",
	 "vb",
	 "fd77::1",
	 "fd77::2",
	 {{2, 0x77, 0, 0, 0, 1}},
	 {{2, 0x77, 0, 0, 0, 2}},
	 true},
};

const struct variant variants[N_VARIANTS] = {
	{"xdp", &pktio_xdp, false},
	{"afxdp", &pktio_afxdp, false},
	{"afxdp, receive ring", &pktio_afxdp, true},
	{"afpacket", &pktio_afpacket, false},
	{"afpacket, receive ring", &pktio_afpacket, true},
	{"txring", &pktio_txring, false},
	{"rawip", &pktio_rawip, false},
};

struct addr literal(const char *s)
{
	struct addr a = {0};

	assert_int_equal(addr_parse(s, strlen(s), &a), 0);
	return a;
}

static int capture_open(const struct medium *m)
{
	netns_enter(m->is_veth ? spaces.far_fd : spaces.near_fd);
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)if_nametoindex(m->far_iface)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1,
	    bytes = 8 << 20;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&ll, sizeof(ll)), 0);
	netns_enter(spaces.near_fd);
	return fd;
}

int capture_next(const struct run *r, uint8_t proto, uint8_t *out, size_t cap, int wait_ms)
{
	for (;;) {
		struct pollfd p = {.fd = r->cap_fd, .events = POLLIN};
		uint8_t buf[2048];
		struct pkt k;

		if (poll(&p, 1, wait_ms) <= 0)
			return -1;
		ssize_t n = recv(r->cap_fd, buf, sizeof(buf), 0);
		struct frame f = {.bytes = buf,
				  .len = (uint32_t)n,
				  .cap = sizeof(buf),
				  .link = LINK_ETHERNET};
		if (n < 0 || decode(&f, &k) || k.proto != proto || !addr_equal(&k.dst, &r->dst))
			continue;
		if (k.sport < 40000 || k.sport >= 42000)
			continue;
		size_t len = (size_t)n - k.l3_off;
		assert_true(len <= cap);
		memcpy(out, buf + k.l3_off, len);
		return (int)len;
	}
}

/* AF_XDP without the option for more takes 32 frames a call. */
uint32_t most_calls(const struct run *r, uint32_t n)
{
	return r->ops == &pktio_afxdp ? (n + 31) / 32 : 1;
}

struct pktio_conf base_conf(void)
{
	return (struct pktio_conf){.batch = PKTIO_BATCH_MAX,
				   .wants_tcp = true,
				   .wants_udp = true,
				   .wants_sctp = true,
				   .frame_cap_bytes = FRAME_CAP,
				   .port_lo = PORT_LO,
				   .port_hi = PORT_HI,
				   .waits_for_queue = true};
}

void run_open_conf(struct run *r, const struct variant *v, const struct medium *m,
		   struct pktio_conf *conf)
{
	*r = (struct run){.v = v,
			  .ops = v->ops,
			  .m = m,
			  .src = literal(m->src),
			  .dst = literal(m->dst),
			  .if_idx = if_nametoindex(m->iface)};
	r->cap_fd = capture_open(m);
	conf->v4 = r->src.family == ADDR_V4;
	conf->v6 = r->src.family == ADDR_V6;
	conf->wants_rx_ring = v->has_ring;
	conf->xdp = hub;
	if (v->ops->caps & PKTIO_ONE_IFACE)
		conf->if_idx = r->if_idx;
	conf->tx_if_idx = conf->tx_if_idx ? conf->tx_if_idx : r->if_idx;
	assert_int_equal(pktio_open(v->ops, conf, &r->io), 0);
	assert_int_equal(v->ops->rx_acquire(r->io, NULL, 0, 0), 0);
}

void run_open(struct run *r, const struct variant *v, const struct medium *m)
{
	struct xdp_hub_conf hc = {if_nametoindex(m->iface), 2, PKTIO_BATCH_MAX, XDP_BUSY_WAIT_MS};
	struct pktio_conf conf = base_conf();

	if (v->ops->caps & PKTIO_ONE_IFACE && !hub) {
		assert_int_equal(xdp_hub_open(&hc, &hub), 0);
		assert_true(xdp_hub_can_send(hub));
	}
	run_open_conf(r, v, m, &conf);
	r->is_first = true;
}

void run_open_again(struct run *r, struct run *ret, struct pktio_conf *conf)
{
	pktio_close(r->io);
	r->io = NULL;
	run_open_conf(ret, r->v, r->m, conf);
}

bool is_served(const struct variant *v, const struct medium *m)
{
	return !(v->ops->caps & PKTIO_ONE_IFACE) || (m->is_veth && v->ops->tx_kick);
}

void run_close(struct run *r)
{
	pktio_close(r->io);
	close(r->cap_fd);
	if (r->is_first) {
		xdp_hub_close(hub);
		hub = NULL;
	}
}

void put_packet(const struct run *r, struct frame *f, uint8_t proto, const void *body, size_t len)
{
	struct wcursor w = wcursor_of(f->bytes, f->cap);

	if (r->ops->caps & PKTIO_L2)
		eth_encode(&w, &r->m->dst_mac, &r->m->src_mac,
			   r->dst.family == ADDR_V4 ? ETHTYPE_IPV4 : ETHTYPE_IPV6);
	if (r->dst.family == ADDR_V4) {
		struct ipv4_conf c = {r->src, r->dst, 0x1234, 61, 0, proto, true, (uint16_t)len};
		ipv4_encode(&w, &c);
	} else {
		struct ipv6_conf c = {r->src, r->dst, 61, 0, proto, 0x12345, (uint16_t)len};
		ipv6_encode(&w, &c);
	}
	wcursor_put(&w, body, len);
	assert_false(w.failed);
	f->len = (uint32_t)w.pos;
	f->if_idx = r->if_idx;
}

void put_syn(const struct run *r, struct frame *f, uint16_t sport, uint16_t dport, uint32_t seq)
{
	struct tcp_conf t = {.sport = sport,
			     .dport = dport,
			     .window = 1024,
			     .seq = seq,
			     .flags = TCP_SYN,
			     .mss = 1460};
	uint8_t body[64];
	struct wcursor w = wcursor_of(body, sizeof(body));

	tcp_encode(&w, &t, &r->src, &r->dst);
	put_packet(r, f, PROTO_TCP, body, w.pos);
}

void put_udp(const struct run *r, struct frame *f, uint16_t sport, uint16_t dport,
	     size_t payload_len)
{
	static const uint8_t payload[128] = "payload";
	uint8_t body[160];
	struct wcursor w = wcursor_of(body, sizeof(body));

	udp_encode(&w, sport, dport, (struct bytes){payload, payload_len}, &r->src, &r->dst);
	put_packet(r, f, PROTO_UDP, body, w.pos);
}

const uint8_t *l3_of(const struct run *r, const struct frame *f, uint32_t *ret_len)
{
	uint32_t off = r->ops->caps & PKTIO_L2 ? ETH_HDR_LEN : 0;

	*ret_len = f->len - off;
	return f->bytes + off;
}

int commit_and_kick(struct run *r, const struct frame *f, uint32_t n)
{
	r->ops->tx_commit(r->io, f, n);
	return r->ops->tx_kick(r->io);
}

uint32_t collect(struct run *r, struct pkt *ret, uint32_t want)
{
	uint32_t n = 0;

	while (n < want) {
		struct frame f[32];
		int got = r->ops->rx_acquire(r->io, f, MIN(want - n, 32u), WAIT_US);

		assert_true(got >= 0);
		if (got == 0)
			break;
		for (int i = 0; i < got; i++) {
			assert_true(f[i].len <= f[i].cap);
			assert_true(f[i].time_ns != 0);
			assert_int_equal(decode(&f[i], &ret[n++]), 0);
		}
		r->ops->rx_release(r->io, f, (uint32_t)got);
	}
	return n;
}

void assert_silence(struct run *r)
{
	struct frame f[4];

	assert_int_equal(r->ops->rx_acquire(r->io, f, 4, 20000), 0);
}

struct pktio_stats stats_of(struct run *r)
{
	struct pktio_stats st = {0};

	r->ops->stats(r->io, &st);
	return st;
}
