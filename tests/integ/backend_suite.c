/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The checks every packet back end passes, over loopback and over veth, IPv4 and IPv6: what is sent
 * arrives byte for byte, counts are right, replies come in with the facts of their headers, the
 * kernel filters other ports, refusals do not stop a batch, one system call sends a batch (counted
 * by wrapping sendmmsg at link time). Needs CAP_SYS_ADMIN and CAP_NET_RAW; exits 77 without.
 */
#include "backend_bed.h"

static void sent_frames_arrive_byte_for_byte(struct run *r)
{
	struct frame f[N_FRAMES];
	uint64_t n_calls = n_tx_calls, n_bytes = 0;
	uint8_t want[N_FRAMES][FRAME_CAP];
	uint32_t len[N_FRAMES];

	assert_int_equal(r->ops->tx_reserve(r->io, f, N_FRAMES), N_FRAMES);
	for (uint32_t i = 0; i < N_FRAMES; i++) {
		assert_true(f[i].cap >= FRAME_CAP);
		put_udp(r, &f[i], (uint16_t)(40000 + i), (uint16_t)(1 + i), i);
		memcpy(want[i], l3_of(r, &f[i], &len[i]), f[i].len);
		n_bytes += f[i].len;
	}
	assert_int_equal(commit_and_kick(r, f, N_FRAMES), N_FRAMES);
	n_calls = n_tx_calls - n_calls;
	assert_in_range(n_calls, 1, most_calls(r, N_FRAMES));
	for (uint32_t i = 0; i < N_FRAMES; i++) {
		uint8_t got[2048];

		assert_int_equal(capture_next(r, PROTO_UDP, got, sizeof(got), 1000), len[i]);
		assert_memory_equal(got, want[i], len[i]);
	}
	struct pktio_stats st = stats_of(r);
	assert_int_equal(st.n_tx_frames, N_FRAMES);
	assert_int_equal(st.n_tx_bytes, n_bytes);
	assert_int_equal(st.n_tx_calls, n_calls);
	assert_int_equal(st.n_tx_errors, 0);
}

static void empty_frames_are_not_sent(struct run *r)
{
	struct frame f[8];
	uint64_t n_calls = n_tx_calls;
	uint8_t got[2048];

	assert_int_equal(r->ops->tx_reserve(r->io, f, 8), 8);
	for (int i = 0; i < 8; i++)
		f[i].len = 0;
	assert_int_equal(commit_and_kick(r, f, 8), 0);
	assert_int_equal(n_tx_calls, n_calls);
	assert_int_equal(r->ops->tx_reserve(r->io, f, 8), 8);
	for (uint32_t i = 0; i < 8; i++) {
		put_udp(r, &f[i], (uint16_t)(40000 + i), 9, 0);
		f[i].len = i < 3 ? f[i].len : 0;
	}
	assert_int_equal(commit_and_kick(r, f, 8), 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(capture_next(r, PROTO_UDP, got, sizeof(got), 1000) > 0);
	assert_int_equal(capture_next(r, PROTO_UDP, got, sizeof(got), 20), -1);
	assert_int_equal(stats_of(r).n_tx_frames, 3);
}

static void a_kick_is_the_fewest_calls_at_any_size(struct run *r)
{
	static const uint32_t sizes[] = {1, 2, 64, 512, PKTIO_BATCH_MAX};
	struct frame f[PKTIO_BATCH_MAX];
	uint64_t n_all = n_tx_calls;

	for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
		uint64_t n_calls = n_tx_calls;

		assert_int_equal(r->ops->tx_reserve(r->io, f, sizes[s]), sizes[s]);
		for (uint32_t i = 0; i < sizes[s]; i++)
			put_syn(r, &f[i], 42000, (uint16_t)(i + 1), i);
		assert_int_equal(commit_and_kick(r, f, sizes[s]), sizes[s]);
		assert_in_range(n_tx_calls - n_calls, 1, most_calls(r, sizes[s]));
	}
	assert_int_equal(stats_of(r).n_tx_calls, n_tx_calls - n_all);
}

