/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The argv parser: words -> rows of the option table -> fields of struct config. It knows the
 * grammar of command lines (nmap's, which is getopt_long_only's with two-letter families) and one
 * setter per kind of value, and no option by name but for the checks across options at the end.
 * The message of every refusal names the token and the accepted form.
 */
#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define OPT_ROWS_MAX    128
#define TOKEN_SHOWN_MAX 80 /* bytes of a token repeated in a message */

struct parse {
	int argc, next; /* next: index of the word to read */
	char **argv;
	struct config *cfg;
	struct opt_error *err;
	bool was_seen[OPT_ROWS_MAX];
	const struct opt_spec *member[EXCL_N]; /* the row seen of each exclusive set */
};

typedef int set_fn(struct parse *p, const struct opt_spec *o, const char *name, const char *text);

static int refuse(struct parse *p, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

static int refuse(struct parse *p, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->err->text, sizeof(p->err->text), fmt, ap);
	va_end(ap);
	/* Words may come from a script or a file name: nothing of them may steer the terminal. */
	for (char *s = p->err->text; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
	return code;
}

/** "NAME "text": want FORM" */
static int refuse_value(struct parse *p, int code, const struct opt_spec *o, const char *name,
			const char *text)
{
	struct buf b;

	buf_init(&b, 512);
	opt_put_want(o, &b);
	refuse(p, code, "%s \"%.*s\": want %s", name, TOKEN_SHOWN_MAX, text, buf_text(&b));
	buf_fini(&b);
	return code;
}

/* ---- values ---- */

/** Digits only. @return 0, -E_SYNTAX, -E_RANGE on overflow. */
static int read_u64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return -E_SYNTAX;
	for (; *s; s++) {
		unsigned int digit = (unsigned int)*s - '0';

		if (digit > 9)
			return -E_SYNTAX;
		if (__builtin_mul_overflow(v, 10ull, &v) || __builtin_add_overflow(v, digit, &v))
			return -E_RANGE;
	}
	*ret = v;
	return 0;
}

/** Length of one duration unit; 0: no such unit. */
static uint64_t unit_ns(const char *suffix)
{
	static const struct {
		const char *suffix;
		uint64_t ns;
	} units[] = {{"", NS_PER_S},
		     {"s", NS_PER_S},
		     {"ms", NS_PER_MS},
		     {"m", 60 * NS_PER_S},
		     {"h", 3600 * NS_PER_S}};

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strcmp(suffix, units[i].suffix) == 0)
			return units[i].ns;
	return 0;
}

/** "1.5", "250ms". Nine decimals count, further ones are ignored. */
static int read_duration(const char *s, u128 *ret_ns)
{
	u128 whole = 0, billionths = 0;
	uint32_t n_digits = 0, scale = NS_PER_S;
	uint64_t unit;

	for (; *s >= '0' && *s <= '9'; s++, n_digits++) {
		if (whole > UINT32_MAX)
			return -E_RANGE;
		whole = whole * 10 + (uint32_t)(*s - '0');
	}
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++, n_digits++)
			billionths += (uint32_t)(*s - '0') * (scale /= 10);
	unit = unit_ns(s);
	if (!n_digits || !unit)
		return -E_SYNTAX;
	*ret_ns = whole * unit + billionths * unit / NS_PER_S;
	return 0;
}

static void *field_of(const struct parse *p, uint16_t offset)
{
	return (uint8_t *)p->cfg + offset;
}

static void store_uint(const struct parse *p, const struct opt_spec *o, uint64_t v)
{
	void *field = field_of(p, o->offset);

	switch (o->size) {
	case 1:
		*(uint8_t *)field = (uint8_t)v;
		break;
	case 2:
		*(uint16_t *)field = (uint16_t)v;
		break;
	case 4:
		*(uint32_t *)field = (uint32_t)v;
		break;
	default:
		assert(o->size == 8);
		*(uint64_t *)field = v;
		break;
	}
}

static int store_bounded(struct parse *p, const struct opt_spec *o, const char *name,
			 const char *text, uint64_t v)
{
	if ((v < o->min || v > o->max) && !(v == 0 && o->zero))
		return refuse_value(p, -E_RANGE, o, name, text);
	store_uint(p, o, v);
	return 0;
}

