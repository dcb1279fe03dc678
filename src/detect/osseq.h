/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The SEQ test: sequence numbers, IP IDs, timestamps. Internal to osvalues.c and osseq.c. */
#pragma once

#include "detect/osprobe.h"

/** The usual first TTL that is not below this one. */
uint8_t os_ttl_guess(uint8_t ttl);
bool os_is_syn_answer(const struct os_answer *a);
/** Fill SEQ of the print and what people read of it. */
void os_sequence_make(const struct os_conf *c, const struct os_answers *a, struct os_print *p,
		      struct os_sequence *ret);
