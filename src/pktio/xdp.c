/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The XDP program's life: load, attach by a link that dies with the process, try the driver, and
 * the places of the workers on it. Frames are sent by test runs with live frames: the kernel runs
 * the program on fresh frames and transmits what it redirects. What the driver took is learned from
 * the tracepoint it passes, since a redirect reports nothing back. Sources:
 * Documentation/bpf/bpf_prog_run.rst; xdp-tools, xdp-trafficgen.
 */
#include "pktio/xdp_int.h"

#include "base/clock.h"
#include "base/mem.h"
#include "pktio/lateclose.h"
#include "pktio/xdp.skel.h"

#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>

static_assert(XDP_WORKERS_MAX == XDP_MEMBERS_MAX && XDP_COOKIE_ROWS_MAX == XDP_ROWS_MAX &&
		      XDP_BATCH_MAX == PKTIO_BATCH_MAX,
	      "one ceiling each");
static_assert(XDP_FRAME_MAX == XDP_FRAME_CAP, "one ceiling each");

/** Frames between two looks of the kernel at its own work; 64 fit every driver's ring. */
#define RUN_BATCH 64
/** Local experimental ethertype (IEEE 802): a frame from us to us that nobody reads. */
#define TRY_ETHERTYPE 0x88b5
#define TRY_BYTES     60

struct xdp_hub {
	struct xdp_hub_conf conf;
	struct xdp_bpf *skel;
	int link_fd;            /* the attachment; -1 none */
	int told_fd;            /* the tracepoint; -1 none */
	uint8_t *lanes, *slots; /* mapped */
	struct xdp_sweeps sweeps;
	size_t lane_size, slot_size;
	bool can_send;
};

static int silent(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return 0;
}

static size_t mapped_bytes(size_t size, uint32_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size * n + page - 1) / page * page;
}

/** An array in the kernel as memory here. */
static int map_array(const struct bpf_map *map, size_t size, uint32_t n, uint8_t **ret)
{
	void *p = mmap(NULL, mapped_bytes(size, n), PROT_READ | PROT_WRITE, MAP_SHARED,
		       bpf_map__fd(map), 0);

	if (p == MAP_FAILED)
		return -errno;
	*ret = p;
	return 0;
}

/** Entries that the maps of the sweeps have, in the order of map_sweeps(). */
static void sweep_sizes(const struct xdp_hub *h, uint32_t ret[3])
{
	uint32_t n_windows = h->conf.n_members * XDP_WINDOWS,
		 n_hosts = n_windows * h->sweeps.n_hosts;

	ret[0] = n_windows;
	ret[1] = (n_hosts + XDP_WORDS - 1) / XDP_WORDS;
	ret[2] = (n_hosts * h->sweeps.n_ports + XDP_WORDS - 1) / XDP_WORDS;
}

/** Before the program is loaded. */
static void size_sweeps(struct xdp_hub *h)
{
	struct bpf_map *const maps[] = {h->skel->maps.sweeps, h->skel->maps.sweep_addrs,
					h->skel->maps.sweep_mail};
	uint32_t n[ARRAY_LEN(maps)];

	if (!h->conf.sweep)
		return;
	xdp_plan_fill(h->conf.sweep, &h->skel->rodata->plan);
	h->sweeps.n_hosts = h->conf.sweep->hosts_per_group;
	h->sweeps.n_ports = h->conf.sweep->n_ports;
	sweep_sizes(h, n);
	for (uint32_t i = 0; i < ARRAY_LEN(maps); i++)
		(void)bpf_map__set_max_entries(maps[i], n[i]);
}

static int map_sweeps(struct xdp_hub *h)
{
	struct xdp_sweeps *s = &h->sweeps;
	uint8_t *addrs = NULL, *mail = NULL;
	uint32_t n[3];

	if (!s->n_ports)
		return 0;
	sweep_sizes(h, n);
	s->head_size = (sizeof(struct xdp_sweep) + 7) & ~(size_t)7;
	int err = map_array(h->skel->maps.sweeps, s->head_size, n[0], &s->heads);
	if (!err)
		err = map_array(h->skel->maps.sweep_addrs, sizeof(struct xdp_words), n[1], &addrs);
	if (!err)
		err = map_array(h->skel->maps.sweep_mail, sizeof(struct xdp_words), n[2], &mail);
	s->addrs = (void *)addrs;
	s->mail = (void *)mail;
	return err;
}

static void unmap_sweeps(struct xdp_hub *h)
{
	struct xdp_sweeps *s = &h->sweeps;
	uint32_t n[3];

	if (!s->heads)
		return;
	sweep_sizes(h, n);
	munmap(s->heads, mapped_bytes(s->head_size, n[0]));
	if (s->addrs)
		munmap(s->addrs, mapped_bytes(sizeof(struct xdp_words), n[1]));
	if (s->mail)
		munmap(s->mail, mapped_bytes(sizeof(struct xdp_words), n[2]));
}

