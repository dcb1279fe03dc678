/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Journal records to bytes and back. Each kind of event is a table of fields with their ranges, so
 * encoder, decoder and check cannot disagree; what is read is foreign bytes and leaves here only
 * when every field is possible. A frame's checksum is SipHash with a fixed key: it finds torn and
 * damaged frames, it proves nothing about who wrote them.
 */
#include "engine/jrecord.h"

#include "base/hash.h"
#include "probe/cookie.h"

static const char magic[] = "prtipjnl";
enum { FORMAT_VERSION = 2, VARINT_MAX = 10 };
static const struct siphash_key sum_key = {0x7072746970206a6full, 0x75726e616c207631ull};

/* --- numbers, texts ------------------------------------------------------------ */

/** @p to has room for VARINT_MAX. @return behind the number. */
static uint8_t *write_num(uint8_t *to, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*to++ = (uint8_t)(v | 0x80);
	*to++ = (uint8_t)v;
	return to;
}

static void put_num(struct buf *b, uint64_t v)
{
	uint8_t out[VARINT_MAX];

	buf_put(b, out, (size_t)(write_num(out, v) - out));
}

static uint64_t get_num(struct cursor *c)
{
	uint64_t v = 0;

	for (uint32_t i = 0; i < VARINT_MAX; i++) {
		uint8_t byte = cursor_u8(c);
		if (i == VARINT_MAX - 1 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << 7 * i;
		if (!(byte & 0x80))
			return v;
	}
	c->failed = true;
	return 0;
}

static uint64_t get_within(struct cursor *c, uint64_t lo, uint64_t hi)
{
	uint64_t v = get_num(c);

	if (v < lo || v > hi)
		c->failed = true;
	return c->failed ? lo : v;
}

static void put_text(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s) + 1);
}

/** A text and its NUL; borrowed. */
static const char *get_text(struct cursor *c)
{
	const uint8_t *at = c->p + c->pos;
	const uint8_t *nul = cursor_left(c) ? memchr(at, 0, cursor_left(c)) : NULL;

	if (!nul) {
		c->failed = true;
		return "";
	}
	cursor_skip(c, (size_t)(nul - at) + 1);
	return (const char *)at;
}

static uint8_t *write_addr(uint8_t *to, const struct addr *a)
{
	*to++ = a->family;
	if (a->family == ADDR_V4) {
		memcpy(to, a->b, 4);
		return to + 4;
	}
	if (a->family != ADDR_V6)
		return to;
	memcpy(to, a->b, sizeof(a->b));
	return write_num(to + sizeof(a->b), a->zone);
}

static struct addr get_addr(struct cursor *c)
{
	struct addr a = {.family = cursor_u8(c)};
	size_t n = a.family == ADDR_V4 ? 4 : a.family == ADDR_V6 ? sizeof(a.b) : 0;
	const uint8_t *p = cursor_take(c, n);

	if (!n && a.family != ADDR_NONE)
		c->failed = true;
	if (p && n)
		memcpy(a.b, p, n);
	if (a.family == ADDR_V6)
		a.zone = (uint32_t)get_within(c, 0, UINT32_MAX);
	return c->failed ? (struct addr){0} : a;
}

/* --- fields of events --------------------------------------------------------------- */

enum field_kind { FIELD_UINT, FIELD_ADDR, FIELD_MAC };

struct field {
	uint64_t lo, hi; /* FIELD_ADDR: lo 1 when an address must be there */
	uint16_t offset;
	uint8_t kind, size;
};

#define AT(member)                                                                                 \
	.offset = offsetof(struct event, member), .size = sizeof(((struct event *)0)->member)
#define UINT(member, least, most)                                                                  \
	{                                                                                          \
		.kind = FIELD_UINT, .lo = (least), .hi = (most), AT(member)                        \
	}
#define ADDR(member, least)                                                                        \
	{                                                                                          \
		.kind = FIELD_ADDR, .lo = (least), AT(member)                                      \
	}
#define MAC(member)                                                                                \
	{                                                                                          \
		.kind = FIELD_MAC, AT(member)                                                      \
	}

static const struct field discovered_fields[] = {
	ADDR(host.addr, 1),
	UINT(host.state, HOST_UP, HOST_DOWN),
	UINT(host.reason, 0, REASON_N - 1),
	UINT(host.ttl, 0, UINT8_MAX),
	UINT(host.has_mac, 0, 1),
	MAC(host.mac),
	UINT(host.rtt_us, 0, UINT32_MAX),
	ADDR(host.from, 0),
};
static_assert(sizeof(struct ev_host) == 64, "a new field of ev_host belongs in this table");

