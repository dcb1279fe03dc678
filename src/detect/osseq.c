/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a host counts: initial sequence numbers (GCD, ISR, SP), IP identification (TI, CI, II, SS)
 * and timestamps (TS) over the six SYNs and what follows them.
 * Source: nmap's book, "Response Tests", SEQ; the classes of uptime are those of nmap's output.
 */
#include "detect/osseq.h"

#include "wire/l4.h"

#include <math.h>

enum { SEQ_ANSWERS_MIN = 4, TCP_IDS_MIN = 3, CLOSED_IDS_MIN = 2, LATE_CLOSED = 3 };
enum { ID_JUMP_RANDOM = 20000, UPTIME_MAX_S = 63072000 };

/** IP ID sequences: the value in a fingerprint and what people read. */
enum id_class {
	ID_UNKNOWN,
	ID_ZERO,
	ID_CONSTANT,
	ID_RANDOM,
	ID_RANDOM_UP,
	ID_BROKEN_UP,
	ID_UP,
	ID_CLASS_N
};
static const struct {
	const char *value, *words;
} id_names[ID_CLASS_N] = {
	[ID_UNKNOWN] = {NULL, "Busy server or unknown class"},
	[ID_ZERO] = {"Z", "All zeros"},
	[ID_CONSTANT] = {NULL, "Duplicated ipid (!)"},
	[ID_RANDOM] = {"RD", "Randomized"},
	[ID_RANDOM_UP] = {"RI", "Random positive increments"},
	[ID_BROKEN_UP] = {"BI", "Broken little-endian incremental"},
	[ID_UP] = {"I", "Incremental"},
};
static const char *const ts_names[OS_TS_N] = {
	[OS_TS_UNKNOWN] = "unknown class",
	[OS_TS_ZERO] = "zero timestamp",
	[OS_TS_2HZ] = "2HZ",
	[OS_TS_100HZ] = "100HZ",
	[OS_TS_1000HZ] = "1000HZ",
	[OS_TS_OTHER] = "other",
	[OS_TS_UNSUPPORTED] = "none returned (unsupported)",
};

uint8_t os_ttl_guess(uint8_t ttl)
{
	return ttl <= 32 ? 32 : ttl <= 64 ? 64 : ttl <= 128 ? 128 : 255;
}

bool os_is_syn_answer(const struct os_answer *a)
{
	return a->is_there && (a->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == (TCP_SYN | TCP_ACK);
}

/** The answers that there are, without gaps. A sequence number of 0 is none in nmap's method: such
 * an answer counts for the IP IDs alone. */
struct samples {
	uint32_t n; /* with a sequence number */
	uint64_t sent_ns[OS_SEQ_PROBES];
	uint32_t seq[OS_SEQ_PROBES], ts[OS_SEQ_PROBES];
	uint16_t id[OS_SEQ_PROBES];
	uint32_t n_all;
	uint16_t all_ids[OS_SEQ_PROBES];
	uint32_t n_without_ts, n_zero_ts; /* of all */
};

static bool find_ts(const struct os_answer *a, uint32_t *ret)
{
	struct tcp_opts o;

	(void)!tcp_opts_decode(a->opts, a->opts_len, &o);
	*ret = o.ts_val;
	return o.has_ts;
}

static void collect(const struct os_answers *a, struct samples *s)
{
	for (uint32_t i = 0; i < OS_SEQ_PROBES; i++) {
		uint32_t ts;
		if (!os_is_syn_answer(&a->of[i]))
			continue;
		bool has_ts = find_ts(&a->of[i], &ts);
		s->n_without_ts += !has_ts;
		s->n_zero_ts += has_ts && !ts;
		s->all_ids[s->n_all++] = a->of[i].ip_id;
		if (!a->of[i].seq)
			continue;
		s->sent_ns[s->n] = a->sent_ns[i];
		s->seq[s->n] = a->of[i].seq;
		s->id[s->n] = a->of[i].ip_id;
		s->ts[s->n++] = ts;
	}
}

static double seconds_before(const struct samples *s, uint32_t i)
{
	uint64_t ns = s->sent_ns[i] > s->sent_ns[i - 1] ? s->sent_ns[i] - s->sent_ns[i - 1] : 0;

	return (double)MAX(ns, NS_PER_US) / (double)NS_PER_S;
}

/* --- sequence numbers ----------------------------------------------------------------- */

static uint32_t gcd(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t r = a % b;
		a = b;
		b = r;
	}
	return a;
}

/** Eight times the binary logarithm, rounded. */
static uint32_t log8(double v)
{
	return (uint32_t)(log2(v) * 8 + 0.5);
}