static void resets_come_back_with_their_facts(struct run *r)
{
	struct frame f[N_FRAMES];
	struct pkt k[N_FRAMES + 1];
	bool is_seen[N_FRAMES] = {0};

	assert_int_equal(r->ops->tx_reserve(r->io, f, N_FRAMES), N_FRAMES);
	for (uint32_t i = 0; i < N_FRAMES; i++)
		put_syn(r, &f[i], (uint16_t)(PORT_LO + i), (uint16_t)(1 + i), 0x10000000 + i);
	assert_int_equal(commit_and_kick(r, f, N_FRAMES), N_FRAMES);
	assert_int_equal(collect(r, k, N_FRAMES), N_FRAMES);
	for (uint32_t i = 0; i < N_FRAMES; i++) {
		uint32_t at = k[i].dport - (uint32_t)PORT_LO;

		assert_true(at < N_FRAMES && !is_seen[at]);
		is_seen[at] = true;
		assert_int_equal(k[i].proto, PROTO_TCP);
		assert_true(k[i].l4_valid);
		assert_int_equal(k[i].tcp_flags, TCP_RST | TCP_ACK);
		assert_int_equal(k[i].ack, 0x10000001 + at);
		assert_int_equal(k[i].sport, 1 + at);
		assert_int_equal(k[i].ttl, 64);
		assert_true(addr_equal(&k[i].src, &r->dst));
		assert_true(addr_equal(&k[i].dst, &r->src));
	}
	assert_silence(r);
	assert_int_equal(stats_of(r).n_rx_frames, N_FRAMES);
	assert_int_equal(stats_of(r).n_rx_dropped, 0);
}

/* Probes from the ports just outside and just inside the range: the kernel keeps the outer replies
 * away. */
static void other_ports_are_filtered(struct run *r)
{
	static const uint16_t ports[] = {PORT_LO - 1, PORT_LO, PORT_HI, PORT_HI + 1, 1, 65535};
	struct frame f[ARRAY_LEN(ports)];
	struct pkt k[ARRAY_LEN(ports)];

	assert_int_equal(r->ops->tx_reserve(r->io, f, ARRAY_LEN(ports)), ARRAY_LEN(ports));
	for (size_t i = 0; i < ARRAY_LEN(ports); i++)
		put_syn(r, &f[i], ports[i], 7, 1);
	assert_int_equal(commit_and_kick(r, f, ARRAY_LEN(ports)), ARRAY_LEN(ports));
	assert_int_equal(collect(r, k, 2), 2);
	assert_int_equal(k[0].dport + k[1].dport, PORT_LO + PORT_HI);
	assert_silence(r);
	assert_int_equal(stats_of(r).n_rx_frames, 2);
}

static void unreachables_quote_the_probe(struct run *r)
{
	struct frame f;
	struct pkt k;

	assert_int_equal(r->ops->tx_reserve(r->io, &f, 1), 1);
	put_udp(r, &f, PORT_LO + 5, 9, 32);
	assert_int_equal(commit_and_kick(r, &f, 1), 1);
	assert_int_equal(collect(r, &k, 1), 1);
	bool is_v4 = r->dst.family == ADDR_V4;
	assert_int_equal(k.proto, is_v4 ? PROTO_ICMP : PROTO_ICMPV6);
	assert_int_equal(k.icmp_type, is_v4 ? ICMP4_UNREACH : ICMP6_UNREACH);
	assert_int_equal(k.icmp_code, is_v4 ? 3 : 4);
	assert_true(k.quote.valid && k.quote.has_ports);
	assert_int_equal(k.quote.sport, PORT_LO + 5);
	assert_int_equal(k.quote.dport, 9);
	assert_int_equal(k.quote.proto, PROTO_UDP);
	assert_true(addr_equal(&k.quote.dst, &r->dst));
	assert_true(addr_equal(&k.src, &r->dst));
	assert_int_equal(k.ttl, 64);
	assert_silence(r);
}

/* Echo replies of every size: short ones whole, long ones cut to the slot, still decodable. */
static void echo_replies_are_heard_and_cut(struct run *r)
{
	static const size_t sizes[] = {0, 1, 64, 180};

	for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
		struct frame f;
		struct pkt k;
		uint8_t body[256];
		struct wcursor w = wcursor_of(body, sizeof(body));

		if (r->dst.family == ADDR_V4)
			icmp4_encode(&w, ICMP4_ECHO, 0, 0x77, (uint16_t)s, sizes[s]);
		else
			icmp6_echo_encode(&w, 0x77, (uint16_t)s, sizes[s], &r->src, &r->dst);
		assert_int_equal(r->ops->tx_reserve(r->io, &f, 1), 1);
		put_packet(r, &f, r->dst.family == ADDR_V4 ? PROTO_ICMP : PROTO_ICMPV6, body,
			   w.pos);
		assert_int_equal(commit_and_kick(r, &f, 1), 1);
		assert_int_equal(collect(r, &k, 1), 1);
		assert_int_equal(k.icmp_type,
				 r->dst.family == ADDR_V4 ? ICMP4_ECHO_REPLY : ICMP6_ECHO_REPLY);
		assert_int_equal(k.icmp_id, 0x77);
		assert_int_equal(k.icmp_seq, s);
		assert_int_equal(k.l4_len, ICMP_HDR_LEN + sizes[s]);
	}
	assert_silence(r);
}