static int load(struct xdp_hub *h)
{
	const struct xdp_hub_conf *c = &h->conf;

	libbpf_set_print(silent);
	h->skel = xdp_bpf__open();
	if (!h->skel)
		return -errno;
	h->skel->rodata->n_members = c->n_members;
	h->skel->rodata->batch = c->batch;
	(void)bpf_map__set_max_entries(h->skel->maps.lanes, c->n_members);
	(void)bpf_map__set_max_entries(h->skel->maps.slots, c->n_members * c->batch);
	size_sweeps(h);
	int err = xdp_bpf__load(h->skel);
	if (err == -EMFILE || err == -ENOMEM)
		return err;
	if (err)
		return err == -EPERM || err == -EACCES ? -EPERM : -E_UNSUPPORTED;
	h->lane_size = (sizeof(struct xdp_lane) + 7) & ~(size_t)7;
	h->slot_size = (sizeof(struct xdp_slot) + 7) & ~(size_t)7;
	err = map_array(h->skel->maps.lanes, h->lane_size, c->n_members, &h->lanes);
	if (!err)
		err = map_array(h->skel->maps.slots, h->slot_size, c->n_members * c->batch,
				&h->slots);
	return err ? err : map_sweeps(h);
}

/** @return 0; @p ret_is_native: in the driver. A program that is there already stays. */
static int try_attach(struct xdp_hub *h, bool *ret_is_native)
{
	static const uint32_t modes[] = {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE};
	int prog = bpf_program__fd(h->skel->progs.xdp_main), err = 0;

	for (size_t i = 0; i < ARRAY_LEN(modes) && h->link_fd < 0; i++) {
		LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = modes[i]);
		h->link_fd = bpf_link_create(prog, (int)h->conf.if_idx, BPF_XDP, &opts);
		*ret_is_native = i == 0;
		err = h->link_fd < 0 ? h->link_fd : 0;
		if (err == -EBUSY || err == -EEXIST || err == -EPERM)
			break;
	}
	return err == -EEXIST ? -EBUSY : err;
}

/** A scan that just ended leaves its program for some milliseconds: that one is waited for. */
static int attach(struct xdp_hub *h, bool *ret_is_native)
{
	uint64_t end_ns = clock_now_ns() + h->conf.busy_wait_ms * NS_PER_MS;
	struct timespec pause = {.tv_nsec = 2 * (long)NS_PER_MS};
	int err;

	while ((err = try_attach(h, ret_is_native)) == -EBUSY && clock_now_ns() < end_ns)
		(void)nanosleep(&pause, NULL);
	return err;
}

static int own_mac(uint32_t if_idx, uint8_t mac[ETH_ALEN])
{
	struct ifreq q = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -errno;
	if (!if_indextoname(if_idx, q.ifr_name) || ioctl(fd, SIOCGIFHWADDR, &q) < 0)
		err = -errno;
	close(fd);
	memcpy(mac, q.ifr_hwaddr.sa_data, ETH_ALEN);
	return err;
}

/** Send one frame to ourselves. @return whether the driver took it. */
static bool try_driver(struct xdp_hub *h)
{
	struct xdp_port p;
	uint8_t mac[ETH_ALEN];

	h->told_fd = bpf_raw_tracepoint_open("xdp_devmap_xmit",
					     bpf_program__fd(h->skel->progs.xdp_told));
	if (h->told_fd < 0 || own_mac(h->conf.if_idx, mac) || xdp_port_open(h, &p))
		return false;
	struct xdp_slot *s = p.slots;
	s->if_idx = h->conf.if_idx;
	s->len = TRY_BYTES;
	memcpy(s->bytes, mac, ETH_ALEN);
	memcpy(s->bytes + ETH_ALEN, mac, ETH_ALEN);
	s->bytes[12] = TRY_ETHERTYPE >> 8;
	s->bytes[13] = TRY_ETHERTYPE & 0xff;
	p.lane->n_frames = 1;
	p.lane->order[0] = 0;
	bool is_taken = !xdp_port_claim(&p) && !xdp_port_run(&p) && p.lane->n_sent == 1;
	xdp_port_close(&p);
	return is_taken;
}

int xdp_hub_open(const struct xdp_hub_conf *conf, struct xdp_hub **ret)
{
	bool is_native = false;

	if (!conf->if_idx || conf->n_members < 1 || conf->n_members > XDP_MEMBERS_MAX ||
	    conf->batch < 1 || conf->batch > XDP_BATCH_MAX)
		return -E_RANGE;
	struct xdp_hub *h = mem_alloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	*h = (struct xdp_hub){.conf = *conf, .link_fd = -1, .told_fd = -1};
	int err = load(h);
	if (!err)
		err = attach(h, &is_native);
	if (err) {
		xdp_hub_close(h);
		return err;
	}
	/* on the generic hook every test run would wait for grace periods */
	h->can_send = is_native && try_driver(h);
	*ret = h;
	return 0;
}