static void put_seq(const struct samples *s, struct os_print *p, struct os_sequence *ret)
{
	double rate[OS_SEQ_PROBES], mean = 0, sum = 0;
	uint32_t all = 0, isr = 0;

	for (uint32_t i = 1; i < s->n; i++) {
		uint32_t up = s->seq[i] - s->seq[i - 1];
		uint32_t step = MIN(up, 0 - up); /* a counter may wrap: the shorter way */
		rate[i] = step / seconds_before(s, i);
		mean += rate[i] / (s->n - 1);
		all = gcd(all, step);
	}
	if (all) {
		double unit = all > 9 ? all : 1;
		for (uint32_t i = 1; i < s->n; i++)
			sum += (rate[i] - mean) / unit * ((rate[i] - mean) / unit);
		sum = sqrt(sum / (s->n - 2));
		ret->index = sum > 1 ? log8(sum) : 0;
		isr = mean > 1 ? log8(mean) : 0;
	}
	os_print_set(p, OS_SEQ, "SP", "%X", ret->index);
	os_print_set(p, OS_SEQ, "GCD", "%X", all);
	os_print_set(p, OS_SEQ, "ISR", "%X", isr);
}

/* --- IP IDs ---------------------------------------------------------------------------- */

/** On this machine each answer is followed by our RST, which takes an ID of the same counter. */
static void discount_own(uint16_t *step, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (step[i] < 2)
			return;
	for (uint32_t i = 0; i < n; i++)
		step[i] = (uint16_t)(step[i] - (step[i] % 256 == 0 ? 256 : 1));
}

static enum id_class classify_steps(const uint16_t *step, uint32_t n)
{
	bool is_same = true, is_broken = true, is_up = true;

	for (uint32_t i = 0; i < n; i++) {
		is_same &= step[i] == 0;
		is_broken &= step[i] % 256 == 0 && step[i] <= 5120;
		is_up &= step[i] < 10;
	}
	if (is_same)
		return ID_CONSTANT;
	for (uint32_t i = 0; i < n; i++)
		if (step[i] > 1000 && (step[i] % 256 != 0 || step[i] >= 25600))
			return ID_RANDOM_UP;
	return is_broken ? ID_BROKEN_UP : is_up ? ID_UP : ID_UNKNOWN;
}

static enum id_class classify_ids(const uint16_t *id, uint32_t n, bool is_local)
{
	uint16_t step[OS_SEQ_PROBES];
	bool is_zero = n > 0 && id[0] == 0;

	if (n < 2)
		return ID_UNKNOWN;
	for (uint32_t i = 1; i < n; i++) {
		step[i - 1] = (uint16_t)(id[i] - id[i - 1]);
		is_zero &= id[i] == 0;
		if (n > 2 && step[i - 1] > ID_JUMP_RANDOM)
			return ID_RANDOM;
	}
	if (is_zero)
		return ID_ZERO;
	if (is_local)
		discount_own(step, n - 1);
	return classify_steps(step, n - 1);
}

static void put_ids(struct os_print *p, const char *attr, enum id_class class, uint16_t first)
{
	if (class == ID_CONSTANT)
		os_print_set(p, OS_SEQ, attr, "%X", first);
	else if (class != ID_UNKNOWN)
		os_print_set(p, OS_SEQ, attr, "%s", id_names[class].value);
}

/** IDs of the answers from closed ports, as far as there are any. */
static uint32_t closed_ids(const struct os_answers *a, uint16_t ret[LATE_CLOSED])
{
	uint32_t n = 0;

	for (int i = OS_PROBE_T5; i <= OS_PROBE_T7; i++)
		if (a->of[i].is_there)
			ret[n++] = a->of[i].ip_id;
	return n;
}

/** One counter may be behind two classes: what others are sent makes its steps uneven. */
static bool is_counter(enum id_class class)
{
	return class == ID_UP || class == ID_BROKEN_UP || class == ID_RANDOM_UP;
}

