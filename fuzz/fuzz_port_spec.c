/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Port lists: what is accepted prints as a list that is accepted and means the same ports. */
#include "target/ports.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct port_set set, again;
	static char text[1 << 19], again_text[1 << 19];
	char *spec = mem_alloc(n + 1, 1);
	struct ports_conf c = {.spec = spec, .wants = {true, n & 1, n & 2}};
	struct services *s = NULL;
	struct err_where err;

	if (!spec || services_open_builtin(&s) < 0)
		abort();
	if (n)
		memcpy(spec, p, n);
	if (ports_load(&c, s, &set, NULL, &err) == 0 && set.of[PORT_TCP].n) {
		port_bits_format(&set.of[PORT_TCP], text, sizeof(text));
		c = (struct ports_conf){.spec = text, .wants = {true}};
		if (ports_load(&c, s, &again, NULL, &err) != 0)
			abort();
		port_bits_format(&again.of[PORT_TCP], again_text, sizeof(again_text));
		if (strcmp(text, again_text) != 0)
			abort();
	}
	services_close(s);
	mem_free(spec);
	return 0;
}
