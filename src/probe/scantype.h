/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How to ask and how to read the answer: one const row per scan type and per discovery probe.
 * The engine knows rows, never names. A reply is classified by the row's match() after its
 * cookie has been verified; the row's table turns the kind of reply into a state.
 */
#pragma once

#include "event/event.h"
#include "probe/cookie.h"
#include "probe/payload.h"
#include "probe/template.h"
#include "wire/decode.h"

enum reply_kind {
	REPLY_NONE,
	REPLY_SYN_ACK,
	REPLY_RST,
	REPLY_RST_WINDOW, /* a RST that offers a window, for rows that tell it apart */
	REPLY_ECHO,
	REPLY_TIMESTAMP,
	REPLY_MASK,
	REPLY_ARP,
	REPLY_ND,
	REPLY_CONNECTED, /* kernel connect() succeeded */
	REPLY_REFUSED,   /* kernel connect(): ECONNREFUSED, ECONNRESET */
	REPLY_DATAGRAM,
	REPLY_INIT_ACK,
	REPLY_ABORT,
	REPLY_PORT_UNREACH,  /* ICMP port unreachable from the target itself */
	REPLY_PROTO_UNREACH, /* ICMP: the target itself knows no such protocol, so it is there */
	REPLY_UNREACH,       /* any other ICMP error about the probe */
	REPLY_N
};

enum {
	NEED_RAW = 1,     /* CAP_NET_RAW */
	NEED_V4 = 2,      /* IPv4 targets only */
	NEED_V6 = 4,      /* IPv6 targets only */
	NEED_L2 = 8,      /* an Ethernet back end */
	NEED_CONNECT = 16 /* kernel sockets instead of packets */
};

/** One verified reply. */
struct probe_reply {
	struct endpoint to; /* whom the probe asked; port 0 where the row has none */
	struct addr from;   /* who answered */
	struct mac mac;     /* link discovery */
	bool has_mac;
	uint8_t kind;   /* enum reply_kind */
	uint8_t reason; /* enum reason */
	uint8_t attempt;
	uint8_t n_other;         /* of the attempts before, those that asked something else: their
				    silence is no loss */
	bool is_attempt_unknown; /* it answers any of the attempts made; attempt is a guess */
	bool is_time_unknown;    /* when its probe left is known too badly for a round-trip time */
	uint8_t ttl;
	struct bytes said; /* REPLY_DATAGRAM: what the service said, unless it is our own request;
			      borrows the frame */
};

/** One probe to be made. */
struct probe_ask {
	struct endpoint to;
	uint32_t tag; /* cookie_tag() */
	uint8_t attempt;
};

/** Source ports that UDP probes leave from. */
struct probe_sports {
	uint16_t first, n;
};

/** The asked packet's local facts that match() needs. */
struct probe_match {
	const struct cookie_key *key;
	uint16_t sport;                    /* our source port */
	uint16_t n_sports;                 /* of UDP probes: sport and up; a power of two */
	const struct probe_sports *asking; /* of every worker, this one included: n_asking */
	uint32_t n_asking;
	const struct payloads *payloads; /* NULL without UDP rows */
	const uint8_t *frame;            /* of the packet */
};

struct scan_type {
	const char *name;  /* "syn" */
	const char *title; /* "SYN Stealth Scan" */
	char flag;         /* -sS: 'S'; 0 for discovery rows */
	uint8_t row;       /* salt of the cookie; unique, checked by a test */
	uint8_t proto;     /* PROTO_* of the ports asked; of the packet for discovery */
	uint8_t tcp_flags;
	bool has_ports;
	/** ICMP rows: message types asked and answered by family, bytes after the header, meaning.
	 */
	struct {
		uint8_t ask4, answer4, ask6, answer6, body_len, kind, reason;
	} icmp;
	uint32_t needs;
	uint8_t state_of[REPLY_N]; /* enum port_state; discovery: enum host_state; 0: reply means
				      nothing */
	uint8_t state_if_silent;
	struct scan_desc desc;
	/** Build the template for one path. @return 0 or -E_x. Per path. */
	int (*prepare)(const struct scan_type *t, const struct probe_path *path,
		       struct template *ret);
	/** Fill a reserved frame for one probe. Per probe; no allocation, no system call. */
	void (*patch)(const struct scan_type *t, const struct template *tpl,
		      const struct probe_ask *ask, struct frame *f);
	/** @return true when @p p answers a probe of this row and proves it. Per received packet.
	 */
	bool (*match)(const struct scan_type *t, const struct probe_match *m, const struct pkt *p,
		      struct probe_reply *ret);
};

/** Registry, NULL-terminated. */
extern const struct scan_type *const scan_types[];
extern const struct scan_type scan_syn, scan_connect, scan_fin, scan_null, scan_xmas, scan_maimon,
	scan_ack, scan_window, scan_udp, scan_sctp;
extern const struct scan_type ping_syn, ping_ack, ping_echo, ping_timestamp, ping_arp, ping_nd,
	ping_connect, ping_udp, ping_sctp, ping_mask;

/** @return the port scan row of a -s letter, or NULL. */
const struct scan_type *scan_type_of_flag(char flag);
/** Does this row apply to targets of the family? */
static inline bool scan_type_fits(const struct scan_type *t, uint8_t family)
{
	return !(t->needs & (family == ADDR_V6 ? NEED_V4 : NEED_V6));
}

/** nmap's reason for an ICMP or ICMPv6 error. */
enum reason reason_of_icmp(uint8_t family, uint8_t type, uint8_t code);
/**
 * Shared by rows: read an ICMP error about a packet of the row's protocol, before any cookie is
 * checked. Fills @p ret (to, from, kind, reason, ttl). @return false: no error that a probe brings.
 */
bool read_icmp_error(const struct scan_type *t, const struct pkt *p, struct probe_reply *ret);
/**
 * Shared by rows: does an ICMP error quote a probe of ours? Checks protocol, ports, and the tag.
 * Fills @p ret (to, from, kind, reason, attempt, ttl).
 */
bool match_icmp_error(const struct scan_type *t, const struct probe_match *m, const struct pkt *p,
		      struct probe_reply *ret);
