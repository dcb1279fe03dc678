/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes of a journal: frames with length and checksum, and in them the head (what is scanned)
 * or events and checkpoints. Pure: bytes in, records out, and back. Thread: any.
 *
 *	file   = "prtipjnl" version(be32) frame*
 *	frame  = len(be32) sum(8 bytes, SipHash-2-4 of the rest) kind(u8) body(len - 1)
 *	numbers inside bodies are LEB128
 */
#pragma once

#include "base/buf.h"
#include "event/event.h"

#define JOURNAL_MAGIC_LEN  12u
#define JOURNAL_FRAME_MAX  (1u << 20) /* kind and body: the head holds a command line */
#define JOURNAL_FRAME_HEAD 12u
#define JOURNAL_WORDS_MAX  65536u

enum journal_frame { JOURNAL_HEAD = 1, JOURNAL_EVENTS = 2, JOURNAL_END = 3 };

/** How the engine divided the work: a journal's groups and probes are counted in it. */
struct engine_shape {
	uint32_t n_workers, width, hosts_per_group;
	bool is_by_port;         /* workers take ports of every host, not groups */
	bool has_discovery_pass; /* hosts were looked for before their ports */
};

/** What a journal says about its scan. */
struct journal_head {
	const char *version; /* of the program */
	const char *scan_id;
	uint64_t seed, start_wall_ns;
	uint64_t what; /* fingerprint of targets, ports and scan types */
	struct engine_shape shape;
	const char *const *argv; /* the command line, argv[0] included */
	uint32_t argc;
};

/** Stands before the events that were written together. */
struct journal_stamp {
	uint64_t time_ns;    /* wall clock: of all events in the frame */
	uint64_t elapsed_ns; /* of the scan so far, pauses between its parts not counted */
	uint64_t n_sent, n_received;
};

/** The first bytes of a file. */
void jrecord_put_magic(struct buf *b);
/** @return 0; -E_SYNTAX: no journal; -E_UNSUPPORTED: of another format. @p p has
 * JOURNAL_MAGIC_LEN bytes. */
int jrecord_check_magic(const uint8_t *p) MUST_CHECK;

/** Begin a frame at the end of @p b. @return where, for jrecord_seal. */
size_t jrecord_begin(struct buf *b, enum journal_frame kind);
/** Fill in length and checksum of the frame begun at @p start. */
void jrecord_seal(struct buf *b, size_t start);
/**
 * The frame at the start of @p len bytes.
 * @param ret_body borrows @p p: the body without kind. @return its bytes in all; 0: ends too early,
 * so more bytes are needed; -E_SYNTAX: length or checksum is wrong.
 */
int jrecord_frame(const uint8_t *p, size_t len, enum journal_frame *ret_kind,
		  struct cursor *ret_body) MUST_CHECK;

void jrecord_put_head(struct buf *b, const struct journal_head *h);
/** Texts and words of @p ret borrow the body; its argv is @p words of @p words_cap places, one of
 * them for the final NULL. @return 0 or -E_SYNTAX. */
int jrecord_get_head(struct cursor *c, struct journal_head *ret, const char **words,
		     uint32_t words_cap) MUST_CHECK;

void jrecord_put_stamp(struct buf *b, const struct journal_stamp *s);
int jrecord_get_stamp(struct cursor *c, struct journal_stamp *ret) MUST_CHECK;

/** Does a journal keep this kind, field by field? */
bool jrecord_keeps(enum event_kind kind);
/** Or as a line of the event log, for it tells what detection found? */
bool jrecord_is_told(enum event_kind kind);
#define JOURNAL_LINE_MAX (256u << 10)
/** Append one event of a kept kind. Cost: 13 ns for a port (2026-11, AMD EPYC). */
void jrecord_put_event(struct buf *b, const struct event *ev);
/** Append one of a kind that is told. @param line at most JOURNAL_LINE_MAX bytes. */
void jrecord_put_line(struct buf *b, enum event_kind kind, struct bytes line);
/** @return 1; 0 at the end of the body; -E_SYNTAX. Every field is within its range afterwards; of a
 * kind that is told there is the line instead, which borrows the body; of others it is empty. */
int jrecord_get_event(struct cursor *c, struct event *ret, struct bytes *ret_line) MUST_CHECK;