static int set_uint(struct parse *p, const struct opt_spec *o, const char *name, const char *text)
{
	uint64_t v;
	int rc = read_u64(text, &v);

	return rc < 0 ? refuse_value(p, rc, o, name, text) : store_bounded(p, o, name, text, v);
}

static int set_duration(struct parse *p, const struct opt_spec *o, const char *name,
			const char *text)
{
	u128 ns;
	int rc = read_duration(text, &ns);

	if (rc < 0)
		return refuse_value(p, rc, o, name, text);
	return store_bounded(p, o, name, text, (uint64_t)MIN(ns / o->scale_ns, (u128)UINT64_MAX));
}

static int set_ratio(struct parse *p, const struct opt_spec *o, const char *name, const char *text)
{
	char *end;
	double v;

	if (strspn(text, "0123456789.") != strlen(text))
		return refuse_value(p, -E_SYNTAX, o, name, text);
	v = strtod(text, &end);
	if (end == text || *end)
		return refuse_value(p, -E_SYNTAX, o, name, text);
	if (!(v > 0 && v < 1))
		return refuse_value(p, -E_RANGE, o, name, text);
	*(double *)field_of(p, o->offset) = v;
	return 0;
}

static int set_string(struct parse *p, const struct opt_spec *o, const char *name, const char *text)
{
	if (!*text)
		return refuse_value(p, -E_SYNTAX, o, name, text);
	*(const char **)field_of(p, o->offset) = text;
	return 0;
}

/** A name that begins with a dash is nearly always the next option after a forgotten file name. */
static int set_path(struct parse *p, const struct opt_spec *o, const char *name, const char *text)
{
	if (text[0] == '-' && (text[1] || !o->is_stdio_ok))
		return refuse_value(p, -E_SYNTAX, o, name, text);
	return set_string(p, o, name, text);
}

/** No list can be longer than the command line: the array is taken once. */
static int append(const struct parse *p, const char *const **list, uint32_t *n, const char *text)
{
	const char **words = (const char **)*list;

	if (!words) {
		words = mem_alloc((size_t)p->argc, sizeof(*words));
		if (!words)
			return -ENOMEM;
		*list = words;
	}
	words[(*n)++] = text;
	return 0;
}

static int set_list(struct parse *p, const struct opt_spec *o, const char *name, const char *text)
{
	if (!*text)
		return refuse_value(p, -E_SYNTAX, o, name, text);
	if (append(p, field_of(p, o->offset), field_of(p, o->count_offset), text) < 0)
		return refuse(p, -ENOMEM, "%s: no memory", name);
	return 0;
}

static int set_choice(struct parse *p, const struct opt_spec *o, const char *name, const char *text)
{
	for (uint32_t i = 0; o->choices[i]; i++) {
		if (strcmp(o->choices[i], text) == 0) {
			store_uint(p, o, i);
			return 0;
		}
	}
	return refuse_value(p, -E_SYNTAX, o, name, text);
}

static int set_addr(struct parse *p, const struct opt_spec *o, const char *name, const char *text)
{
	struct addr *field = field_of(p, o->offset);
	struct addr a;

	if (addr_parse(text, strlen(text), &a) < 0)
		return refuse_value(p, -E_SYNTAX, o, name, text);
	field += a.family == ADDR_V6;
	if (field->family)
		return refuse(p, -E_SYNTAX,
			      "%s \"%.*s\": a second IPv%d address; want at most one per family",
			      name, TOKEN_SHOWN_MAX, text, a.family);
	*field = a;
	return 0;
}

static set_fn *const setters[OPT_KIND_N] = {
	[OPT_UINT] = set_uint,     [OPT_DURATION] = set_duration, [OPT_RATIO] = set_ratio,
	[OPT_STRING] = set_string, [OPT_PATH] = set_path,         [OPT_LIST] = set_list,
	[OPT_CHOICE] = set_choice, [OPT_ADDR] = set_addr,
};

/* ---- one option found ---- */