/* A receive buffer for a handful of packets: what does not fit is counted, received and dropped
 * make the whole. */
static void drops_are_counted(struct run *r)
{
	struct pktio_conf conf = base_conf();
	struct frame f[512];
	struct pkt k[512];
	struct run tight;

	conf.rx_buf_bytes = 4096;
	run_open_again(r, &tight, &conf);
	assert_int_equal(r->ops->tx_reserve(tight.io, f, 512), 512);
	for (uint32_t i = 0; i < 512; i++)
		put_syn(&tight, &f[i], PORT_LO, (uint16_t)(1 + i), i);
	assert_int_equal(commit_and_kick(&tight, f, 512), 512);
	uint32_t n = collect(&tight, k, 512);
	struct pktio_stats st = stats_of(&tight);
	assert_true(n > 0 && n < 512);
	assert_int_equal(st.n_rx_frames, n);
	/* On lo our own SYNs pass by the full socket too, and Linux 6.18 counts before it filters.
	 */
	assert_true(st.n_rx_dropped >= 512 - n);
	assert_true(st.n_rx_dropped <= (r->m->is_veth ? 1 : 2) * (512 - n));
	run_close(&tight);
}

/* The middle frame has nowhere to go: counted and skipped, the ones around it are sent. */
static void a_refused_frame_does_not_stop_the_batch(struct run *r)
{
	struct frame f[3];
	uint8_t got[2048];

	assert_int_equal(r->ops->tx_reserve(r->io, f, 3), 3);
	for (uint32_t i = 0; i < 3; i++)
		put_udp(r, &f[i], (uint16_t)(40000 + i), 9, 0);
	if (r->ops->caps & PKTIO_L2)
		f[1].if_idx = 0;
	else
		memcpy(f[1].bytes + (r->dst.family == ADDR_V4 ? 16 : 24),
		       r->dst.family == ADDR_V4 ? "\xcb\x00\x71\x01"
						: "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01",
		       r->dst.family == ADDR_V4 ? 4 : 16);
	assert_int_equal(commit_and_kick(r, f, 3), 2);
	assert_int_equal(stats_of(r).n_tx_errors, 1);
	assert_int_equal(stats_of(r).n_tx_frames, 2);
	assert_true(capture_next(r, PROTO_UDP, got, sizeof(got), 1000) > 0);
	assert_int_equal(got[r->dst.family == ADDR_V4 ? 21 : 41], 40000 & 0xff);
	assert_true(capture_next(r, PROTO_UDP, got, sizeof(got), 1000) > 0);
	assert_int_equal(got[r->dst.family == ADDR_V4 ? 21 : 41], 40002 & 0xff);
}

/* @return the shortest of several waits of @p wait_us in vain: the machine may hold up some. */
static uint64_t shortest_wait_ns(struct run *r, uint32_t wait_us)
{
	uint64_t shortest = UINT64_MAX;
	struct frame f[4];

	for (int i = 0; i < 5; i++) {
		uint64_t t0 = clock_now_ns();

		assert_int_equal(r->ops->rx_acquire(r->io, f, 4, wait_us), 0);
		shortest = MIN(shortest, clock_now_ns() - t0);
	}
	return shortest;
}

static void waiting_ends_in_time(struct run *r)
{
	struct frame f[4];
	int n;

	/* answers to what was sent before may still come in */
	while ((n = r->ops->rx_acquire(r->io, f, 4, 50000)) > 0)
		r->ops->rx_release(r->io, f, (uint32_t)n);
	assert_true(shortest_wait_ns(r, 0) < 10 * NS_PER_MS);
	assert_in_range(shortest_wait_ns(r, 30000), 30 * NS_PER_MS, 300 * NS_PER_MS);
}