static const struct field port_fields[] = {
	ADDR(port.addr, 1),
	UINT(port.port, 0, UINT16_MAX),
	UINT(port.proto, 0, UINT8_MAX),
	UINT(port.state, PORT_UNKNOWN + 1, PORT_STATE_N - 1),
	UINT(port.reason, 0, REASON_N - 1),
	UINT(port.ttl, 0, UINT8_MAX),
	UINT(port.attempt, 0, COOKIE_ATTEMPTS_MAX - 1),
	UINT(port.rtt_us, 0, UINT32_MAX),
	ADDR(port.from, 0),
};
static_assert(sizeof(struct ev_port) == 60, "a new field of ev_port belongs in this table");

static const struct field scanned_fields[] = {
	ADDR(done.addr, 1),
	UINT(done.state, HOST_UP, HOST_DOWN),
	UINT(done.reason, 0, REASON_N - 1),
	UINT(done.srtt_us, 0, UINT32_MAX),
	UINT(done.rttvar_us, 0, UINT32_MAX),
	UINT(done.rto_us, 0, UINT32_MAX),
	UINT(done.is_given_up, 0, 1),
	UINT(done.is_timed_out, 0, 1),
	UINT(done.evidence.mark, 0, HOST_MARK_N - 1),
	UINT(done.evidence.n_canaries, 0, UINT8_MAX),
	UINT(done.evidence.n_canaries_open, 0, UINT8_MAX),
	UINT(done.evidence.ttl_open, 0, UINT8_MAX),
	UINT(done.evidence.ttl_other, 0, UINT8_MAX),
	UINT(done.evidence.n_asked, 0, UINT32_MAX),
	UINT(done.evidence.n_open, 0, UINT32_MAX),
	UINT(done.evidence.n_zero, 0, UINT32_MAX),
};
static_assert(sizeof(struct ev_host_done) == 64, "a new field of ev_host_done belongs in this "
						 "table (partial hosts are not kept)");

static const struct field nothing_fields[] = {
	ADDR(nothing.addr, 1),
	UINT(nothing.port, 0, UINT16_MAX),
	UINT(nothing.proto, 0, UINT8_MAX),
	UINT(nothing.of, 0, EVENT_N - 1),
};
static_assert(sizeof(struct ev_nothing) == 28, "a new field of ev_nothing belongs in this table");

static const struct field checkpoint_fields[] = {
	UINT(checkpoint.what, 0, CHECKPOINT_N - 1),
	UINT(checkpoint.n_probes, 0, CHECKPOINT_PROBES_MAX),
	UINT(checkpoint.group, 0, UINT64_MAX),
};

static const struct event_code {
	const struct field *fields;
	uint32_t n;
} codes[EVENT_N] = {
	[EVENT_HOST_DISCOVERED] = {discovered_fields, ARRAY_LEN(discovered_fields)},
	[EVENT_PORT_FOUND] = {port_fields, ARRAY_LEN(port_fields)},
	[EVENT_HOST_SCANNED] = {scanned_fields, ARRAY_LEN(scanned_fields)},
	[EVENT_CHECKPOINT] = {checkpoint_fields, ARRAY_LEN(checkpoint_fields)},
	[EVENT_NOTHING_FOUND] = {nothing_fields, ARRAY_LEN(nothing_fields)},
};

bool jrecord_keeps(enum event_kind kind)
{
	return codes[kind].n > 0;
}

/** An unsigned field of any size. */
static uint64_t load(const void *at, uint8_t size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		return *(const uint16_t *)at;
	case 4:
		return *(const uint32_t *)at;
	default:
		return *(const uint64_t *)at;
	}
}
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fields are stored by their low bytes");

static uint8_t *write_field(uint8_t *to, const struct field *f, const uint8_t *ev)
{
	const uint8_t *at = ev + f->offset;

	if (f->kind == FIELD_UINT)
		return write_num(to, load(at, f->size));
	if (f->kind == FIELD_ADDR)
		return write_addr(to, (const struct addr *)(const void *)at);
	memcpy(to, at, f->size);
	return to + f->size;
}

