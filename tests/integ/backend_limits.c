/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What packet back ends need and what they do without it: capabilities, descriptors, locked memory,
 * queues, a driver's zero-copy, an interface that goes away. Needs CAP_SYS_ADMIN and CAP_NET_RAW;
 * exits 77 without.
 */
#include "backend_bed.h"

#include "pktio/choose.h"
#include "pktio/l2io.h"

static struct pktio_conf small_conf(const struct variant *v)
{
	return (struct pktio_conf){.batch = 8,
				   .v4 = true,
				   .v6 = true,
				   .wants_tcp = true,
				   .port_hi = 65535,
				   .tx_if_idx = if_nametoindex("va"),
				   .wants_rx_ring = v->has_ring,
				   .waits_for_queue = true};
}

/* First, and not only for its own sake: libbpf remembers for good what it could not find out. */
static void unhindered_all_open(void **state)
{
	for (size_t v = 0; v < N_VARIANTS; v++) {
		struct run r;

		if (!is_served(&variants[v], &media[2]))
			continue;
		run_open(&r, &variants[v], &media[2]);
		run_close(&r);
	}
}

/* Keep only @p caps in a child and open every back end; @return its exit code. */
static int open_all_with(uint32_t caps, int want)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
		struct __user_cap_data_struct d[2] = {{.effective = caps, .permitted = caps}};

		if (syscall(SYS_capset, &h, d) < 0)
			_exit(2);
		for (size_t i = 0; i < N_VARIANTS; i++) {
			struct pktio_conf conf = small_conf(&variants[i]);
			struct pktio *io = NULL;

			if (variants[i].ops->caps & PKTIO_ONE_IFACE)
				continue;
			if (pktio_open(variants[i].ops, &conf, &io) != want)
				_exit(3);
			pktio_close(io);
		}
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void net_raw_alone_is_enough(void **state)
{
	assert_int_equal(open_all_with(1u << CAP_NET_RAW, 0), 0);
	assert_int_equal(open_all_with(0, -EPERM), 0);
}

/* With room for no, one, two ... more descriptors an open fails at every place it can, and cleans
 * up. */
static void a_failed_open_leaves_nothing_open(void **state)
{
	struct rlimit was;
	int n_failed = 0;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	for (size_t i = 0; i < N_VARIANTS; i++) {
		struct pktio_conf conf = small_conf(&variants[i]);
		bool is_program = variants[i].ops->caps & PKTIO_ONE_IFACE;
		int first = dup(0), err = -EMFILE;

		close(first);
		if (!is_served(&variants[i], &media[2]))
			continue;
		conf.if_idx = is_program ? conf.tx_if_idx : 0;
		conf.wants_arp = variants[i].ops->caps & PKTIO_ARP;
		for (rlim_t room = 0; err && room < 32; room++) {
			struct rlimit tight = {(rlim_t)first + room, was.rlim_max};
			struct pktio *io = NULL;

			assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
			err = pktio_open(variants[i].ops, &conf, &io);
			assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
			assert_true(err == 0 || err == -EMFILE ||
				    (is_program && err == -E_UNSUPPORTED));
			n_failed += err != 0;
			pktio_close(io);
			int next = dup(0);
			close(next);
			assert_int_equal(next, first);
		}
		assert_int_equal(err, 0);
	}
	assert_true(n_failed >= 13);
}

static int open_once(const struct pktio_ops *ops, const struct pktio_conf *conf, struct pktio **ret)
{
	*ret = NULL;
	return pktio_open(ops, conf, ret);
}

/* Every reason to refuse has its own error, which the choice of a back end puts into words. */
static void af_xdp_says_why_not(void **state)
{
	struct pktio_conf conf = small_conf(&variants[1]), wrong;
	struct pktio *io, *second;

	assert_int_equal(open_once(&pktio_afxdp_zc, &conf, &io), -EOPNOTSUPP);
	wrong = conf;
	wrong.tx_queue = 99;
	assert_int_equal(open_once(&pktio_afxdp, &wrong, &io), -EINVAL);
	wrong = conf;
	wrong.tx_if_idx = 0;
	assert_int_equal(open_once(&pktio_afxdp, &wrong, &io), -E_UNSUPPORTED);
	assert_int_equal(open_once(&pktio_afxdp, &conf, &io), 0);
	assert_int_equal(open_once(&pktio_afxdp, &conf, &second), -EBUSY);
	pktio_close(io);
}

/* A worker each on two queues of one interface. */
static void af_xdp_takes_a_queue_each(void **state)
{
	struct pktio_conf conf = small_conf(&variants[1]);
	struct pktio *io[2];

	netns_sh("ip link add qa numtxqueues 2 numrxqueues 2 type veth peer name qb; "
		 "ip link set qa up; ip link set qb up");
	conf.tx_if_idx = if_nametoindex("qa");
	for (uint32_t i = 0; i < 2; i++) {
		conf.tx_queue = i;
		assert_int_equal(open_once(&pktio_afxdp, &conf, &io[i]), 0);
	}
	pktio_close(io[0]);
	pktio_close(io[1]);
}

