/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Classic BPF programs (packet(7), Documentation/networking/filter.rst) that keep the kernel from
 * handing up what cannot be an answer to us: the vocabulary, and the program of packet sockets.
 */
#pragma once

#include "pktio/pktio.h"

#include <linux/filter.h>

#define LD_IHL(at)   BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, at)
#define LDH_X(at)    BPF_STMT(BPF_LD | BPF_H | BPF_IND, at)
#define LDH(at)      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, at)
#define JEQ(k, t, f) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, t, f)
#define JGE(k, t, f) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, k, t, f)
#define JGT(k, t, f) BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, k, t, f)
#define RET(k)       BPF_STMT(BPF_RET | BPF_K, k)
#define ACCEPT       RET(0x40000)
#define REJECT       RET(0)

/** ICMP types that can answer a probe, a bit each; needs linux/icmp.h. */
#define ICMP4_ANSWERS                                                                              \
	(1u << ICMP_ECHOREPLY | 1u << ICMP_DEST_UNREACH | 1u << ICMP_TIME_EXCEEDED |               \
	 1u << ICMP_PARAMETERPROB | 1u << ICMP_TIMESTAMPREPLY | 1u << ICMP_ADDRESSREPLY)

/** @return 0 or -errno. */
int rxfilter_attach(int fd, struct sock_filter *code, size_t n) MUST_CHECK;
/**
 * What a packet socket passes up: segments and datagrams to our ports, ICMP that can be an answer,
 * ARP replies. IPv6 extension headers are not followed: no stack answers a probe with one.
 * @return as rxfilter_attach.
 */
int rxfilter_link(int fd, const struct pktio_conf *c) MUST_CHECK;
/** SCTP to our port, nothing else. @return as rxfilter_attach. */
int rxfilter_link_sctp(int fd, const struct pktio_conf *c) MUST_CHECK;
