/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames built once per path and patched per probe. Checksums are kept as unfolded sums of the
 * words that stay, so that a probe adds only what it changes (RFC 1071 2, RFC 1624).
 */
#include "probe/template.h"

#include "wire/eth.h"
#include "wire/ip.h"

int template_build(struct template *t, const struct probe_path *path, uint8_t proto,
		   const uint8_t *l4, size_t l4_len)
{
	struct wcursor w = wcursor_of(t->bytes, sizeof(t->bytes));
	bool is_v6 = path->src.family == ADDR_V6;
	struct addr zero = {.family = path->src.family};

	*t = (struct template){
		.family = path->src.family, .link = path->link, .if_idx = path->if_idx};
	if (path->link == LINK_ETHERNET)
		eth_encode(&w, &path->dst_mac, &path->src_mac, is_v6 ? ETHTYPE_IPV6 : ETHTYPE_IPV4);
	t->l3_off = (uint8_t)w.pos;
	if (is_v6) {
		struct ipv6_conf c = {.src = path->src,
				      .dst = zero,
				      .hop_limit = path->ttl,
				      .next_header = proto,
				      .payload_len = (uint16_t)l4_len};
		ipv6_encode(&w, &c);
	} else {
		struct ipv4_conf c = {.src = path->src,
				      .dst = zero,
				      .ttl = path->ttl,
				      .proto = proto,
				      .dont_fragment = true,
				      .payload_len = (uint16_t)l4_len};
		ipv4_encode(&w, &c);
		if (!w.failed) {
			memset(t->bytes + t->l3_off + 10, 0, 2);
			t->l3_sum = csum_add(0, t->bytes + t->l3_off, IPV4_HDR_LEN);
		}
	}
	t->l4_off = (uint8_t)w.pos;
	wcursor_put(&w, l4, l4_len);
	if (w.failed)
		return -E_FULL;
	t->len = (uint16_t)w.pos;
	t->l4_sum = csum_add(csum_pseudo(&path->src, &zero, proto, (uint32_t)l4_len), l4, l4_len);
	return 0;
}

uint8_t *template_start(const struct template *t, const struct addr *dst, uint16_t ip_id,
			struct frame *f, uint64_t *ret_sum)
{
	uint8_t *l3 = f->bytes + t->l3_off;

	memcpy(f->bytes, t->bytes, t->len);
	f->len = t->len;
	f->link = t->link;
	f->if_idx = t->if_idx;
	if (t->family == ADDR_V4) {
		uint32_t a;
		memcpy(&a, dst->b, 4);
		put_be16(l3 + 4, ip_id);
		memcpy(l3 + 16, &a, 4);
		uint16_t sum = csum_finish(t->l3_sum + a + template_sum16(ip_id));
		memcpy(l3 + 10, &sum, 2);
		*ret_sum = t->l4_sum + a;
	} else {
		uint32_t a[4];
		memcpy(a, dst->b, 16);
		memcpy(l3 + 24, a, 16);
		*ret_sum = t->l4_sum + a[0] + a[1] + a[2] + (uint64_t)a[3];
	}
	return f->bytes + t->l4_off;
}

void template_extend(const struct template *t, uint16_t n, struct frame *f, uint64_t *sum)
{
	uint8_t *l3 = f->bytes + t->l3_off;
	size_t l4_len = (size_t)t->len - t->l4_off + n;

	f->len += n;
	*sum += template_sum16(n);
	if (t->family == ADDR_V6) {
		put_be16(l3 + 4, (uint16_t)l4_len);
		return;
	}
	put_be16(l3 + 2, (uint16_t)(IPV4_HDR_LEN + l4_len));
	memset(l3 + 10, 0, 2);
	uint16_t check = csum_finish(csum_add(0, l3, IPV4_HDR_LEN));
	memcpy(l3 + 10, &check, 2);
}
