/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The program that stands on a scanning interface. It has two lives. Frames that the scanner's own
 * test runs push in (they claim to come by lo, which has no driver) become probes and are
 * redirected to the interface. Frames from the wire are looked at: what answers us becomes a record
 * in its worker's ring, and a reset is kept from the stack once its cookie is proven. It is one
 * program and not two, because a test run of a program that stands on no interface makes the kernel
 * wait for two grace periods (27 ms) each time.
 * Sources: Documentation/bpf/bpf_prog_run.rst, xdp-tools' notes on live frames.
 */
#include "pktio/bpf/kernel.h"

#include "pktio/bpf/rx.h"
#include "pktio/bpf/tx.h"

SEC("xdp")
int xdp_main(struct xdp_md *ctx)
{
	return ctx->ingress_ifindex == XDP_LIVE_IFACE ? transmit(ctx) : receive(ctx);
}

/** Which thread uses a lane: asked by a test run on that thread. */
SEC("raw_tp/claim")
int xdp_claim(struct bpf_raw_tracepoint_args *ctx)
{
	claim((uint32_t)ctx->args[0], bpf_get_current_pid_tgid());
	return 0;
}

/** The driver's word on one bulk of redirected frames: from, to, sent, dropped, error. */
SEC("raw_tp/xdp_devmap_xmit")
int xdp_told(struct bpf_raw_tracepoint_args *ctx)
{
	return told(bpf_get_current_pid_tgid(), (uint32_t)ctx->args[2], (uint32_t)ctx->args[3]);
}

char license_text[] SEC("license") = "GPL";