/** Exclusive sets and single-use options; marks the row as seen. */
static int check_use(struct parse *p, const struct opt_spec *o, const char *name)
{
	const struct opt_spec *other = o->excl ? p->member[o->excl] : NULL;
	size_t row = (size_t)(o - opt_table);
	char other_name[OPT_NAME_CAP];

	if (other && other != o)
		return refuse(p, -E_SYNTAX, "%s: cannot be combined with %s", name,
			      opt_name(other, other_name));
	if (p->was_seen[row] && o->is_once)
		return refuse(p, -E_SYNTAX, "%s: given twice; want it once", name);
	p->was_seen[row] = true;
	p->member[o->excl] = o;
	if (o->given_offset)
		*(bool *)field_of(p, o->given_offset) = true;
	return 0;
}

/** A count's own digits (-v2, --verbose=2) replace what was counted. */
static int set_count(struct parse *p, const struct opt_spec *o, const char *name,
		     const char *digits)
{
	uint32_t *field = field_of(p, o->offset);
	uint64_t v;

	if (!digits) {
		*field = (uint32_t)MIN(*field + 1, o->max);
		return 0;
	}
	if (read_u64(digits, &v) < 0 || v > o->max)
		return refuse_value(p, -E_RANGE, o, name, digits);
	*field = (uint32_t)v;
	return 0;
}

/** @param text attached value, or NULL: the next word when the option takes one. */
static int apply(struct parse *p, const struct opt_spec *o, const char *name, const char *text)
{
	struct buf b;
	int rc = check_use(p, o, name);

	if (rc < 0)
		return rc;
	if (o->kind == OPT_COUNT)
		return set_count(p, o, name, text);
	if (o->kind == OPT_FLAG) {
		if (text)
			return refuse_value(p, -E_SYNTAX, o, name, text);
		store_uint(p, o, o->value);
		return 0;
	}
	if (!text && p->next < p->argc)
		text = p->argv[p->next++];
	if (text)
		return setters[o->kind](p, o, name, text);

	buf_init(&b, 512);
	opt_put_want(o, &b);
	refuse(p, -E_SYNTAX, "%s: value missing; want %s", name, buf_text(&b));
	buf_fini(&b);
	return -E_SYNTAX;
}

static int refuse_unknown(struct parse *p, const char *word)
{
	char near[OPT_NAME_CAP];

	return refuse(p, -E_SYNTAX, "\"%.*s\": unknown option; the nearest is %s", TOKEN_SHOWN_MAX,
		      word, options_nearest(word, near));
}

/* ---- long options ---- */

/** @return the row with exactly this long name, or NULL. */
static const struct opt_spec *long_exact(const char *s, size_t len)
{
	for (uint32_t i = 0; i < opt_table_n; i++) {
		const char *name = opt_table[i].long_name;

		if (name && strlen(name) == len && memcmp(name, s, len) == 0)
			return &opt_table[i];
	}
	return NULL;
}

/** Message of an ambiguous prefix, naming the candidates. */
static int refuse_ambiguous(struct parse *p, const char *word, const char *s, size_t len)
{
	struct buf b;

	buf_init(&b, 256);
	for (uint32_t i = 0; i < opt_table_n; i++) {
		const char *name = opt_table[i].long_name;

		if (name && strncmp(name, s, len) == 0)
			buf_printf(&b, "%s--%s", b.len ? ", " : "", name);
	}
	refuse(p, -E_SYNTAX, "\"%.*s\": ambiguous; could be %s", TOKEN_SHOWN_MAX, word,
	       buf_text(&b));
	buf_fini(&b);
	return -E_SYNTAX;
}

/** Exact name, else the only one that begins so. @return NULL when refused with *@p ret_code. */
static const struct opt_spec *long_find(struct parse *p, const char *word, const char *s,
					size_t len, int *ret_code)
{
	const struct opt_spec *found = long_exact(s, len);
	uint32_t n = 0;

	*ret_code = 0;
	if (found)
		return found;
	for (uint32_t i = 0; i < opt_table_n && len; i++) {
		if (opt_table[i].long_name && strncmp(opt_table[i].long_name, s, len) == 0) {
			found = &opt_table[i];
			n++;
		}
	}
	if (n == 1)
		return found;
	*ret_code = n ? refuse_ambiguous(p, word, s, len) : refuse_unknown(p, word);
	return NULL;
}

/** @param s the word behind its dashes: "name" or "name=value". */
static int long_option(struct parse *p, const char *word, const char *s)
{
	const char *eq = strchr(s, '=');
	int rc;
	const struct opt_spec *o = long_find(p, word, s, eq ? (size_t)(eq - s) : strlen(s), &rc);
	char name[OPT_NAME_CAP];

	return o ? apply(p, o, opt_name(o, name), eq ? eq + 1 : NULL) : rc;
}

