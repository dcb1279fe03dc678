/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deep copies of what the OS test found, so that it outlives the test; see facts.c. */
#include "event/osfacts.h"

static const struct {
	uint32_t below;
	const char *words;
} difficulties[] = {
	{3, "Trivial joke"},      {6, "Easy"},
	{11, "Medium"},           {12, "Formidable"},
	{16, "Worthy challenge"}, {UINT32_MAX, "Good luck!"},
};

const char *os_difficulty(uint32_t seq_index)
{
	uint32_t i = 0;

	while (i + 1 < ARRAY_LEN(difficulties) && seq_index >= difficulties[i].below)
		i++;
	return difficulties[i].words;
}

static const struct os_class_facts *keep_classes(struct facts *f, const struct os_class_facts *from,
						 uint32_t n)
{
	struct os_class_facts *to = n ? facts_alloc(f, n * sizeof(*to)) : NULL;

	for (uint32_t i = 0; to && i < n; i++) {
		to[i] = from[i];
		const char **texts[] = {&to[i].vendor, &to[i].family, &to[i].gen, &to[i].type};
		for (size_t k = 0; k < ARRAY_LEN(texts); k++)
			*texts[k] = facts_keep(f, *texts[k]);
		to[i].n_cpe = 0;
		for (uint32_t k = 0; k < from[i].n_cpe; k++)
			if ((to[i].cpe[to[i].n_cpe] = facts_keep(f, from[i].cpe[k])))
				to[i].n_cpe++;
	}
	return to;
}

struct os_facts *facts_keep_os(struct facts *f, const struct os_facts *from)
{
	struct os_facts *to = facts_alloc(f, sizeof(*to));
	uint32_t n = from->n_matches;
	struct os_match_facts *m = n ? facts_alloc(f, n * sizeof(*m)) : NULL;

	if (!to || (n && !m))
		return NULL;
	*to = *from;
	for (uint32_t i = 0; i < n; i++) {
		m[i] = from->matches[i];
		m[i].name = facts_keep(f, m[i].name);
		m[i].classes = keep_classes(f, m[i].classes, m[i].n_classes);
		if (!m[i].classes)
			m[i].n_classes = 0;
	}
	to->matches = m;
	to->classes = keep_classes(f, from->classes, from->n_classes);
	if (!to->classes)
		to->n_classes = 0;
	to->doubt = facts_keep(f, from->doubt);
	to->fingerprint = facts_keep(f, from->fingerprint);
	to->ip_id_class = facts_keep(f, from->ip_id_class);
	to->ts_class = facts_keep(f, from->ts_class);
	return to;
}