static enum id_class put_all_ids(const struct os_conf *c, const struct os_answers *a,
				 const struct samples *s, struct os_print *p)
{
	const struct os_answer *ie = &a->of[OS_PROBE_IE1];
	uint16_t closed[LATE_CLOSED], echo[2] = {ie[0].ip_id, ie[1].ip_id};
	uint32_t n_closed = closed_ids(a, closed);
	enum id_class ti = ID_UNKNOWN, ii = ID_UNKNOWN;

	if (s->n_all >= TCP_IDS_MIN) {
		ti = classify_ids(s->all_ids, s->n_all, c->is_local);
		put_ids(p, "TI", ti, s->all_ids[0]);
	}
	if (n_closed >= CLOSED_IDS_MIN)
		put_ids(p, "CI", classify_ids(closed, n_closed, c->is_local), closed[0]);
	if (ie[0].is_there && ie[1].is_there) {
		ii = classify_ids(echo, 2, c->is_local);
		put_ids(p, "II", ii, echo[0]);
	}
	if (!is_counter(ti) || !is_counter(ii))
		return ti;
	int last = s->all_ids[s->n_all - 1];
	int pace = (last - s->all_ids[0]) / (int)(s->n_all - 1);
	os_print_set(p, OS_SEQ, "SS", echo[0] < last + 3 * pace ? "S" : "O");
	return ti;
}

/* --- timestamps ------------------------------------------------------------------------- */

/** The clock's ticks a second, and the value that stands for it. */
static uint32_t rate_value(double hz)
{
	if (hz <= 5.66)
		return 1;
	if (hz > 70 && hz <= 150)
		return 7;
	if (hz > 150 && hz <= 350)
		return 8;
	return (uint32_t)(log2(hz) + 0.5);
}

static enum os_ts_class ts_class_of(const struct samples *s, double *ret_hz)
{
	double hz = 0;

	if (!s->n_all)
		return OS_TS_UNKNOWN;
	if (s->n_without_ts)
		return OS_TS_UNSUPPORTED;
	if (s->n_zero_ts)
		return OS_TS_ZERO;
	if (s->n < 2)
		return OS_TS_UNKNOWN;
	for (uint32_t i = 1; i < s->n; i++) {
		uint32_t up = s->ts[i] - s->ts[i - 1];
		hz += MIN(up, 0 - up) / seconds_before(s, i) / (s->n - 1);
	}
	*ret_hz = hz;
	if (hz <= 0)
		return OS_TS_UNKNOWN;
	return hz < 3.9                ? OS_TS_2HZ
	       : hz > 85 && hz < 115   ? OS_TS_100HZ
	       : hz > 900 && hz < 1100 ? OS_TS_1000HZ
				       : OS_TS_OTHER;
}

static void put_ts(const struct samples *s, struct os_print *p, struct os_sequence *ret)
{
	static const uint32_t nominal_hz[OS_TS_N] = {
		[OS_TS_2HZ] = 2, [OS_TS_100HZ] = 100, [OS_TS_1000HZ] = 1000};
	double hz = 0;
	enum os_ts_class class = ts_class_of(s, &hz);

	ret->ts_class = ts_names[class];
	ret->has_ts = class != OS_TS_UNKNOWN && class != OS_TS_UNSUPPORTED;
	if (class == OS_TS_UNKNOWN)
		return;
	if (class == OS_TS_UNSUPPORTED || class == OS_TS_ZERO) {
		os_print_set(p, OS_SEQ, "TS", class == OS_TS_ZERO ? "0" : "U");
		return;
	}
	os_print_set(p, OS_SEQ, "TS", "%X", rate_value(hz));
	double unit = nominal_hz[class] ? nominal_hz[class] : floor(hz + 0.5);
	double up_s = unit > 0 ? s->ts[0] / unit : UPTIME_MAX_S + 1.0;
	if (up_s <= UPTIME_MAX_S)
		ret->uptime_ns = (uint64_t)(up_s * (double)NS_PER_S);
}

static int guess_distance(const struct os_answers *a)
{
	for (int i = 0; i < OS_PROBE_N; i++)
		if (a->of[i].is_there)
			return os_ttl_guess(a->of[i].ttl) - a->of[i].ttl;
	return -1;
}

void os_sequence_make(const struct os_conf *c, const struct os_answers *a, struct os_print *p,
		      struct os_sequence *ret)
{
	const struct os_answer *u1 = &a->of[OS_PROBE_U1];
	struct samples s = {0};

	memset(ret, 0, sizeof(*ret));
	collect(a, &s);
	ret->n = s.n;
	memcpy(ret->seqs, s.seq, sizeof(ret->seqs));
	memcpy(ret->ts, s.ts, sizeof(ret->ts));
	memcpy(ret->ip_ids, s.id, sizeof(ret->ip_ids));
	if (s.n >= SEQ_ANSWERS_MIN)
		put_seq(&s, p, ret);
	ret->ip_id_class = id_names[put_all_ids(c, a, &s, p)].words;
	put_ts(&s, p, ret);
	ret->distance = u1->is_there ? c->ttl - u1->q_ttl + 1 : -1;
	ret->distance_guess = guess_distance(a);
}