/* Slots are lent: with all of them out nothing more is handed over, and nothing is lost. */
static void unreleased_frames_stay_whole(struct run *r)
{
	struct frame out[N_FRAMES], in[256], more[64];
	uint8_t kept[2048];
	uint32_t n = 0, n_more = 0;
	int got;

	for (int half = 0; half < 2; half++) {
		assert_int_equal(r->ops->tx_reserve(r->io, out, N_FRAMES), N_FRAMES);
		for (uint32_t i = 0; i < N_FRAMES; i++)
			put_syn(r, &out[i], PORT_LO, (uint16_t)(1 + i), 1);
		assert_int_equal(commit_and_kick(r, out, N_FRAMES), N_FRAMES);
	}
	while ((got = r->ops->rx_acquire(r->io, in + n, 10, WAIT_US)) > 0)
		n += (uint32_t)got;
	/* a ring is as large as its memory; a neighbour's advertisement may be among them */
	assert_true(r->v->has_ring ? n >= 2 * N_FRAMES : n >= 32 && n <= 2 * N_FRAMES);
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < i; k++)
			assert_ptr_not_equal(in[i].bytes, in[k].bytes);
	/* One is kept: its bytes stay while the others come and go. */
	memcpy(kept, in[0].bytes, in[0].len);
	r->ops->rx_release(r->io, in + 1, n - 1);
	while ((got = r->ops->rx_acquire(r->io, more, 64, 1000)) > 0) {
		n_more += (uint32_t)got;
		r->ops->rx_release(r->io, more, (uint32_t)got);
	}
	assert_memory_equal(kept, in[0].bytes, in[0].len);
	r->ops->rx_release(r->io, in, 1);
	while (n + n_more < 2 * N_FRAMES &&
	       (got = r->ops->rx_acquire(r->io, in, 64, WAIT_US)) > 0) {
		n_more += (uint32_t)got;
		r->ops->rx_release(r->io, in, (uint32_t)got);
	}
	assert_in_range(n + n_more, 2 * N_FRAMES, 2 * N_FRAMES + 2);
}

static void bound_to_its_interface_it_works_alike(struct run *r)
{
	struct pktio_conf conf = base_conf();
	struct run bound;
	struct frame f;
	struct pkt k;

	conf.if_idx = r->if_idx;
	run_open_again(r, &bound, &conf);
	assert_int_equal(r->ops->tx_reserve(bound.io, &f, 1), 1);
	assert_int_equal(f.if_idx, conf.if_idx);
	put_syn(&bound, &f, PORT_LO, 7, 1);
	assert_int_equal(commit_and_kick(&bound, &f, 1), 1);
	assert_int_equal(collect(&bound, &k, 1), 1);
	run_close(&bound);
}

static void arp_replies_are_heard(struct run *r)
{
	struct pktio_conf conf = base_conf();
	struct arp ask = {
		.op = ARP_REQUEST, .sender_mac = r->m->src_mac, .sender = r->src, .target = r->dst};
	struct mac all = {{255, 255, 255, 255, 255, 255}};
	struct run a;
	struct frame f;
	struct pkt k;

	if (!(r->ops->caps & PKTIO_ARP) || !r->m->is_veth || r->src.family != ADDR_V4)
		return;
	conf.wants_arp = true;
	run_open_again(r, &a, &conf);
	assert_int_equal(r->ops->tx_reserve(a.io, &f, 1), 1);
	struct wcursor w = wcursor_of(f.bytes, f.cap);
	eth_encode(&w, &all, &r->m->src_mac, ETHTYPE_ARP);
	arp_encode(&w, &ask);
	f.len = (uint32_t)w.pos;
	f.if_idx = r->if_idx;
	assert_int_equal(commit_and_kick(&a, &f, 1), 1);
	assert_int_equal(r->ops->rx_acquire(a.io, &f, 1, WAIT_US), 1);
	assert_int_equal(f.link, LINK_ETHERNET);
	assert_int_equal(f.if_idx, r->if_idx);
	assert_int_equal(decode(&f, &k), 0);
	assert_true(k.is_arp);
	assert_int_equal(k.arp_op, ARP_REPLY);
	assert_true(addr_equal(&k.src, &r->dst));
	assert_memory_equal(k.src_mac.b, r->m->dst_mac.b, 6);
	r->ops->rx_release(a.io, &f, 1);
	run_close(&a);
}

