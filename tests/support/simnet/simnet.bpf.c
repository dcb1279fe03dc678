/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The fast half of the simulated network: an XDP program on the target's end of the veth pair.
 *
 * It answers in the driver (XDP_TX) what has one answer, at once, no longer than the probe. All
 * else it passes up, where the daemon's packet socket picks it up: delays, copies, forgeries, ICMP
 * errors, SCTP, ARP and neighbour discovery. Whatever it could read it has counted, and it has
 * drawn the loss of the way in; the daemon does not do so again.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "packet.h"

/* Set before loading; the verifier removes what the constants make unreachable. */
const volatile struct sim_conf conf = {0};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct sim_counters);
} counters SEC(".maps");

/* Eight saturating counters a word; sized by the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, uint64_t);
} cells SEC(".maps");

/* Port -> 1 + index among the counted ports, 0: not counted. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 65536);
	__type(key, uint32_t);
	__type(value, uint64_t);
} port_index SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct sim_limit);
} limits SEC(".maps");

static __always_inline void count_endpoint(const struct sim_probe *p)
{
	uint32_t port = p->dport, word;
	uint64_t *index, *cell;
	int64_t n;

	if (!conf.counted.n_hosts || p->proto != conf.counted.proto)
		return;
	index = bpf_map_lookup_elem(&port_index, &port);
	if (!index)
		return;
	n = sim_cell(&conf, p, (uint32_t)*index - 1);
	if (n < 0)
		return;
	word = (uint32_t)(n >> 3);
	cell = bpf_map_lookup_elem(&cells, &word);
	if (cell && (*cell >> ((n & 7) * 8) & 0xff) < 0xff)
		__sync_fetch_and_add(cell, 1ull << ((n & 7) * 8));
}

static __always_inline int is_limited(const struct sim_verdict *v, struct sim_counters *n)
{
	uint32_t slot = (uint32_t)v->host & (conf.n_limits - 1);
	struct sim_limit *l;

	if (!v->is_rst_limited)
		return 0;
	l = bpf_map_lookup_elem(&limits, &slot);
	if (!l ||
	    sim_limit_take(l, v->host, bpf_ktime_get_ns(), conf.rst_gap_ns, conf.rst_burst_ns))
		return 0;
	n->n[SIM_N_rst_limited]++;
	return 1;
}

static __always_inline int is_lost(enum sim_share way, enum sim_counter counter,
				   struct sim_counters *n)
{
	if (!conf.share[way] || bpf_get_prandom_u32() >= conf.share[way])
		return 0;
	n->n[counter]++;
	return 1;
}

static __always_inline int unread(int why, struct sim_counters *n)
{
	switch (why) {
	case SIM_READ_IP_SUM:
		n->n[SIM_N_bad_ip_sum]++;
		return XDP_DROP;
	case SIM_READ_L4_SUM:
		n->n[SIM_N_bad_l4_sum]++;
		return XDP_DROP;
	default: /* counted by the daemon */
		return XDP_PASS;
	}
}

static __always_inline int answer(struct xdp_md *ctx, const struct sim_probe *p,
				  const struct sim_verdict *v, struct sim_counters *n)
{
	uint8_t *frame = (uint8_t *)(long)ctx->data, *end = (uint8_t *)(long)ctx->data_end;
	int len;

	if (is_limited(v, n) || is_lost(SIM_LOSS_OUT, SIM_N_lost_out, n))
		return XDP_DROP;
	len = sim_patch(frame, end, p, v);
	if (len < 0)
		return XDP_DROP;
	if (frame + len != end && bpf_xdp_adjust_tail(ctx, len - (int)(end - frame)))
		return XDP_DROP;
	n->n[sim_answer_counter(v)]++;
	return (int)bpf_redirect(ctx->ingress_ifindex, 0);
}

/* Global, so that the verifier looks at each of these once and not along every path to it. */
int simnet_read(struct xdp_md *ctx, struct sim_probe *p);
int simnet_read(struct xdp_md *ctx, struct sim_probe *p)
{
	if (!p)
		return SIM_READ_OTHER;
	return sim_read((uint8_t *)(long)ctx->data, (uint8_t *)(long)ctx->data_end, p);
}

int simnet_judge(const struct sim_probe *p, struct sim_verdict *v);
int simnet_judge(const struct sim_probe *p, struct sim_verdict *v)
{
	if (!p || !v)
		return -1;
	sim_judge(&conf, p, v);
	return 0;
}

SEC("xdp")
int simnet(struct xdp_md *ctx)
{
	uint32_t zero = 0;
	struct sim_counters *n = bpf_map_lookup_elem(&counters, &zero);
	struct sim_verdict v = {0};
	struct sim_probe p = {0};
	int err;

	if (!n)
		return XDP_PASS;
	err = simnet_read(ctx, &p);
	if (err || p.kind == SIM_N_nd)
		return unread(err, n);
	if (!sim_contains(&conf, p.dst_hi, p.dst_lo))
		return XDP_PASS;
	if (simnet_judge(&p, &v))
		return XDP_PASS;
	if (v.is_established)
		p.kind = SIM_N_established;
	if (p.kind < SIM_COUNTER_N)
		n->n[p.kind]++;
	if (sim_is_probe(&p, &v))
		count_endpoint(&p);
	if (is_lost(SIM_LOSS_IN, SIM_N_lost_in, n))
		return XDP_DROP;
	if (v.is_slow || v.action == SIM_ANSWER_ICMP_ERROR) {
		n->n[SIM_N_passed_up]++;
		return XDP_PASS;
	}
	if (v.action == SIM_SILENT) {
		n->n[SIM_N_silent] += sim_is_probe(&p, &v);
		return XDP_DROP;
	}
	return answer(ctx, &p, &v, n);
}

char gpl[] SEC("license") = "GPL";
