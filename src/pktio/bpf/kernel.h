/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Maps and small words shared by the parts of the XDP program. Compiled for the kernel only. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "pktio/xdp_abi.h"

#define INLINE static inline __attribute__((always_inline))

/** The compiler may not use what it knows of @p x: the verifier wants to see the next compare. */
#define BOUND_AGAIN(x) __asm__ volatile("" : "+r"(x))

/** Sizes are set before loading: members, members * batch, bytes of a ring. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, uint32_t);
	__type(value, struct xdp_lane);
} lanes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, uint32_t);
	__type(value, struct xdp_slot);
} slots SEC(".maps");

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, XDP_MEMBERS_MAX);
	__type(key, uint32_t);
	__array(values, struct ring);
} rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XDP_MEMBERS_MAX);
	__type(key, uint32_t);
	__type(value, struct xdp_counts);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, uint32_t);
	__type(value, struct xdp_sweep);
} sweeps SEC(".maps");

/** Of each window hosts_per_group addresses in network order, by rank. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, uint32_t);
	__type(value, struct xdp_words);
} sweep_addrs SEC(".maps");

/** Of each window hosts_per_group * n_ports words. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, uint32_t);
	__type(value, struct xdp_words);
} sweep_mail SEC(".maps");

struct xdp_member members[XDP_MEMBERS_MAX];
struct xdp_form forms[XDP_MEMBERS_MAX];

/** Constant once loaded: what a scan without sweeps does not need is left out by the verifier. */
const volatile struct xdp_plan plan = {0};

const volatile uint32_t n_members = 1;
const volatile uint32_t batch = 1;

INLINE uint32_t *word_of(void *map, uint32_t at)
{
	uint32_t key = at / XDP_WORDS;
	struct xdp_words *v = bpf_map_lookup_elem(map, &key);

	return v ? &v->w[at % XDP_WORDS] : NULL;
}

INLINE void count(uint32_t m, enum xdp_count what)
{
	struct xdp_counts *c = bpf_map_lookup_elem(&counts, &m);

	if (c)
		c->n[what]++;
}

/** An Internet checksum's sum, folded and complemented. */
INLINE uint16_t csum_fold(uint64_t s)
{
	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffff) + (s >> 16 & 0xffff) + (s >> 32);
	s = (s & 0xffff) + (s >> 16);
	s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}