void xdp_hub_close(struct xdp_hub *h)
{
	if (!h)
		return;
	int fds[] = {h->link_fd, h->told_fd};
	lateclose(fds, ARRAY_LEN(fds));
	if (h->lanes)
		munmap(h->lanes, mapped_bytes(h->lane_size, h->conf.n_members));
	if (h->slots)
		munmap(h->slots, mapped_bytes(h->slot_size, h->conf.n_members * h->conf.batch));
	unmap_sweeps(h);
	xdp_bpf__destroy(h->skel);
	mem_free(h);
}

bool xdp_hub_can_send(const struct xdp_hub *h)
{
	return h->can_send;
}

uint32_t xdp_hub_if_idx(const struct xdp_hub *h)
{
	return h->conf.if_idx;
}

/* --- a worker's place --------------------------------------------------------- */

int xdp_port_open(struct xdp_hub *h, struct xdp_port *ret)
{
	for (uint32_t i = 0; i < h->conf.n_members; i++) {
		struct xdp_member *m = &h->skel->bss->members[i];

		if (m->is_open)
			continue;
		*m = (struct xdp_member){.port_lo = 1, .is_open = 1};
		((struct xdp_lane *)(void *)(h->lanes + i * h->lane_size))->task = 0;
		*ret = (struct xdp_port){
			.hub = h,
			.idx = i,
			.lane = (void *)(h->lanes + i * h->lane_size),
			.slots = (void *)(h->slots + (size_t)i * h->conf.batch * h->slot_size),
			.member = m,
			.form = &h->skel->bss->forms[i],
			.sweeps = h->sweeps.n_ports ? &h->sweeps : NULL};
		return 0;
	}
	return -E_FULL;
}

/** Giving a worker's ring to the program, under way on a thread of its own. */
struct xdp_listener {
	pthread_t thread;
	int map_fd, ring_fd, error;
	uint32_t idx;
	_Atomic bool is_returned;
};

static void *give_ring(void *arg)
{
	struct xdp_listener *l = arg;

	l->error = bpf_map_update_elem(l->map_fd, &l->idx, &l->ring_fd, 0);
	atomic_store(&l->is_returned, true);
	return NULL;
}

/**
 * The program sees the ring at once, but the call returns only after a grace period, 10 to 15 ms:
 * another thread waits for that.
 */
int xdp_port_listen(struct xdp_port *p, const struct xdp_ring *r)
{
	struct xdp_listener *l = mem_alloc(1, sizeof(*l));
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info), ring_id = 0;

	if (!l)
		return -ENOMEM;
	int err = bpf_obj_get_info_by_fd(r->fd, &info, &len);
	*l = (struct xdp_listener){
		.map_fd = bpf_map__fd(p->hub->skel->maps.rings), .ring_fd = r->fd, .idx = p->idx};
	err = err ? err : -pthread_create(&l->thread, NULL, give_ring, l);
	if (err) {
		mem_free(l);
		return err;
	}
	p->listener = l;
	while (!atomic_load(&l->is_returned) &&
	       (bpf_map_lookup_elem(l->map_fd, &l->idx, &ring_id) < 0 || ring_id != info.id))
		(void)sched_yield();
	return atomic_load(&l->is_returned) ? l->error : 0;
}

void xdp_port_close(struct xdp_port *p)
{
	if (!p->hub)
		return;
	/* the ring stays in its map until the hub closes: taking it out would be one more wait */
	p->member->is_open = 0;
	if (p->listener)
		pthread_join(p->listener->thread, NULL);
	mem_free(p->listener);
	*p = (struct xdp_port){0};
}

void xdp_port_counts(const struct xdp_port *p, struct xdp_counts *ret)
{
	struct xdp_counts *by_core = NULL;
	int n = libbpf_num_possible_cpus();

	*ret = (struct xdp_counts){0};
	if (n > 0)
		by_core = mem_alloc((size_t)n, sizeof(*by_core));
	if (by_core &&
	    !bpf_map_lookup_elem(bpf_map__fd(p->hub->skel->maps.counts), &p->idx, by_core))
		for (int i = 0; i < n; i++)
			for (uint32_t k = 0; k < XDP_COUNT_N; k++)
				ret->n[k] += by_core[i].n[k];
	mem_free(by_core);
}

int xdp_port_claim(struct xdp_port *p)
{
	uint64_t args[5] = {p->idx};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));

	return bpf_prog_test_run_opts(bpf_program__fd(p->hub->skel->progs.xdp_claim), &opts);
}

int xdp_port_run(struct xdp_port *p)
{
	struct xdp_lane *l = p->lane;
	/*
	 * Shorter than every frame, so that the program sets each one's length: the kernel uses
	 * pages again without noticing that a receiver on the same machine cut the frame short.
	 */
	struct xdp_md ctx = {.data_end = ETH_HLEN, .ingress_ifindex = XDP_LIVE_IFACE};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .data_in = p->slots->bytes, .data_size_in = ETH_HLEN,
		    .repeat = (int)l->n_frames, .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		    .batch_size = RUN_BATCH);

	l->next = l->n_pending = l->n_sent = l->n_dropped = l->n_bulks = 0;
	return bpf_prog_test_run_opts(bpf_program__fd(p->hub->skel->progs.xdp_main), &opts);
}
