/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The argv parser: words -> rows of the option table -> fields of struct config. It knows the
 * grammar of command lines (nmap's, which is getopt_long_only's with two-letter families), leaves
 * values to value.c, and knows no option by name but for the checks across options at the end.
 */
#include "cli/foreign.h"
#include "cli/timing.h"
#include "cli/value.h"

#include <errno.h>
#include <string.h>

#define OPT_ROWS_MAX 128

struct parse {
	int argc, next; /* next: index of the word to read */
	char **argv;
	struct value_dest to;
	bool was_seen[OPT_ROWS_MAX];
	const struct opt_spec *member[EXCL_N]; /* the row seen of each exclusive set */
};

/* ---- one option found ---- */

/** Exclusive sets and single-use options; marks the row as seen. */
static int check_use(struct parse *p, const struct opt_spec *o, const char *name)
{
	const struct opt_spec *other = o->excl ? p->member[o->excl] : NULL;
	size_t row = (size_t)(o - opt_table);
	char other_name[OPT_NAME_CAP];

	if (other && other != o)
		return value_refuse(&p->to, -E_SYNTAX, "%s: cannot be combined with %s", name,
				    opt_name(other, other_name));
	if (p->was_seen[row] && o->is_once)
		return value_refuse(&p->to, -E_SYNTAX, "%s: given twice; want it once", name);
	p->was_seen[row] = true;
	p->member[o->excl] = o;
	if (o->given_offset)
		*(bool *)value_field(&p->to, o->given_offset) = true;
	return 0;
}

/** A count's own digits (-v2, --verbose=2) replace what was counted. */
static int set_count(struct parse *p, const struct opt_spec *o, const char *name,
		     const char *digits)
{
	uint32_t *field = value_field(&p->to, o->offset);
	uint64_t v;

	if (!digits) {
		*field = (uint32_t)MIN(*field + 1, o->max);
		return 0;
	}
	if (value_read_u64(digits, &v) < 0 || v > o->max)
		return value_refuse_form(&p->to, -E_RANGE, o, name, digits);
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
			return value_refuse_form(&p->to, -E_SYNTAX, o, name, text);
		value_store_uint(&p->to, o, o->value);
		return 0;
	}
	if (!text)
		text = o->absent;
	if (!text && p->next < p->argc)
		text = p->argv[p->next++];
	if (text)
		return value_store(&p->to, o, name, text);

	buf_init(&b, 512);
	opt_put_want(o, &b);
	value_refuse(&p->to, -E_SYNTAX, "%s: value missing; want %s", name, buf_text(&b));
	buf_fini(&b);
	return -E_SYNTAX;
}

/** @param name the option in @p word that there is not: the word itself, or a letter of it. */
static int refuse_unknown(struct parse *p, const char *word, const char *name)
{
	char near[OPT_NAME_CAP];
	const char *advice = foreign_advice(name);
	bool has_near = *options_nearest(word, near);

	if (advice)
		return value_refuse(&p->to, -E_SYNTAX, "\"%.*s\": no option %.*s; %s",
				    TOKEN_SHOWN_MAX, word, (int)strcspn(name, "="), name, advice);
	return value_refuse(
		&p->to, -E_SYNTAX, "\"%.*s\": unknown option; %s%s", TOKEN_SHOWN_MAX, word,
		has_near ? "the nearest is " : "prtip --help lists those there are", near);
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
	value_refuse(&p->to, -E_SYNTAX, "\"%.*s\": ambiguous; could be %s", TOKEN_SHOWN_MAX, word,
		     buf_text(&b));
	buf_fini(&b);
	return -E_SYNTAX;
}

/** Exact name, else the only one that begins so; --port is masscan's, not the start of
 * --port-ratio. @return NULL when refused with *@p ret_code. */
