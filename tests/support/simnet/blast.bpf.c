/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bare sender that the responder's capacity is measured with: writes a SYN for the next
 * endpoint into each frame of a live-frames test run and sends it through an interface. The other
 * program counts what comes back and drops it. Neither matches answers to probes: nothing costs
 * less on this side of a link.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "packet.h"

#define FRAME_LEN 58

struct blast_conf {
	uint32_t ifindex, src, dst, n_hosts_mask, n_ports_mask;
	uint16_t dst_mac[3], src_mac[3];
};

const volatile struct blast_conf conf = {0};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2); /* sent, received */
	__type(key, uint32_t);
	__type(value, uint64_t);
} n SEC(".maps");

SEC("xdp")
int blast_send(struct xdp_md *ctx)
{
	uint32_t key = 0, mixed, dst, port;
	uint64_t sum, *sent = bpf_map_lookup_elem(&n, &key);
	uint8_t *f, *end;

	/* The receiver may have left the frame shorter: state its length anew. */
	if (!sent || bpf_xdp_adjust_tail(ctx, -4))
		return XDP_ABORTED;
	f = (uint8_t *)(long)ctx->data;
	end = (uint8_t *)(long)ctx->data_end;
	if (f + FRAME_LEN > end)
		return XDP_ABORTED;
	mixed = (uint32_t)sim_mix((*sent)++ << 8 | bpf_get_smp_processor_id());
	dst = conf.dst + (mixed & conf.n_hosts_mask);
	port = 1 + (mixed >> 16 & conf.n_ports_mask);
	for (int i = 0; i < 3; i++) {
		SIM_ST16(f + 2 * i, conf.dst_mac[i]);
		SIM_ST16(f + 6 + 2 * i, conf.src_mac[i]);
	}
	SIM_ST16(f + 12, SIM_BE16((uint16_t)0x0800));
	sum = (uint64_t)(conf.src >> 16) + (conf.src & 0xffff) + (dst >> 16) + (dst & 0xffff);
	SIM_ST32(f + 14, SIM_BE32(0x4500002cu));
	SIM_ST32(f + 18, SIM_BE32(0x00004000u));
	SIM_ST16(f + 22, SIM_BE16((uint16_t)0x4006));
	SIM_ST16(f + 24, SIM_BE16((uint16_t)~sim_fold(sum + 0x4500 + 44 + 0x4000 + 0x4006)));
	SIM_ST32(f + 26, SIM_BE32(conf.src));
	SIM_ST32(f + 30, SIM_BE32(dst));
	SIM_ST16(f + 34, SIM_BE16((uint16_t)40000));
	SIM_ST16(f + 36, SIM_BE16((uint16_t)port));
	SIM_ST32(f + 38, SIM_BE32(mixed));
	SIM_ST32(f + 42, 0);
	SIM_ST32(f + 46, SIM_BE32(0x60020400u));
	SIM_ST16(f + 52, 0);
	SIM_ST32(f + 54, SIM_BE32(0x020405b4u));
	sum += SIM_TCP + 24 + 40000 + port + (uint64_t)mixed + 0x6002 + 0x0400 + 0x020405b4u;
	SIM_ST16(f + 50, SIM_BE16((uint16_t)~sim_fold(sum)));
	return (int)bpf_redirect(conf.ifindex, 0);
}

SEC("xdp")
int blast_receive(struct xdp_md *ctx)
{
	uint8_t *f = (uint8_t *)(long)ctx->data, *end = (uint8_t *)(long)ctx->data_end;
	uint32_t key = 1;
	uint64_t *received = bpf_map_lookup_elem(&n, &key);

	if (!received || f + 34 > end || SIM_LD16(f + 12) != SIM_BE16((uint16_t)0x0800))
		return XDP_PASS;
	++*received;
	return XDP_DROP;
}

char gpl[] SEC("license") = "GPL";
