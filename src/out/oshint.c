/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A hint of the system from the TTL of SYN answers that the port scan has anyway. Systems begin
 * to count at 64, 128 or 255; nothing else of the answer to a bare SYN tells them apart soundly,
 * for windows and options depend on what the SYN offers. The percentages are shares of the entries
 * of nmap 7.93's nmap-os-db whose T1 begins at that TTL: 775 of 1,031, 3,828 of 3,912 and 493 of
 * 529. They are of systems, not of hosts on a network, and a middlebox answers with its own TTL.
 */
#include "out/oshint.h"

#include "out/text.h"

enum { HOPS_MAX = 31 };

static const struct os_hint hints[] = {
	{"Unix-like or embedded, not Windows", 64, 0, 97},
	{"Windows", 128, 0, 75},
	{"network or other embedded device", 255, 0, 93},
};

static const struct os_hint *hint_of(uint8_t ttl)
{
	for (size_t i = 0; i < ARRAY_LEN(hints); i++)
		if (ttl <= hints[i].start_ttl && ttl + HOPS_MAX >= hints[i].start_ttl)
			return &hints[i];
	return NULL;
}

static bool is_syn_answer(const struct host_port *p)
{
	return p->proto == PROTO_TCP && p->state == PORT_OPEN && p->reason == REASON_SYN_ACK;
}

bool os_hint_find(const struct view *v, struct os_hint *ret)
{
	const struct os_facts *known = v->host ? host_os(v->host) : NULL;
	struct host_port p;
	uint32_t pos = 0;
	bool has_any = false;

	if (!v->host || v->facts.addr.family != ADDR_V4 || v->facts.evidence.mark ||
	    (known && (known->n_matches || known->is_too_many)))
		return false;
	while (host_next_port(v->hosts, v->host, &pos, &p)) {
		const struct os_hint *h = is_syn_answer(&p) ? hint_of(p.ttl) : NULL;
		if (!is_syn_answer(&p))
			continue;
		if (!h || (has_any && h->start_ttl != ret->start_ttl))
			return false;
		*ret = *h;
		ret->n_hops = (uint8_t)(h->start_ttl - p.ttl);
		has_any = true;
	}
	return has_any;
}

static bool is_shown(const struct view *v, struct os_hint *ret)
{
	return v->scan->verbosity && os_hint_find(v, ret);
}

void os_hint_put_normal(struct buf *b, const struct view *v)
{
	struct os_hint h;

	if (is_shown(v, &h))
		buf_printf(b, "OS hint by TTL %u: %s (true of %u %% of systems that begin there)\n",
			   h.start_ttl, h.words, h.percent);
}

void os_hint_put_json(struct buf *b, const struct view *v)
{
	struct os_hint h;

	if (is_shown(v, &h))
		buf_printf(
			b,
			"{\"schema\":1,\"type\":\"os\",\"address\":\"%s\",\"method\":\"passive\","
			"\"hint\":\"%s\",\"percent\":%u,\"start_ttl\":%u,\"hops\":%u}\n",
			v->addr_bare, h.words, h.percent, h.start_ttl, h.n_hops);
}