static void locked_memory_is_needed(void **state)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
		struct __user_cap_data_struct d[2] = {
			{.effective = 1u << CAP_NET_RAW, .permitted = 1u << CAP_NET_RAW}};
		struct pktio_conf conf = small_conf(&variants[1]);
		struct rlimit tight = {65536, 65536};
		struct pktio *io;

		if (setrlimit(RLIMIT_MEMLOCK, &tight) < 0 || syscall(SYS_capset, &h, d) < 0)
			_exit(2);
		_exit(open_once(&pktio_afxdp, &conf, &io) == -ENOBUFS ? 0 : 3);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Two that lie: one takes frames and loses them, one sends them to nobody (the interface counts).
 */
static int lose(struct pktio *io)
{
	int n = (int)((struct l2io *)io->state)->out.n;

	((struct l2io *)io->state)->out.n = 0;
	txbatch_reset(&((struct l2io *)io->state)->batch);
	return n;
}

static void misdirect(struct pktio *io, const struct frame *f, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		f[i].bytes[5] ^= 0x55;
	pktio_afpacket.tx_commit(io, f, n);
}

static struct pktio_trial veth_trial(void)
{
	return (struct pktio_trial){.if_idx = if_nametoindex("va"),
				    .mac = media[2].src_mac,
				    .src = literal("10.77.0.1"),
				    .next_hop = literal("10.77.0.2"),
				    .next_hop_mac = media[2].dst_mac,
				    .can_ask = true};
}

static struct pktio_choice choose(const struct pktio_ops *first, const struct pktio_trial *t)
{
	const struct pktio_ops *rows[] = {first, &pktio_afpacket, NULL};
	struct pktio_conf conf = small_conf(&variants[1]);
	struct pktio_choice c;

	assert_int_equal(pktio_choose(rows, &conf, t, &c), 0);
	return c;
}

static void a_trial_tells_who_delivers(void **state)
{
	struct pktio_ops loser = pktio_afpacket, liar = pktio_afpacket;
	struct pktio_trial t = veth_trial(), mute = t;
	struct pktio_choice c = choose(&pktio_afxdp, &t);

	assert_ptr_equal(c.io->ops, &pktio_afxdp);
	assert_true(c.was_answered);
	assert_string_equal(c.notes, "");
	/* its queue is taken now */
	struct pktio_conf conf = small_conf(&variants[1]);
	const struct pktio_ops *rows[] = {&pktio_afxdp, &pktio_afpacket, NULL};
	struct pktio_choice second;
	conf.waits_for_queue = false;
	assert_int_equal(pktio_choose(rows, &conf, &t, &second), 0);
	assert_ptr_equal(second.io->ops, &pktio_afpacket);
	assert_true(strncmp(second.notes, "afxdp: ", 7) == 0);
	pktio_close(second.io);
	pktio_close(c.io);
	loser.name = "loser";
	loser.tx_kick = lose;
	c = choose(&loser, &t);
	assert_ptr_equal(c.io->ops, &pktio_afpacket);
	assert_string_equal(c.notes, "loser: its frames do not leave the interface");
	pktio_close(c.io);
	liar.name = "liar";
	liar.tx_commit = misdirect;
	c = choose(&liar, &t);
	assert_ptr_equal(c.io->ops, &pktio_afpacket);
	assert_string_equal(
		c.notes, "liar: its frames are not answered, those of the portable back end are");
	pktio_close(c.io);
	/* nobody to ask: the count decides, and still tells the loser */
	mute.can_ask = false;
	c = choose(&pktio_afxdp, &mute);
	assert_ptr_equal(c.io->ops, &pktio_afxdp);
	assert_false(c.was_answered);
	pktio_close(c.io);
	c = choose(&loser, &mute);
	assert_ptr_equal(c.io->ops, &pktio_afpacket);
	pktio_close(c.io);
}

/* The last check: it takes the link away. */
static void a_lost_interface_is_told(void **state)
{
	for (size_t v = 0; v < N_VARIANTS; v++) {
		struct run r;
		struct frame f;

		if (!(variants[v].ops->caps & PKTIO_L2) || !is_served(&variants[v], &media[2]))
			continue;
		run_open(&r, &variants[v], &media[2]);
		netns_sh("ip link set va down");
		assert_int_equal(r.ops->tx_reserve(r.io, &f, 1), 1);
		put_syn(&r, &f, PORT_LO, 7, 1);
		assert_int_equal(commit_and_kick(&r, &f, 1), -ENETDOWN);
		assert_int_equal(stats_of(&r).n_tx_errors, 1);
		assert_int_equal(stats_of(&r).n_tx_frames, 0);
		run_close(&r);
		netns_sh("ip link set va up");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unhindered_all_open),
		cmocka_unit_test(net_raw_alone_is_enough),
		cmocka_unit_test(a_failed_open_leaves_nothing_open),
		cmocka_unit_test(af_xdp_says_why_not),
		cmocka_unit_test(af_xdp_takes_a_queue_each),
		cmocka_unit_test(locked_memory_is_needed),
		cmocka_unit_test(a_trial_tells_who_delivers),
		cmocka_unit_test(a_lost_interface_is_told),
	};

	spaces = netns_pair_open();
	netns_enter(spaces.far_fd);
	netns_sh("ethtool -K vb gro on");
	netns_enter(spaces.near_fd);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