static void get_field(struct cursor *c, const struct field *f, uint8_t *ev)
{
	uint8_t *at = ev + f->offset;

	if (f->kind == FIELD_UINT) {
		uint64_t v = get_within(c, f->lo, f->hi);
		memcpy(at, &v, f->size);
	} else if (f->kind == FIELD_ADDR) {
		struct addr a = get_addr(c);
		if (f->lo && a.family == ADDR_NONE)
			c->failed = true;
		memcpy(at, &a, sizeof(a));
	} else {
		const uint8_t *p = cursor_take(c, f->size);
		if (p)
			memcpy(at, p, f->size);
	}
}

/* The longest event: kind, two numbers, fields of at most an address each, probes. */
enum {
	FIELDS_MAX = 16,
	FIELD_LEN_MAX = 1 + 16 + VARINT_MAX,
	EVENT_LEN_MAX =
		1 + 2 * VARINT_MAX + FIELDS_MAX * FIELD_LEN_MAX + CHECKPOINT_PROBES_MAX * VARINT_MAX
};
static_assert(ARRAY_LEN(discovered_fields) <= FIELDS_MAX && ARRAY_LEN(port_fields) <= FIELDS_MAX &&
		      ARRAY_LEN(scanned_fields) <= FIELDS_MAX,
	      "an event fits its buffer");

void jrecord_put_event(struct buf *b, const struct event *ev)
{
	const struct event_code *code = &codes[ev->kind];
	uint8_t *start = buf_reserve(b, EVENT_LEN_MAX), *to = start;

	if (!start)
		return;
	*to++ = (uint8_t)ev->kind;
	to = write_num(to, ev->part);
	to = write_num(to, ev->host_idx);
	for (uint32_t i = 0; i < code->n; i++)
		to = write_field(to, &code->fields[i], (const uint8_t *)ev);
	if (ev->kind == EVENT_CHECKPOINT)
		for (uint32_t i = 0; i < ev->checkpoint.n_probes; i++)
			to = write_num(to, ev->checkpoint.probe[i]);
	buf_advance(b, (size_t)(to - start));
}

bool jrecord_is_told(enum event_kind kind)
{
	return kind == EVENT_SERVICE_DETECTED || kind == EVENT_BANNER_GRABBED ||
	       kind == EVENT_OS_DETECTED || kind == EVENT_TLS_FOUND;
}

void jrecord_put_line(struct buf *b, enum event_kind kind, struct bytes line)
{
	buf_putc(b, (char)kind);
	put_num(b, line.len);
	buf_put(b, line.p, line.len);
}

static int get_line(struct cursor *c, struct bytes *ret)
{
	size_t n = (size_t)get_within(c, 0, JOURNAL_LINE_MAX);
	const uint8_t *p = cursor_take(c, n);

	if (c->failed || !p)
		return -E_SYNTAX;
	*ret = (struct bytes){p, n};
	return 1;
}

int jrecord_get_event(struct cursor *c, struct event *ret, struct bytes *ret_line)
{
	struct event ev = {0};

	if (!c->failed && !cursor_left(c))
		return 0;
	*ret_line = (struct bytes){0};
	ev.kind = cursor_u8(c);
	if (ev.kind < EVENT_N && jrecord_is_told(ev.kind)) {
		*ret = ev;
		return get_line(c, ret_line);
	}
	if (ev.kind >= EVENT_N || !codes[ev.kind].n)
		return -E_SYNTAX;
	ev.part = (uint32_t)get_within(c, 0, UINT32_MAX);
	ev.host_idx = get_num(c);
	for (uint32_t i = 0; i < codes[ev.kind].n; i++)
		get_field(c, &codes[ev.kind].fields[i], (uint8_t *)&ev);
	if (ev.kind == EVENT_CHECKPOINT)
		for (uint32_t i = 0; i < ev.checkpoint.n_probes; i++)
			ev.checkpoint.probe[i] = (uint32_t)get_within(c, 0, UINT32_MAX);
	if (c->failed)
		return -E_SYNTAX;
	*ret = ev;
	return 1;
}

/* --- frames ------------------------------------------------------------------------- */

void jrecord_put_magic(struct buf *b)
{
	uint8_t version[4];

	put_be32(version, FORMAT_VERSION);
	buf_put(b, magic, sizeof(magic) - 1);
	buf_put(b, version, sizeof(version));
}

