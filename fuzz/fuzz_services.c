/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Service tables in any order: every row that is read has its port found again, and top ports are
 * rows. */
#include "target/ports.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct port_set set;
	struct ports_conf c = {.top_n = 5, .wants = {true, true, true}};
	struct services *s = NULL;
	struct service_row row;
	uint32_t n_rows = 0;
	char out[32];

	if (services_open_bytes((const char *)p, n, &s) < 0)
		abort();
	(void)services_name(s, PROTO_TCP, 1, out); /* a miss settles how the table is ordered */
	for (size_t pos = 0; n_rows < 64 && services_next(s, &pos, &row); n_rows++)
		if (row.frequency > SERVICE_FREQUENCY_ONE ||
		    !services_name(s, port_proto_number((enum port_proto)row.proto), row.port, out))
			abort();
	if (ports_load(&c, s, &set, NULL, NULL) == 0) {
		for (int k = 0; k < PORT_PROTO_N; k++)
			if (set.of[k].n > 5)
				abort();
	} else if (n_rows) {
		abort();
	}
	services_close(s);
	return 0;
}