/* ---- short options ---- */

static const struct opt_spec *short_find(const char *s, size_t len)
{
	for (uint32_t i = 0; i < opt_table_n; i++) {
		const char *name = opt_table[i].short_name;

		if (name && strlen(name) == len && memcmp(name, s, len) == 0)
			return &opt_table[i];
	}
	return NULL;
}

/** Second letters of a family: "S T n L"; empty when no row begins so. */
static void family_members(char first, char *out, size_t cap)
{
	size_t n = 0;

	for (uint32_t i = 0; i < opt_table_n && n + 3 <= cap; i++) {
		const char *name = opt_table[i].short_name;

		if (!name || name[0] != first || !name[1])
			continue;
		if (n)
			out[n++] = ' ';
		out[n++] = name[1];
	}
	out[n] = '\0';
}

/** "-sSU": every further letter is a member of the family; other families have one member per word.
 */
static int family_option(struct parse *p, const char *word, const char *s, const char *members)
{
	char first = *s, key[3] = {first, 0, 0}, name[4] = {'-', first, 0, 0};
	int rc = 0;

	if (!s[1])
		return refuse(p, -E_SYNTAX, "\"%.*s\": letter missing after -%c; want one of %s",
			      TOKEN_SHOWN_MAX, word, first, members);
	for (const char *c = s + 1; *c && rc == 0; c++) {
		const struct opt_spec *o;

		key[1] = name[2] = *c;
		o = short_find(key, 2);
		if (!o)
			return refuse(p, -E_SYNTAX, "\"%.*s\": no option -%c%c; after -%c want %s",
				      TOKEN_SHOWN_MAX, word, first, *c, first, members);
		if (opt_takes_value(o)) {
			const char *value = c[1] == '=' ? c + 2 : c + 1;

			return apply(p, o, name, c[1] ? value : NULL);
		}
		rc = apply(p, o, name, NULL);
	}
	return rc;
}

/** Single letters, which may stand together: "-nvv", "-p22", "-d2". */
static int short_cluster(struct parse *p, const char *word, const char *s)
{
	int rc = 0;

	while (*s && rc == 0) {
		const struct opt_spec *o = short_find(s, 1);
		char name[3] = {'-', *s, 0}, digits[12] = "";

		if (!o)
			return refuse_unknown(p, word);
		s++;
		if (opt_takes_value(o))
			return apply(p, o, name, *s ? s : NULL);
		if (o->kind == OPT_COUNT) {
			size_t n = strspn(s, "0123456789");

			memcpy(digits, s, MIN(n, sizeof(digits) - 1));
			s += n;
		}
		rc = apply(p, o, name, digits[0] ? digits : NULL);
	}
	return rc;
}

/** @param s the word behind its one dash, not empty. */
static int short_option(struct parse *p, const char *word, const char *s)
{
	size_t name_len = strcspn(s, "=");
	char members[64];

	/* As getopt_long_only: -exclude is --exclude, never -e with the value "xclude". */
	if (name_len > 1 && long_exact(s, name_len))
		return long_option(p, word, s);
	family_members(*s, members, sizeof(members));
	return members[0] ? family_option(p, word, s, members) : short_cluster(p, word, s);
}

/* ---- checks across options ---- */

static bool was_given(const struct parse *p, const void *field)
{
	for (uint32_t i = 0; i < opt_table_n; i++)
		if (p->was_seen[i] && field_of(p, opt_table[i].offset) == field)
			return true;
	return false;
}

