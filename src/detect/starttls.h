/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What to say to services that begin in the clear before TLS can begin: rows by port or by name.
 * Pure. */
#pragma once

#include "base/cursor.h"

/** Wait until the answer contains await (len 0: at once), then send, and where there is send_more
 * the server's name and it; after the last step, TLS. */
struct starttls_step {
	struct bytes await, send, send_more;
};

struct starttls {
	const char *name; /* nmap's */
	uint16_t ports[4];
	struct starttls_step steps[3];
	uint32_t n_steps;
};

/** @return NULL: TLS begins at once on this port. */
const struct starttls *starttls_of(uint16_t port);
/** The same for a service of nmap's name, wherever it is. @param port tells two of one name apart.
 * @return NULL: it has no such way. */
const struct starttls *starttls_of_service(const char *name, uint16_t port);
/** Has the step's answer come? */
bool starttls_is_met(const struct starttls_step *step, struct bytes received);
