/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Probe files of any bytes: read or refused with a place; what was read can be walked. */
#include "detect/svcdb.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const char *name = "fuzz";
	struct bytes text = {p, n}, left, word;
	struct err_where w = {0};
	struct svcdb *db;

	if (svcdb_parse(&text, &name, 1, &db, &w) < 0) {
		if (!w.line || !w.want[0])
			abort();
		return 0;
	}
	for (uint32_t i = 0; i < db->n_probes; i++) {
		const struct svc_probe *q = &db->probes[i];
		for (uint32_t k = 0; k < q->n_chain; k++)
			if (q->chain[k] >= db->n_probes)
				abort();
		for (uint32_t k = 0; k < q->n_matches; k++)
			for (left = q->matches[k].templates; svc_templates_next(&left, &word) >= 0;)
				if (word.p < p || word.p + word.len > p + n)
					abort();
	}
	svcdb_free(db);
	return 0;
}