/** A bound that was asked for moves the defaults around it; two that were asked for must agree. */
static int check_rtt(struct parse *p)
{
	struct config *c = p->cfg;
	bool has_min = was_given(p, &c->min_rto_us), has_max = was_given(p, &c->max_rto_us);

	if (c->min_rto_us > c->max_rto_us) {
		if (has_min && has_max)
			return refuse(p, -E_RANGE,
				      "--min-rtt-timeout: larger than --max-rtt-timeout");
		if (has_max)
			c->min_rto_us = c->max_rto_us;
		else
			c->max_rto_us = c->min_rto_us;
	}
	if (was_given(p, &c->initial_rto_us)) {
		if (has_min && c->initial_rto_us < c->min_rto_us)
			return refuse(p, -E_RANGE,
				      "--initial-rtt-timeout: smaller than --min-rtt-timeout");
		if (has_max && c->initial_rto_us > c->max_rto_us)
			return refuse(p, -E_RANGE,
				      "--initial-rtt-timeout: larger than --max-rtt-timeout");
		c->min_rto_us = MIN(c->min_rto_us, c->initial_rto_us);
		c->max_rto_us = MAX(c->max_rto_us, c->initial_rto_us);
	}
	c->initial_rto_us = CLAMP(c->initial_rto_us, c->min_rto_us, c->max_rto_us);
	return 0;
}

/** Two reports in one file, or two on one stdout, would make both unreadable. */
static int check_outputs(struct parse *p)
{
	const struct output_requests *o = &p->cfg->out;
	const char *const files[] = {o->normal, o->xml, o->grepable, o->json};

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		for (size_t j = 0; j < i; j++)
			if (files[i] && files[j] && strcmp(files[i], files[j]) == 0)
				return refuse(
					p, -E_SYNTAX,
					"\"%.*s\": named by two outputs; want one file for each",
					TOKEN_SHOWN_MAX, files[i]);
	return 0;
}

static int check_together(struct parse *p)
{
	struct config *c = p->cfg;
	const struct opt_spec *scan = p->member[EXCL_SCAN], *ports = p->member[EXCL_PORTS];
	char a[OPT_NAME_CAP], b[OPT_NAME_CAP];

	if ((c->wants_ping_only || c->wants_list) && ports)
		return refuse(p, -E_SYNTAX, "%s: cannot be combined with %s, which scans no ports",
			      opt_name(ports, a), opt_name(scan, b));
	if (!c->target.n_specs && !c->target.input_file && !c->wants_iflist)
		return refuse(p, -E_EMPTY,
			      "no targets: want addresses, networks such as 10.0.0.0/24, names, or "
			      "-iL FILE (see prtip --help)");
	c->verbosity = MAX(c->verbosity, c->debugging);
	return 0;
}

static int check_all(struct parse *p)
{
	int rc;

	if (p->cfg->wants_help || p->cfg->wants_version)
		return 0;
	rc = check_rtt(p);
	if (rc == 0)
		rc = check_outputs(p);
	return rc < 0 ? rc : check_together(p);
}

/* ---- the line ---- */

/** "prtip help [TOPIC]". @return whether it was that. */
static bool take_help_command(struct parse *p)
{
	if (p->argc < 2 || strcmp(p->argv[1], "help") != 0)
		return false;
	p->cfg->wants_help = true;
	p->cfg->help_topic = p->argc > 2 ? p->argv[2] : NULL;
	return true;
}

static int add_target(struct parse *p, const char *word)
{
	struct target_conf *t = &p->cfg->target;

	if (!*word || strcmp(word, "-") == 0)
		return refuse(p, -E_SYNTAX,
			      "\"%s\": not a target; want an address, a network or a name", word);
	if (append(p, &t->specs, &t->n_specs, word) < 0)
		return refuse(p, -ENOMEM, "no memory");
	return 0;
}

static int read_word(struct parse *p, const char *word)
{
	if (word[0] == '-' && word[1] == '-')
		return long_option(p, word, word + 2);
	if (word[0] == '-' && word[1])
		return short_option(p, word, word + 1);
	return add_target(p, word);
}

int options_parse(int argc, char **argv, struct config *ret, struct opt_error *reterr)
{
	struct parse p = {.argc = argc, .next = 1, .argv = argv, .cfg = ret, .err = reterr};
	bool is_plain = false;
	int rc = 0;

	assert(opt_table_n <= OPT_ROWS_MAX);
	config_init(ret);
	if (take_help_command(&p))
		return 0;
	while (rc == 0 && p.next < argc && !ret->wants_help && !ret->wants_version) {
		const char *word = argv[p.next++];

		if (!is_plain && strcmp(word, "--") == 0)
			is_plain = true;
		else
			rc = is_plain ? add_target(&p, word) : read_word(&p, word);
	}
	return rc < 0 ? rc : check_all(&p);
}
