/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The index from port to requests. Ports with the same requests share a set; a set is its parent
 * plus one request, so adding a request to 30,000 ports makes as many sets as there were different
 * ones among them. A look-up is one load, then a few steps back.
 */
#include "probe/payload.h"

#include "base/mapfile.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { FILE_BYTES_MAX = 8 << 20, SETS_MAX = 1024, ENTRIES_MAX = 1024 };

/** Set 0 is empty. */
struct payload_set {
	uint16_t parent, entry;
	uint8_t n; /* requests, parent's included */
};

struct payloads {
	uint16_t set_of[UINT16_MAX + 1];
	struct payload_set sets[SETS_MAX];
	struct payload entries[ENTRIES_MAX];
	uint32_t n_sets, n_entries;
	uint16_t max_len;
	struct arena text;
};

static const struct payload nothing = {.bytes = (const uint8_t *)""};

/** The set that @p old becomes with one more request. @p made remembers what was made for this one.
 */
static int set_with(struct payloads *p, uint16_t old, uint16_t entry, uint16_t *made)
{
	if (made[old])
		return made[old];
	if (p->n_sets == SETS_MAX || p->sets[old].n == PAYLOADS_PER_PORT_MAX)
		return -E_FULL;
	p->sets[p->n_sets] = (struct payload_set){
		.parent = old, .entry = entry, .n = (uint8_t)(p->sets[old].n + 1)};
	return made[old] = (uint16_t)p->n_sets++;
}

static int add_entry(struct payloads *p, const struct port_bits *ports, const struct payload *what)
{
	CLEANUP(mem_freep) uint16_t *made = mem_alloc(SETS_MAX, sizeof(*made));

	if (!made)
		return -ENOMEM;
	if (p->n_entries == ENTRIES_MAX)
		return -E_FULL;
	uint16_t entry = (uint16_t)p->n_entries++;
	p->entries[entry] = *what;
	p->max_len = MAX(p->max_len, what->len);
	for (uint32_t word = 0; word < ARRAY_LEN(ports->bits); word++)
		for (uint64_t bits = ports->bits[word]; bits; bits &= bits - 1) {
			uint32_t port = word * 64 + (uint32_t)__builtin_ctzll(bits);
			int set = set_with(p, p->set_of[port], entry, made);
			if (set < 0)
				return set;
			p->set_of[port] = (uint16_t)set;
		}
	return 0;
}

int payloads_add(struct payloads *p, const struct port_bits *ports, struct bytes b)
{
	char *copy = arena_strdup(&p->text, (const char *)b.p, b.len);
	struct payload what = {.bytes = (const uint8_t *)copy, .len = (uint16_t)b.len};

	return copy ? add_entry(p, ports, &what) : -ENOMEM;
}

static int add_builtin(struct payloads *p)
{
	CLEANUP(mem_freep) struct port_bits *ports = mem_alloc(1, sizeof(*ports));
	int err = ports ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < payload_rows_n && !err; i++) {
		const struct payload_row *row = &payload_rows[i];
		memset(ports, 0, sizeof(*ports));
		for (uint32_t k = 0; k < ARRAY_LEN(row->ports) && row->ports[k]; k++)
			port_bits_add(ports, row->ports[k]);
		err = add_entry(p, ports, &row->p);
	}
	return err;
}

int payloads_open_bytes(const char *text, size_t len, struct payloads **ret,
			struct err_where *reterr)
{
	struct payloads *p = mem_alloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	arena_init(&p->text, 0, FILE_BYTES_MAX);
	p->n_sets = 1;
	err = add_builtin(p);
	if (!err)
		err = payload_file_parse(p, text, len, reterr);
	if (err)
		payloads_close(p);
	else
		*ret = p;
	return err;
}

int payloads_open_builtin(struct payloads **ret)
{
	return payloads_open_bytes("", 0, ret, NULL);
}

static bool is_missing(int err)
{
	return err == -ENOENT || err == -ENOTDIR || err == -EACCES;
}

int payloads_open(const char *path, struct payloads **ret, struct err_where *reterr)
{
	struct mapfile f = {.text = {NULL, 0}};
	char own[MAPFILE_PATH_CAP] = "";
	int err = path ? mapfile_open(path, FILE_BYTES_MAX, &f)
		       : mapfile_open_nmap("nmap-payloads", FILE_BYTES_MAX, &f, own);

	if (err == -E_TRUNCATED || (!path && is_missing(err)))
		return payloads_open_builtin(ret);
	if (!err)
		err = payloads_open_bytes((const char *)f.text.p, f.text.len, ret, reterr);
	mapfile_close(&f);
	if (err && reterr)
		snprintf(reterr->file, sizeof(reterr->file), "%.95s", path ? path : own);
	return err;
}

void payloads_close(struct payloads *p)
{
	if (!p)
		return;
	arena_fini(&p->text);
	mem_free(p);
}

uint32_t payloads_n(const struct payloads *p, uint16_t port)
{
	return p->sets[p->set_of[port]].n;
}

const struct payload *payloads_get(const struct payloads *p, uint16_t port, uint32_t attempt)
{
	const struct payload_set *s = &p->sets[p->set_of[port]];

	if (!s->n)
		return &nothing;
	for (uint32_t back = s->n - 1u - attempt % s->n; back; back--)
		s = &p->sets[s->parent];
	return &p->entries[s->entry];
}

uint16_t payloads_max_len(const struct payloads *p)
{
	return p->max_len;
}

/* --- tags -------------------------------------------------------------------- */

enum { TAG_TEXT_MAX = 8 };

/** The tag as it stands in the request. @return its bytes. */
static size_t tag_text(const struct payload *p, uint32_t value, uint8_t out[TAG_TEXT_MAX])
{
	static const char digits[] = "0123456789abcdef";
	size_t n = p->is_tag_hex ? p->tag_len * 2u : p->tag_len;

	for (size_t i = n; i-- > 0;) {
		out[i] = p->is_tag_hex ? (uint8_t)digits[value & 15] : (uint8_t)value;
		value >>= p->is_tag_hex ? 4 : 8;
	}
	return n;
}

void payload_write(const struct payload *p, uint32_t value, uint8_t *out)
{
	uint8_t tag[TAG_TEXT_MAX];

	memcpy(out, p->bytes, p->len);
	memcpy(out + p->tag_at, tag, tag_text(p, value, tag));
}

int payload_check(const struct payload *p, uint32_t value, struct bytes answer)
{
	uint8_t tag[TAG_TEXT_MAX];
	size_t n = tag_text(p, value, tag);
	bool is_found;

	if (!n || answer.len <= p->shape_at ||
	    (answer.p[p->shape_at] & p->shape_mask) != p->shape_is)
		return 0;
	if (p->echo_at == PAYLOAD_ECHO_ANYWHERE)
		is_found = memmem(answer.p, answer.len, tag, n) != NULL;
	else if (answer.len < (size_t)p->echo_at + n)
		return 0;
	else
		is_found = memcmp(answer.p + p->echo_at, tag, n) == 0;
	return is_found ? 1 : -1;
}

bool payload_is_mirrored(const struct payload *p, struct bytes answer)
{
	size_t tag_end = p->tag_at + (p->is_tag_hex ? 2u : 1u) * p->tag_len;

	return p->len && answer.len == p->len && memcmp(answer.p, p->bytes, p->tag_at) == 0 &&
	       memcmp(answer.p + tag_end, p->bytes + tag_end, p->len - tag_end) == 0;
}
