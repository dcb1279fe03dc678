/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The receive filter of packet sockets, in front of recvmmsg (rawrx.c) and of the mapped ring
 * (rxring.c) alike. Offsets count from the network header, so that the link's own does not matter;
 * a jump's targets are numbered beside the program. Each worker's socket admits its own port only,
 * so that a reply is copied once and to the worker that waits for it.
 */
#include "pktio/rxfilter.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/icmp.h>
#include <linux/if_ether.h>

int rxfilter_attach(int fd, struct sock_filter *code, size_t n)
{
	struct sock_fprog prog = {.len = (unsigned short)n, .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ? -errno : 0;
}

#define LDB(at)   BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at)
#define LDB_X(at) BPF_STMT(BPF_LD | BPF_B | BPF_IND, at)
#define NET(off)  ((uint32_t)SKF_NET_OFF + (off)) /* from the network header, whatever the link */
#define SKIP(n)   BPF_STMT(BPF_JMP | BPF_JA, n)

/** X = length of the IPv4 header. */
#define IHL_TO_X                                                                                   \
	LDB(NET(0)), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 15),                                      \
		BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 2), BPF_STMT(BPF_MISC | BPF_TAX, 0)

int rxfilter_link(int fd, const struct pktio_conf *c)
{
	uint32_t tcp = c->wants_tcp ? PROTO_TCP : 255, udp = c->wants_udp ? PROTO_UDP : 255;
	uint32_t sctp = c->wants_sctp ? PROTO_SCTP : 255;
	struct sock_filter code[] = {
		/*  0 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_PROTOCOL),
		/*  1 */ JEQ(ETH_P_IP, 5, 0),
		/*  2 */ JEQ(ETH_P_IPV6, 27, 0),
		/*  3 */ JEQ(c->wants_arp ? ETH_P_ARP : 0, 0, 2),
		/*  4 */ LDH(NET(6)),
		/*  5 */ JEQ(2, 42, 0),
		/*  6 */ REJECT,
		/*  7 IPv4: no later fragments */ LDH(NET(6)),
		/*  8 */ BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 38, 0),
		/*  9 */ LDB(NET(9)),
		/* 10 */ JEQ(PROTO_ICMP, 10, 0),
		/* 11 */ JEQ(tcp, 2, 0),
		/* 12 */ JEQ(udp, 1, 0),
		/* 13 */ JEQ(sctp, 0, 33),
		/* 14 */ IHL_TO_X,
		/* 18 */ LDH_X(NET(2)),
		/* 19 */ JGE(c->port_lo, 0, 27),
		/* 20 */ JGT(c->port_hi, 26, 27),
		/* 21 ICMP */ IHL_TO_X,
		/* 25 */ LDB_X(NET(0)),
		/* 26 */ JGT(18, 20, 0),
		/* 27 */ BPF_STMT(BPF_MISC | BPF_TAX, 0),
		/* 28 */ BPF_STMT(BPF_LD | BPF_IMM, ICMP4_ANSWERS),
		/* 29 */ SKIP(13),
		/* 30 IPv6 */ LDB(NET(6)),
		/* 31 */ JEQ(PROTO_ICMPV6, 6, 0),
		/* 32 */ JEQ(tcp, 2, 0),
		/* 33 */ JEQ(udp, 1, 0),
		/* 34 */ JEQ(sctp, 0, 12),
		/* 35 */ LDH(NET(42)),
		/* 36 */ JGE(c->port_lo, 0, 10),
		/* 37 */ JGT(c->port_hi, 9, 10),
		/* 38 ICMPv6 */ LDB(NET(40)),
		/* 39 */ JEQ(ICMP6_ECHO_REPLY, 8, 0),
		/* 40 */ JEQ(ND_NEIGHBOR_ADVERT, 7, 0),
		/* 41 */ JGT(ICMP6_PARAM_PROB, 5, 0),
		/* 42 */ JGE(ICMP6_DST_UNREACH, 5, 4),
		/* 43 A = mask, X = type */ BPF_STMT(BPF_ALU | BPF_RSH | BPF_X, 0),
		/* 44 */ BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 1),
		/* 45 */ JEQ(1, 2, 0),
		/* 46 */ REJECT,
		/* 47 */ REJECT,
		/* 48 */ ACCEPT,
	};

	return rxfilter_attach(fd, code, ARRAY_LEN(code));
}

int rxfilter_link_sctp(int fd, const struct pktio_conf *c)
{
	uint32_t skipped = c->skip_if_idx ? c->skip_if_idx : UINT32_MAX;
	struct sock_filter code[] = {
		/*  0 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_IFINDEX),
		/*  1 */ JEQ(skipped, 19, 0),
		/*  2 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_PROTOCOL),
		/*  3 */ JEQ(ETH_P_IP, 1, 0),
		/*  4 */ JEQ(ETH_P_IPV6, 9, 16),
		/*  5 IPv4: no later fragments */ LDH(NET(6)),
		/*  6 */ BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 14, 0),
		/*  7 */ LDB(NET(9)),
		/*  8 */ JEQ(PROTO_SCTP, 0, 12),
		/*  9 */ IHL_TO_X,
		/* 13 */ SKIP(3),
		/* 14 IPv6 */ LDB(NET(6)),
		/* 15 */ JEQ(PROTO_SCTP, 0, 5),
		/* 16 */ BPF_STMT(BPF_LDX | BPF_IMM, 40),
		/* 17 the port */ LDH_X(NET(2)),
		/* 18 */ JGE(c->port_lo, 0, 2),
		/* 19 */ JGT(c->port_hi, 1, 0),
		/* 20 */ ACCEPT,
		/* 21 */ REJECT,
	};

	return rxfilter_attach(fd, code, ARRAY_LEN(code));
}
