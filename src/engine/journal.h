/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A scan's journal: an append-only file of everything that was found out, from which a scan that
 * was killed goes on. What journal_flush has written survives the death of the process; a thread
 * of its own brings it to the disk every JOURNAL_SYNC_MS, so a power cut costs at most that much
 * and the time of one fdatasync. A frame that was cut or damaged ends the journal there.
 * Thread: coordinator.
 */
#pragma once

#include "engine/jrecord.h"

#define JOURNAL_SYNC_MS 1000u
/** Longest time that the coordinator keeps events to itself. */
#define JOURNAL_FLUSH_NS (2 * NS_PER_MS)

struct journal;

/**
 * Begin a journal; locked until closed. @return 0; -EEXIST when the file has content; -EBUSY;
 * -errno.
 */
int journal_create(const char *path, const struct journal_head *h, struct journal **ret) MUST_CHECK;
/**
 * Open an existing one and look through its frames.
 * @return 0; -E_SYNTAX: not a journal, or its head is damaged; -E_UNSUPPORTED: of another format;
 * -EBUSY: a scan is writing it; -ENOMEM; -errno.
 */
int journal_open(const char *path, struct journal **ret) MUST_CHECK;
/** Borrowed until journal_close. */
const struct journal_head *journal_head(const struct journal *j);
/** The scan had ended: nothing is left to do. */
bool journal_is_complete(const struct journal *j);
/** Bytes at the end that are no whole frame, and will be cut off. */
uint64_t journal_n_cut(const struct journal *j);
/** The next event of an opened journal, time_ns set. @return 1; 0 at the end; -E_SYNTAX; -errno. */
int journal_next(struct journal *j, struct event *ret) MUST_CHECK;
/** Of the event that journal_next gave: what jrecord_get_event says of its line. Valid until the
 * next. */
struct bytes journal_line(const struct journal *j);
/** The last stamp read, or written. */
const struct journal_stamp *journal_stamp(const struct journal *j);
/** Begin to keep events: of a created journal, or behind the last event of an opened one. Starts
 * the thread that syncs. @return 0 or -errno. */
int journal_append(struct journal *j) MUST_CHECK;
/** Keep one event; kinds that a journal does not keep, and partial hosts, are ignored. */
void journal_put(struct journal *j, const struct event *ev);
/** Keep what detection found, as a line of the event log. One that is too long is left out: the
 * port is asked again. */
void journal_put_line(struct journal *j, enum event_kind kind, struct bytes line);
/** Write what has come together. @return 0, or the first -errno: after it nothing is written. */
int journal_flush(struct journal *j, const struct journal_stamp *s);
/** The scan has ended and its outputs are written. @return as journal_flush. */
int journal_complete(struct journal *j) MUST_CHECK;
/** Bring everything to the disk, close. Accepts NULL. @return 0 or the first -errno. */
int journal_close(struct journal *j);
