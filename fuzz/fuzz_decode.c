/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Received frames, with and without a link header: offsets stay inside, every trace line ends. */
#include "wire/decode.h"
#include "wire/eth.h"
#include "wire/icmp.h"
#include "wire/l4.h"
#include "wire/verify.h"

#include <stdlib.h>

static void check(const struct frame *f)
{
	char text[256];
	struct pkt p;
	int rc = decode(f, &p);

	if ((rc == 0) != (p.is_arp || p.family != ADDR_NONE))
		abort();
	if (p.l4_off + p.l4_len > (int)f->len || p.payload_off + p.payload_len > (int)f->len)
		abort();
	(void)pkt_sum_holds(f, &p);
	if (strlen(pkt_format(f, &p, text, sizeof(text))) >= sizeof(text))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct frame f = {.bytes = (uint8_t *)p, .len = (uint32_t)n, .cap = (uint32_t)n};
	struct tcp_opts opts;
	struct addr target;
	struct arp arp;
	struct mac mac;

	for (f.link = LINK_NONE; f.link < LINK_N; f.link++)
		check(&f);
	if (tcp_opts_decode(p, n, &opts) > 0 || nd_advert_decode(p, n, &target, &mac) > 0 ||
	    arp_decode(p, n, &arp) > 0)
		abort();
	return 0;
}