static const struct opt_spec *long_find(struct parse *p, const char *word, const char *s,
					size_t len, int *ret_code)
{
	const struct opt_spec *found = long_exact(s, len);
	uint32_t n = 0;

	*ret_code = 0;
	if (found)
		return found;
	for (uint32_t i = 0; i < opt_table_n && len && !foreign_advice(word); i++) {
		if (opt_table[i].long_name && strncmp(opt_table[i].long_name, s, len) == 0) {
			found = &opt_table[i];
			n++;
		}
	}
	if (n == 1)
		return found;
	*ret_code = n ? refuse_ambiguous(p, word, s, len) : refuse_unknown(p, word, word);
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
		return refuse_unknown(p, word, word);
	for (const char *c = s + 1; *c && rc == 0; c++) {
		const struct opt_spec *o;

		key[1] = name[2] = *c;
		o = short_find(key, 2);
		if (!o && foreign_advice(name))
			return refuse_unknown(p, word, name);
		if (!o)
			return value_refuse(&p->to, -E_SYNTAX,
					    "\"%.*s\": no option -%c%c; after -%c want %s",
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
			return refuse_unknown(p, word, foreign_advice(word) ? word : name);
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
	char members[96];

	/* As getopt_long_only: -exclude is --exclude, never -e with the value "xclude". */
	if (name_len > 1 && long_exact(s, name_len))
		return long_option(p, word, s);
	family_members(*s, members, sizeof(members));
	return members[0] ? family_option(p, word, s, members) : short_cluster(p, word, s);
}

/* ---- checks across options ---- */

static bool was_given(const void *ctx, const void *field)
{
	const struct parse *p = ctx;

	for (uint32_t i = 0; i < opt_table_n; i++)
		if (p->was_seen[i] && value_field(&p->to, opt_table[i].offset) == field)
			return true;
	return false;
}

/** A bound that was asked for moves the defaults around it; two that were asked for must agree. */
static int check_rtt(struct parse *p)
{
	struct config *c = p->to.cfg;
	bool has_min = was_given(p, &c->min_rto_us), has_max = was_given(p, &c->max_rto_us);

	if (c->min_rto_us > c->max_rto_us) {
		if (has_min && has_max)
			return value_refuse(&p->to, -E_RANGE,
					    "--min-rtt-timeout: larger than --max-rtt-timeout");
		if (has_max)
			c->min_rto_us = c->max_rto_us;
		else
			c->max_rto_us = c->min_rto_us;
	}
	if (was_given(p, &c->initial_rto_us)) {
		if (has_min && c->initial_rto_us < c->min_rto_us)
			return value_refuse(
				&p->to, -E_RANGE,
				"--initial-rtt-timeout: smaller than --min-rtt-timeout");
		if (has_max && c->initial_rto_us > c->max_rto_us)
			return value_refuse(&p->to, -E_RANGE,
					    "--initial-rtt-timeout: larger than --max-rtt-timeout");
		c->min_rto_us = MIN(c->min_rto_us, c->initial_rto_us);
		c->max_rto_us = MAX(c->max_rto_us, c->initial_rto_us);
	}
	c->initial_rto_us = CLAMP(c->initial_rto_us, c->min_rto_us, c->max_rto_us);
	return 0;
}

/** Bounds from below and from above must leave room. */
static int check_bounds(struct parse *p)
{
	const struct pace_bounds *b = &p->to.cfg->bounds;
	uint32_t max_rate_pps = p->to.cfg->max_rate_pps;

	if (max_rate_pps && b->min_rate_pps > max_rate_pps)
		return value_refuse(&p->to, -E_RANGE, "--min-rate: larger than --max-rate");
	if (b->max_hosts && b->min_hosts > b->max_hosts)
		return value_refuse(&p->to, -E_RANGE,
				    "--min-hostgroup: larger than --max-hostgroup");
	if (b->max_outstanding && b->min_outstanding > b->max_outstanding)
		return value_refuse(&p->to, -E_RANGE,
				    "--min-parallelism: larger than --max-parallelism");
	return 0;
}

/** Two reports in one file, or two on one stdout, would make both unreadable. */
static int check_outputs(struct parse *p)
{
	const struct output_requests *o = &p->to.cfg->out;
	const char *const files[] = {o->normal, o->xml,       o->grepable, o->json,
				     o->db,     o->event_log, o->metrics,  p->to.cfg->capture_file};

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		for (size_t j = 0; j < i; j++)
			if (files[i] && files[j] && strcmp(files[i], files[j]) == 0)
				return value_refuse(
					&p->to, -E_SYNTAX,
					"\"%.*s\": named by two outputs; want one file for each",
					TOKEN_SHOWN_MAX, files[i]);
	return 0;
}

/** Scan types that one run cannot do together. */
static int check_scans(struct parse *p)
{
	const struct config *c = p->to.cfg;
	const char *packets = c->wants_udp ? "-sU" : "-sY";
	char name[OPT_NAME_CAP];

	if (!c->wants_udp && !c->wants_sctp)
		return 0;
	if (c->wants_ping_only || c->wants_list)
		return value_refuse(&p->to, -E_SYNTAX, "%s: cannot be combined with %s", packets,
				    opt_name(p->member[EXCL_SCAN], name));
	if (c->tcp_scan == 'T')
		return value_refuse(
			&p->to, -E_SYNTAX,
			"%s: sends packets, -sT asks the kernel to connect, and a run does "
			"one of them; want -sS %s, or two runs",
			packets, packets);
	return 0;
}

/** -Pn asks nobody; the other -P options say how to ask. */
static int check_pings(struct parse *p)
{
	const struct config *c = p->to.cfg;
	bool asks = c->pings_echo || c->pings_timestamp || c->pings_mask || c->pings_link ||
		    c->pings_syn || c->pings_ack || c->pings_udp || c->pings_sctp;

	if (c->wants_list && asks)
		return value_refuse(&p->to, -E_SYNTAX,
				    "-sL: sends nothing, so -P options have nothing to say; want "
				    "-sn to look for hosts");
	if (c->skips_discovery && asks)
		return value_refuse(&p->to, -E_SYNTAX,
				    "-Pn: skips the discovery that the other -P options ask for; "
				    "want one or the other");
	return 0;
}

static int check_together(struct parse *p)
{
	struct config *c = p->to.cfg;
	const struct opt_spec *scan = p->member[EXCL_SCAN], *ports = p->member[EXCL_PORTS];
	char a[OPT_NAME_CAP], b[OPT_NAME_CAP];

	if ((c->wants_ping_only || c->wants_list) && ports)
		return value_refuse(&p->to, -E_SYNTAX,
				    "%s: cannot be combined with %s, which scans no ports",
				    opt_name(ports, a), opt_name(scan, b));
	if (!c->target.n_specs && !c->target.input_file && !c->wants_iflist)
		return value_refuse(
			&p->to, -E_EMPTY,
			"no targets: want addresses, networks such as 10.0.0.0/24, names, or "
			"-iL FILE (see prtip --help)");
	c->verbosity = MAX(c->verbosity, c->debugging);
	return 0;
}

/** --resume: its journal says everything else. @return 1 when such an option was given. */
static int check_alone(struct parse *p)
{
	const struct target_conf *t = &p->to.cfg->target;
	const struct opt_spec *alone = NULL;
	uint32_t n_seen = 0;
	char name[OPT_NAME_CAP];

	for (uint32_t i = 0; i < opt_table_n; i++) {
		n_seen += p->was_seen[i];
		if (p->was_seen[i] && opt_table[i].is_alone)
			alone = &opt_table[i];
	}
	if (alone && (n_seen > 1 || t->n_specs))
		return value_refuse(&p->to, -E_SYNTAX,
				    "%s: takes everything else from its file; want it alone",
				    opt_name(alone, name));
	return alone != NULL;
}

/** A capture is of packets. */
static int check_capture(struct parse *p)
{
	const struct config *c = p->to.cfg;
	bool is_connect = c->wants_list || c->tcp_scan == 'T';

	if (c->capture_file && is_connect)
		return value_refuse(&p->to, -E_SYNTAX,
				    "--packet-capture: cannot be combined with %s, which sends no "
				    "packets of its own",
				    c->wants_list ? "-sL" : "-sT");
	return 0;
}

/** A journal is of a scan that can be planned again. */
static int check_journal(struct parse *p)
{
	const struct config *c = p->to.cfg;

	if (c->journal_file && c->wants_list)
		return value_refuse(&p->to, -E_SYNTAX,
				    "--journal: cannot be combined with -sL, which sends nothing");
	if (c->journal_file && c->target.input_file && strcmp(c->target.input_file, "-") == 0)
		return value_refuse(&p->to, -E_SYNTAX,
				    "--journal: targets from standard input cannot be read again; "
				    "want -iL with a file");
	return 0;
}

/** A command that reads results: only what shows them may stand beside its files. */
static int check_views(struct parse *p, const char *command)
{
	char name[OPT_NAME_CAP];

	for (uint32_t i = 0; i < opt_table_n; i++)
		if (p->was_seen[i] && !opt_table[i].is_view)
			return value_refuse(&p->to, -E_SYNTAX,
					    "%s: says nothing to %s; want only output options",
					    opt_name(&opt_table[i], name), command);
	return check_outputs(p);
}

static int check_merge(struct parse *p)
{
	int rc = check_views(p, "merge");

	if (rc == 0 && !p->to.cfg->target.n_specs)
		return value_refuse(
			&p->to, -E_EMPTY,
			"merge: no files; want those that -oJ wrote (see prtip help merge)");
	return rc;
}

static int check_replay(struct parse *p)
{
	int rc = check_views(p, "replay");

	if (rc == 0 && p->to.cfg->target.n_specs != 1)
		return value_refuse(&p->to, -E_EMPTY,
				    "replay: want one event log (see prtip help replay)");
	return rc;
}

/** -A stands for several. */
static void spread_details(struct config *c)
{
	c->yields_os = c->wants_details && !c->wants_os;
	if (c->wants_details)
		c->wants_services = c->wants_os = c->wants_tls = true;
}

static int check_all(struct parse *p)
{
	int rc;

	spread_details(p->to.cfg);
	if (p->to.cfg->wants_help || p->to.cfg->wants_version)
		return 0;
	if (p->to.cfg->wants_merge)
		return check_merge(p);
	if (p->to.cfg->wants_db)
		return check_views(p, "db");
	if (p->to.cfg->wants_replay)
		return check_replay(p);
	rc = check_alone(p);
	if (rc)
		return MIN(rc, 0);
	timing_apply(p->to.cfg, was_given, p);
	rc = check_rtt(p);
	if (rc == 0)
		rc = check_bounds(p);
	if (rc == 0)
		rc = check_journal(p);
	if (rc == 0)
		rc = check_capture(p);
	if (rc == 0)
		rc = check_scans(p);
	if (rc == 0)
		rc = check_pings(p);
	if (rc == 0)
		rc = check_outputs(p);
	return rc < 0 ? rc : check_together(p);
}

/* ---- the line ---- */

/** "prtip help [TOPIC]", "prtip merge FILE...": a first word of the command table. */
static void take_command(struct parse *p)
{
	for (uint32_t i = 0; p->argc > 1 && i < cmd_table_n; i++) {
		if (strcmp(p->argv[1], cmd_table[i].name) != 0)
			continue;
		*(bool *)value_field(&p->to, cmd_table[i].offset) = true;
		p->next = 2;
	}
	if (p->to.cfg->wants_help && p->argc > 2)
		p->to.cfg->help_topic = p->argv[2];
	if (p->next == 2 && !p->to.cfg->wants_help)
		p->to.cfg->help_topic = p->argv[1]; /* of --help behind it */
}

static int add_target(struct parse *p, const char *word)
{
	struct target_conf *t = &p->to.cfg->target;

	if (!*word || strcmp(word, "-") == 0)
		return value_refuse(&p->to, -E_SYNTAX,
				    "\"%s\": not a target; want an address, a network or a name",
				    word);
	if (value_append(&p->to, &t->specs, &t->n_specs, word) < 0)
		return value_refuse(&p->to, -ENOMEM, "no memory");
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
	struct parse p = {.argc = argc,
			  .next = 1,
			  .argv = argv,
			  .to = {.cfg = ret, .err = reterr, .list_cap = (uint32_t)argc}};
	bool is_plain = false;
	int rc = 0;

	assert(opt_table_n <= OPT_ROWS_MAX);
	config_init(ret);
	ret->argv = (const char *const *)argv;
	ret->argc = (uint32_t)argc;
	take_command(&p);
	while (rc == 0 && p.next < argc && !ret->wants_help && !ret->wants_version) {
		const char *word = argv[p.next++];

		if (!is_plain && strcmp(word, "--") == 0)
			is_plain = true;
		else
			rc = is_plain ? add_target(&p, word) : read_word(&p, word);
	}
	return rc < 0 ? rc : check_all(&p);
}
