/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sixteen packets of an OS test and what is read from their answers. Pure: bytes out, bytes
 * in, no clock but the times it is given.
 * Source: nmap's book, "TCP/IP Fingerprinting Methods Supported by Nmap".
 */
#pragma once

#include "detect/osprint.h"
#include "wire/addr.h"

/** In the order they are sent: IP IDs of the echo answers are compared with those before them. */
enum os_probe {
	OS_PROBE_SEQ1,
	OS_PROBE_SEQ6 = 5,
	OS_PROBE_IE1,
	OS_PROBE_IE2,
	OS_PROBE_U1,
	OS_PROBE_ECN,
	OS_PROBE_T2,
	OS_PROBE_T3,
	OS_PROBE_T4,
	OS_PROBE_T5,
	OS_PROBE_T6,
	OS_PROBE_T7,
	OS_PROBE_N
};
#define OS_SEQ_PROBES 6
/** Time between the six, by definition of the test. */
#define OS_SEQ_GAP_MS 100
/** Longest probe: U1. */
#define OS_PROBE_CAP 328

/** One test of one host. IPv4 only. */
struct os_conf {
	struct addr src, dst;
	uint16_t sport;      /* probe i leaves from sport + i */
	uint16_t open_tcp;   /* 0: none is known */
	uint16_t closed_tcp; /* 0: none is known */
	uint16_t closed_udp; /* hoped to be closed; 0: none is to be asked */
	uint16_t icmp_id;    /* of the first echo; the second has one more */
	uint32_t seq, ack;   /* random */
	uint8_t ttl;
	bool is_local; /* the target is this machine */
};

/** What one answer showed. Host order. */
struct os_answer {
	bool is_there;
	bool has_df;
	uint8_t ttl;
	uint16_t ip_id, ip_len;
	/* TCP */
	uint8_t flags, reserved, opts_len;
	uint16_t window, urgent;
	uint32_t seq, ack, rst_crc; /* rst_crc: of a RST's text, 0 without */
	uint8_t opts[40];
	/* echo answer; port unreachable */
	uint8_t icmp_code;
	uint32_t unused;
	uint16_t q_ip_len, q_ip_id, q_udp_csum;
	uint8_t q_ttl;
	bool is_q_ip_csum_zero, is_q_ip_csum_good, is_q_text_good;
};

struct os_answers {
	uint64_t sent_ns[OS_PROBE_N]; /* 0: not sent */
	uint16_t udp_csum;            /* of U1 as it was sent */
	struct os_answer of[OS_PROBE_N];
};

enum os_ts_class {
	OS_TS_UNKNOWN,
	OS_TS_ZERO,
	OS_TS_2HZ,
	OS_TS_100HZ,
	OS_TS_1000HZ,
	OS_TS_OTHER,
	OS_TS_UNSUPPORTED,
	OS_TS_N
};

/** What the six SYNs tell beside the print; for people. */
struct os_sequence {
	uint32_t n;     /* answers */
	uint32_t index; /* difficulty of guessing a sequence number: SP */
	uint32_t seqs[OS_SEQ_PROBES], ts[OS_SEQ_PROBES];
	uint16_t ip_ids[OS_SEQ_PROBES];
	const char *ip_id_class; /* nmap's words; static text */
	const char *ts_class;
	bool has_ts;        /* ts are values */
	uint64_t uptime_ns; /* at the first answer; 0 unknown */
	int distance;       /* hops, from the quoted TTL of U1; -1 unknown */
	int distance_guess; /* from the TTL of any answer; -1 unknown */
};

/** Can the probe be asked: is its port known? */
bool os_probe_is_possible(const struct os_conf *c, enum os_probe probe);
/**
 * Build a probe, network header on. @p a learns U1's checksum.
 * @return bytes written. @p cap at least OS_PROBE_CAP. The IP ID is @p ip_id but for U1.
 */
size_t os_probe_encode(const struct os_conf *c, enum os_probe probe, uint16_t ip_id,
		       struct os_answers *a, uint8_t *p, size_t cap);
/**
 * Read a packet from the network header on.
 * @return the probe it answers, now in @p a unless that had one; -1: none of ours.
 */
int os_answer_read(const struct os_conf *c, struct bytes packet, struct os_answers *a);
/** Turn answers into values. @p ret zeroed first. */
void os_print_make(const struct os_conf *c, const struct os_answers *a, struct os_print *ret,
		   struct os_sequence *ret_seq);