int jrecord_check_magic(const uint8_t *p)
{
	if (memcmp(p, magic, sizeof(magic) - 1) != 0)
		return -E_SYNTAX;
	return get_be32(p + sizeof(magic) - 1) == FORMAT_VERSION ? 0 : -E_UNSUPPORTED;
}

size_t jrecord_begin(struct buf *b, enum journal_frame kind)
{
	static const uint8_t empty[JOURNAL_FRAME_HEAD];
	size_t start = b->len;

	buf_put(b, empty, sizeof(empty));
	buf_putc(b, (char)kind);
	return start;
}

void jrecord_seal(struct buf *b, size_t start)
{
	if (b->error)
		return;
	uint8_t *frame = b->p + start;
	size_t len = b->len - start - JOURNAL_FRAME_HEAD;
	uint64_t sum = siphash24(&sum_key, frame + JOURNAL_FRAME_HEAD, len);
	put_be32(frame, (uint32_t)len);
	memcpy(frame + 4, &sum, sizeof(sum));
}

int jrecord_frame(const uint8_t *p, size_t len, enum journal_frame *ret_kind,
		  struct cursor *ret_body)
{
	uint64_t sum;

	if (len < JOURNAL_FRAME_HEAD)
		return 0;
	uint32_t body_len = get_be32(p);
	if (body_len < 1 || body_len > JOURNAL_FRAME_MAX)
		return -E_SYNTAX;
	if (len - JOURNAL_FRAME_HEAD < body_len)
		return 0;
	const uint8_t *body = p + JOURNAL_FRAME_HEAD;
	memcpy(&sum, p + 4, sizeof(sum));
	if (sum != siphash24(&sum_key, body, body_len) || body[0] < JOURNAL_HEAD ||
	    body[0] > JOURNAL_END)
		return -E_SYNTAX;
	*ret_kind = body[0];
	*ret_body = cursor_of(body + 1, body_len - 1);
	return (int)(JOURNAL_FRAME_HEAD + body_len);
}

/* --- head and stamp ------------------------------------------------------------------ */

void jrecord_put_head(struct buf *b, const struct journal_head *h)
{
	put_text(b, h->version);
	put_text(b, h->scan_id);
	put_num(b, h->seed);
	put_num(b, h->start_wall_ns);
	put_num(b, h->what);
	put_num(b, h->shape.n_workers);
	put_num(b, h->shape.width);
	put_num(b, h->shape.hosts_per_group);
	put_num(b, h->shape.is_by_port);
	put_num(b, h->shape.has_discovery_pass);
	put_num(b, h->argc);
	for (uint32_t i = 0; i < h->argc; i++)
		put_text(b, h->argv[i]);
}

int jrecord_get_head(struct cursor *c, struct journal_head *ret, const char **words,
		     uint32_t words_cap)
{
	struct journal_head h = {.argv = words};

	h.version = get_text(c);
	h.scan_id = get_text(c);
	h.seed = get_num(c);
	h.start_wall_ns = get_num(c);
	h.what = get_num(c);
	h.shape.n_workers = (uint32_t)get_within(c, 1, UINT8_MAX);
	h.shape.width = (uint32_t)get_within(c, 0, UINT32_MAX);
	h.shape.hosts_per_group = (uint32_t)get_within(c, 1, UINT32_MAX);
	h.shape.is_by_port = get_within(c, 0, 1);
	h.shape.has_discovery_pass = get_within(c, 0, 1);
	h.argc = (uint32_t)get_within(c, 1, words_cap - 1);
	for (uint32_t i = 0; i < h.argc; i++)
		words[i] = get_text(c);
	words[h.argc] = NULL;
	if (c->failed || cursor_left(c))
		return -E_SYNTAX;
	*ret = h;
	return 0;
}

void jrecord_put_stamp(struct buf *b, const struct journal_stamp *s)
{
	put_num(b, s->time_ns);
	put_num(b, s->elapsed_ns);
	put_num(b, s->n_sent);
	put_num(b, s->n_received);
}

int jrecord_get_stamp(struct cursor *c, struct journal_stamp *ret)
{
	struct journal_stamp s;

	s.time_ns = get_num(c);
	s.elapsed_ns = get_num(c);
	s.n_sent = get_num(c);
	s.n_received = get_num(c);
	if (c->failed)
		return -E_SYNTAX;
	*ret = s;
	return 0;
}
