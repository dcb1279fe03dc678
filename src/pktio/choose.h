/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which of several back ends really delivers. Every faster one than the portable is asked to send a
 * few frames that harm nobody before a scan depends on it. Thread: any.
 */
#pragma once

#include "pktio/pktio.h"

#define PKTIO_NOTES_CAP 320

/** Whom to send the trial's frames. */
struct pktio_trial {
	uint32_t if_idx;
	struct mac mac;            /* the interface's */
	struct addr src, next_hop; /* IPv4: an ARP request asks the next hop ... */
	struct mac next_hop_mac;   /* ... at this address alone ... */
	bool can_ask;              /* ... if all of these are known */
};

struct pktio_choice {
	struct pktio *io;  /* open, with its trial behind it; the caller's to close */
	bool was_answered; /* the trial's frames were: delivered and heard, not only counted */
	char notes[PKTIO_NOTES_CAP]; /* why each better one was refused: "afxdp: ...; ..." or "" */
};

/**
 * Open the first of @p rows, NULL-terminated, that delivers. The last one is the portable one:
 * opened without a trial, it is also what an unanswered trial is compared with. A trial sends four
 * unicast ARP requests to the next hop, as any neighbour cache does, and is passed when an answer
 * comes back; when none comes to the portable one either, or nobody can be asked (then the frames
 * are addressed to ourselves), it is passed when the interface has counted the frames.
 * @return 0, or the error of the last row. Cost: 1-2 ms when answered; waits end 200 ms
 * after the beginning.
 */
int pktio_choose(const struct pktio_ops *const *rows, const struct pktio_conf *conf,
		 const struct pktio_trial *trial, struct pktio_choice *ret) MUST_CHECK;
/** Append "name: reason" to @p notes. */
void pktio_note(char notes[PKTIO_NOTES_CAP], const char *name, const char *why);