/* Link-local targets go out by the frame's interface and their replies name it. */
static void link_local_takes_its_zone(struct run *r)
{
	static const char near[] = "fe80::77:ff:fe00:1", far[] = "fe80::77:ff:fe00:2";
	struct frame f;
	struct pkt k;

	if (!r->m->is_veth || r->src.family != ADDR_V6)
		return;
	struct run ll = *r;
	ll.src = literal(near);
	ll.dst = literal(far);
	/* A global source first: what the back end remembers of it must not stand in the way. */
	assert_int_equal(r->ops->tx_reserve(r->io, &f, 1), 1);
	put_syn(r, &f, PORT_LO, 7, 1);
	assert_int_equal(commit_and_kick(r, &f, 1), 1);
	assert_int_equal(collect(r, &k, 1), 1);
	assert_int_equal(r->ops->tx_reserve(r->io, &f, 1), 1);
	put_syn(&ll, &f, PORT_LO, 7, 1);
	assert_int_equal(commit_and_kick(r, &f, 1), 1);
	assert_int_equal(r->ops->rx_acquire(r->io, &f, 1, WAIT_US), 1);
	assert_int_equal(f.if_idx, r->if_idx);
	assert_int_equal(decode(&f, &k), 0);
	assert_memory_equal(k.src.b, ll.dst.b, 16);
	assert_int_equal(k.tcp_flags, TCP_RST | TCP_ACK);
	r->ops->rx_release(r->io, &f, 1);
}

/* Tied to one interface or not, what is for another arrives too. */
static void frames_for_other_interfaces_arrive(struct run *r)
{
	struct pktio_conf conf = base_conf();
	struct frame f[4];
	uint8_t got[2048];
	struct run other;

	if (r->ops->caps & PKTIO_ONE_IFACE)
		return;
	conf.tx_if_idx = if_nametoindex("da");
	run_open_again(r, &other, &conf);
	assert_int_equal(r->ops->tx_reserve(other.io, f, 4), 4);
	for (uint32_t i = 0; i < 4; i++) {
		put_udp(&other, &f[i], (uint16_t)(40000 + i), 9, 0);
		if (r->ops->caps & PKTIO_L2 && i == 2)
			f[i].if_idx = conf.tx_if_idx;
	}
	assert_int_equal(commit_and_kick(&other, f, 4), 4);
	assert_int_equal(stats_of(&other).n_tx_frames, 4);
	for (uint32_t i = 0; i < (r->ops->caps & PKTIO_L2 ? 3 : 4); i++)
		assert_true(capture_next(&other, PROTO_UDP, got, sizeof(got), 1000) > 0);
	assert_int_equal(capture_next(&other, PROTO_UDP, got, sizeof(got), 20), -1);
	run_close(&other);
}

typedef void (*check_fn)(struct run *r);
static const struct check_row {
	const char *name;
	check_fn fn;
} checks[] = {
#define CHECK(fn)                                                                                  \
	{                                                                                          \
#fn, fn                                                                            \
	}
	CHECK(sent_frames_arrive_byte_for_byte),
	CHECK(empty_frames_are_not_sent),
	CHECK(a_kick_is_the_fewest_calls_at_any_size),
	CHECK(resets_come_back_with_their_facts),
	CHECK(other_ports_are_filtered),
	CHECK(unreachables_quote_the_probe),
	CHECK(echo_replies_are_heard_and_cut),
	CHECK(drops_are_counted),
	CHECK(a_refused_frame_does_not_stop_the_batch),
	CHECK(frames_for_other_interfaces_arrive),
	CHECK(waiting_ends_in_time),
	CHECK(unreleased_frames_stay_whole),
	CHECK(bound_to_its_interface_it_works_alike),
	CHECK(arp_replies_are_heard),
	CHECK(link_local_takes_its_zone),
};

static void every_back_end_over_every_medium(void **state)
{
	for (size_t v = 0; v < N_VARIANTS; v++)
		for (size_t m = 0; m < N_MEDIA; m++)
			for (size_t c = 0; c < ARRAY_LEN(checks); c++) {
				struct run r;

				if (!is_served(&variants[v], &media[m]))
					continue;
				print_message("%s %s %s\n", variants[v].name, media[m].name,
					      checks[c].name);
				run_open(&r, &variants[v], &media[m]);
				checks[c].fn(&r);
				run_close(&r);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_back_end_over_every_medium),
	};

	spaces = netns_pair_open();
	/* live frames are taken by a veth whose other end polls */
	netns_enter(spaces.far_fd);
	netns_sh("ethtool -K vb gro on");
	netns_enter(spaces.near_fd);
	/* Frames put on lo by a packet socket meet the checks for martians, unlike those of raw
	 * sockets. */
	netns_sh("sysctl -qw net.ipv4.conf.lo.route_localnet=1 net.ipv4.conf.lo.accept_local=1");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
