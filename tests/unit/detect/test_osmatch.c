/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scoring of prints, their text form, and the same verdict as nmap's on prints that it made. */
#include "detect/osmatch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/guard.h"

static const char head[] = "MatchPoints\n"
			   "SEQ(SP=25%GCD=75)\n"
			   "T1(R=100%DF=20%T=15%TG=15%RD=45)\n"
			   "T2(R=80%DF=20)\n";

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static struct osdb *load(const char *text)
{
	struct osdb *db;

	assert_int_equal(osdb_parse(bytes_of(text), "test", &db, NULL), 0);
	return db;
}

static void print_of(const char *text, struct os_print *ret)
{
	assert_int_equal(os_print_parse(bytes_of(text), ret, NULL), 0);
}

/** What one side lacks is not asked; points are those of MatchPoints. */
static void accuracies(void **state)
{
	static const struct {
		const char *entry, *print;
		double accuracy;
	} rows[] = {
		{"SEQ(SP=1-5%GCD=1)", "SEQ(SP=3%GCD=1)", 1},
		{"SEQ(SP=1-5%GCD=1)", "SEQ(SP=6%GCD=1)", 0.75},
		{"SEQ(SP=1-5%GCD=1)", "SEQ(GCD=1)", 1},
		{"SEQ(SP=1-5)", "SEQ(SP=6%GCD=1)", 0},
		{"T1(R=Y%DF=Y%T=3B-45%TG=40)", "T1(R=Y%DF=N%TG=40)", 115 / 135.0},
		{"T1(R=Y%DF=Y)", "T1(R=N)", 0},
		{"T1(DF=Y)", "T1(R=N)", 0}, /* nothing to compare */
		{"T1(R=Y%DF=Y)\nT2(R=N)", "T1(R=Y%DF=Y)T2(R=Y%DF=Y)", 120 / 200.0},
		{"T1(R=Y%DF=Y)\nT2(R=N)", "T1(R=Y%DF=Y)", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char text[512];
		struct os_print p;
		snprintf(text, sizeof(text), "%sFingerprint F\n%s\n", head, rows[i].entry);
		struct osdb *db = load(text);
		print_of(rows[i].print, &p);
		double got = os_accuracy(db, db->entries, &p);
		assert_true(got == rows[i].accuracy);
		osdb_free(db);
	}
}

/** Best first, file order among equals, names once, nothing below the limit. */
static void order(void **state)
{
	char text[1024];
	struct os_print p;
	struct os_result r;

	(void)state;
	snprintf(text, sizeof(text), "%s%s", head,
		 "Fingerprint Low\nClass a | b || c\nT1(R=N%DF=Y%T=40)\n"
		 "Fingerprint Near\nClass a | b || c\nT1(R=Y%DF=Y%T=41)\n"
		 "Fingerprint Twin\nClass d | e || f\nT1(R=Y%DF=Y%T=41)\n"
		 "Fingerprint Same\nClass a | b | 2 | c\nT1(R=Y%DF=N%T=40)\n"
		 "Fingerprint Same\nClass g | h || i\nT1(R=Y%DF=Y%T=41)\n");
	struct osdb *db = load(text);
	struct os_matcher *m = os_matcher_new(db);
	print_of("T1(R=Y%DF=Y%T=40)", &p);
	os_match(m, &p, &r);
	assert_int_equal(r.n_perfect, 0);
	assert_int_equal(r.n_matches, 3);
	assert_ptr_equal(r.matches[0].entry, &db->entries[1]);
	assert_ptr_equal(r.matches[1].entry, &db->entries[2]);
	assert_ptr_equal(r.matches[2].entry, &db->entries[4]);
	assert_int_equal(r.n_classes, 3);
	print_of("T1(R=Y%DF=Y%T=41)", &p);
	os_match(m, &p, &r);
	assert_int_equal(r.n_perfect, 3);
	assert_int_equal(r.n_classes, 3);
	assert_ptr_equal(r.classes[2].class, &db->classes[4]);
	print_of("T1(R=Y%DF=N%T=40)", &p);
	os_match(m, &p,
		 &r); /* one perfect: its class alone; the lesser one of the name stays out */
	assert_int_equal(r.n_perfect, 1);
	assert_ptr_equal(r.matches[0].entry, &db->entries[3]);
	assert_int_equal(r.n_classes, 1);
	assert_int_equal(r.n_matches, 1);
	os_matcher_free(m);
	osdb_free(db);
}

static void too_many(void **state)
{
	char *text = malloc(8192);
	struct os_print p;
	struct os_result r;
	int len = snprintf(text, 8192, "%s", head);

	(void)state;
	for (int i = 0; i < OS_MATCHES_MAX; i++)
		len += snprintf(text + len, 8192 - (size_t)len,
				"Fingerprint F%d\nClass a%d | b || c\nT1(R=Y%%DF=Y)\n", i, i);
	print_of("T1(R=Y%DF=Y)", &p);
	for (int more = 0; more < 2; more++) {
		struct osdb *db = load(text);
		struct os_matcher *m = os_matcher_new(db);
		os_match(m, &p, &r);
		assert_int_equal(r.is_too_many, more);
		assert_int_equal(r.n_matches, OS_MATCHES_MAX);
		assert_int_equal(r.n_classes, more ? 0 : OS_MATCHES_MAX);
		os_matcher_free(m);
		osdb_free(db);
		snprintf(text + len, 8192 - (size_t)len, "%s",
			 "Fingerprint one more\nClass x | b || c\nT1(R=Y%DF=Y)\n");
	}
	free(text);
}

/* The print nmap 7.93 made of a Debian 12 guest in a namespace, and what it then said. */
static const char from_nmap[] =
	"OS:SCAN(V=7.93%E=4%D=11/22%OT=80%CT=22%CU=32019%PV=Y%DS=1%DC=D%G=Y%M=C24D7F\n"
	"OS:%TM=6B028A8B%P=x86_64-pc-linux-gnu)SEQ(SP=100%GCD=1%ISR=10E%TI=Z%CI=Z%II\n"
	"OS:=I%TS=21)OPS(O1=M5B4ST11NWA%O2=M5B4ST11NWA%O3=M5B4NNT11NWA%O4=M5B4ST11NW\n"
	"OS:A%O5=M5B4ST11NWA%O6=M5B4ST11)WIN(W1=FE88%W2=FE88%W3=FE88%W4=FE88%W5=FE88\n"
	"OS:%W6=FE88)ECN(R=Y%DF=Y%T=40%W=FAF0%O=M5B4NNSNWA%CC=Y%Q=)T1(R=Y%DF=Y%T=40%\n"
	"OS:S=O%A=S+%F=AS%RD=0%Q=)T2(R=N)T3(R=N)T4(R=Y%DF=Y%T=40%W=0%S=A%A=Z%F=R%O=%\n"
	"OS:RD=0%Q=)T5(R=Y%DF=Y%T=40%W=0%S=Z%A=S+%F=AR%O=%RD=0%Q=)T6(R=Y%DF=Y%T=40%W\n"
	"OS:=0%S=A%A=Z%F=R%O=%RD=0%Q=)T7(R=Y%DF=Y%T=40%W=0%S=Z%A=S+%F=AR%O=%RD=0%Q=)\n"
	"OS:U1(R=Y%DF=N%T=40%IPL=164%UN=0%RIPL=G%RID=G%RIPCK=G%RUCK=G%RUD=G)IE(R=Y%D\n"
	"OS:FI=N%T=40%CD=S)";

/** Text to print to text is the same to the byte, wrapping and all. */
static void round_trip(void **state)
{
	struct os_scan_line s = {
		.version = "7.93",
		.month = 11,
		.day = 22,
		.open_tcp = 80,
		.closed_tcp = 22,
		.closed_udp = 32019,
		.is_private = true,
		.distance = 1,
		.distance_guess = -1,
		.distance_by = OS_DISTANCE_DIRECT,
		.is_good = true,
		.mac = &(struct mac){{0xc2, 0x4d, 0x7f, 1, 2, 3}},
		.time_s = 0x6b028a8b,
		.platform = "x86_64-pc-linux-gnu",
	};
	struct os_print p;
	struct buf b;

	(void)state;
	print_of(from_nmap, &p);
	assert_string_equal(os_print_get(&p, OS_ECN, "O"), "M5B4NNSNWA");
	assert_string_equal(os_print_get(&p, OS_T4, "O"), "");
	assert_null(os_print_get(&p, OS_T2, "DF"));
	buf_init(&b, 8192);
	os_print_format(&p, &s, &b);
	assert_string_equal(buf_text(&b), from_nmap);
	buf_reset(&b);
	s = (struct os_scan_line){
		.version = "1", .distance = -1, .distance_guess = 3, .platform = "p"};
	memset(&p, 0, sizeof(p));
	os_print_set(&p, OS_T2, "R", "%c", 'N');
	os_print_format(&p, &s, &b);
	assert_string_equal(buf_text(&b),
			    "OS:SCAN(V=1%E=4%D=0/0%OT=%CT=%CU=%PV=N%DG=3%G=N%TM=0%P=p)T2(R=N)");
	buf_fini(&b);
}

static void not_a_print(void **state)
{
	static const char *const rows[] = {"T1",
					   "T1(R=Y",
					   "T9(R=Y)",
					   "T1(SP=1)",
					   "T1(R)",
					   ("T1(R=YYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYYY"
					    "YYYYYYYYYYY)")};
	struct err_where w;
	struct os_print p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		w.want[0] = 0;
		assert_int_equal(os_print_parse(bytes_of(rows[i]), &p, &w), -E_SYNTAX);
		assert_true(w.want[0]);
	}
	for (size_t len = 0; len < sizeof(from_nmap); len++) {
		uint8_t *cut = guard_copy(from_nmap, len);
		(void)!os_print_parse((struct bytes){cut, len}, &p, NULL);
		guard_free(cut, len);
	}
}

/** A value that the first alternative of an expression admits. */
static void value_of(struct bytes expr, char out[OS_VALUE_CAP])
{
	const uint8_t *bar = expr.len ? memchr(expr.p, '|', expr.len) : NULL;
	size_t len = bar ? (size_t)(bar - expr.p) : expr.len, dash = len;
	char e[256] = "";

	assert_true(len < sizeof(e));
	if (len)
		memcpy(e, expr.p, len);
	for (size_t i = 1; i < len; i++)
		if (e[i] == '-' && strspn(e, "0123456789ABCDEF") == i)
			dash = i;
	if (e[0] == '>')
		snprintf(out, OS_VALUE_CAP, "%lX", strtoul(e + 1, NULL, 16) + 1);
	else if (e[0] == '<')
		snprintf(out, OS_VALUE_CAP, "%lX", strtoul(e + 1, NULL, 16) - 1);
	else
		snprintf(out, OS_VALUE_CAP, "%.*s", (int)MIN(dash, (size_t)OS_VALUE_CAP - 1), e);
}

/** How a host would look that answers as an entry says. */
static void print_of_entry(const struct osdb *db, const struct os_entry *e, struct os_print *p)
{
	struct bytes left, expr;
	int attr;

	memset(p, 0, sizeof(*p));
	for (int t = 0; t < OS_TEST_N; t++) {
		if (e->test_line[t] == OSDB_NO_LINE)
			continue;
		left = db->lines[e->test_line[t]].text;
		while ((attr = os_line_next((enum os_test)t, &left, &expr)) >= 0) {
			p->has[t] |= (uint16_t)(1u << attr);
			value_of(expr, p->value[t][attr]);
		}
	}
}

static struct osdb *load_installed(char **ret_text, size_t *ret_n)
{
	FILE *f = fopen("/usr/share/nmap/nmap-os-db", "rb");
	size_t cap = 16u << 20;
	struct osdb *db = NULL;

	*ret_text = malloc(cap);
	*ret_n = f ? fread(*ret_text, 1, cap, f) : 0;
	if (f)
		fclose(f);
	if (*ret_n)
		assert_int_equal(
			osdb_parse((struct bytes){(uint8_t *)*ret_text, *ret_n}, "db", &db, NULL),
			0);
	return db;
}

/** Every entry fits the host it describes perfectly, and stands among its matches. */
static void every_entry(void **state)
{
	uint32_t n_tried = 0;
	struct os_result r;
	struct os_print p;
	size_t n;
	char *text;
	struct osdb *db = load_installed(&text, &n);

	(void)state;
	if (!db) {
		free(text);
		skip();
	}
	struct os_matcher *m = os_matcher_new(db);
	for (uint32_t i = 0; i < db->n_entries; i++) {
		const struct os_entry *e = &db->entries[i];
		bool is_there = false;
		print_of_entry(db, e, &p);
		assert_true(os_accuracy(db, e, &p) == 1);
		if (i % 20)
			continue;
		os_match(m, &p, &r);
		for (uint32_t k = 0; k < r.n_perfect; k++)
			is_there |= r.matches[k].entry->name.len == e->name.len &&
				    !memcmp(r.matches[k].entry->name.p, e->name.p, e->name.len);
		assert_true(is_there || r.is_too_many);
		n_tried++;
	}
	assert_true(n_tried >= 200);
	os_matcher_free(m);
	osdb_free(db);
	free(text);
}

/** The list nmap printed for its own fingerprint: names, accuracy, line, order. */
static void as_nmap(void **state)
{
	static const struct {
		const char *name;
		int percent;
		uint32_t line;
	} want[] = {
		{"Linux 5.3 - 5.4", 96, 68140},
		{"Linux 3.2", 95, 64664},
		{"Linux 3.1", 95, 62917},
		{"AXIS 210A or 211 Network Camera (Linux 2.6.17)", 94, 61815},
		{"Linux 3.2 - 4.9", 93, 65314},
		{"Linux 4.15 - 5.6", 93, 67238},
		{"Linux 5.4", 93, 68194},
		{"Linux 2.6.32 - 3.10", 93, 56571},
		{"ASUS RT-N56U WAP (Linux 3.4)", 93, 8398},
		{"Linux 3.16", 93, 64171},
	};
	struct os_result r;
	struct os_print p;
	size_t n;
	char *text;
	struct osdb *db = load_installed(&text, &n);

	(void)state;
	if (n != 5032815) { /* the file of nmap 7.93, which these figures are of */
		osdb_free(db);
		free(text);
		skip();
	}
	struct os_matcher *m = os_matcher_new(db);
	print_of(from_nmap, &p);
	os_match(m, &p, &r);
	assert_int_equal(r.n_perfect, 0);
	assert_true(r.n_matches >= ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		const struct os_entry *e = r.matches[i].entry;
		assert_int_equal(e->name.len, strlen(want[i].name));
		assert_memory_equal(e->name.p, want[i].name, e->name.len);
		assert_int_equal((int)(r.matches[i].accuracy * 100), want[i].percent);
		assert_int_equal(e->line, want[i].line);
		assert_true(os_accuracy(db, e, &p) == r.matches[i].accuracy);
	}
	os_matcher_free(m);
	osdb_free(db);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accuracies),  cmocka_unit_test(order),
		cmocka_unit_test(too_many),    cmocka_unit_test(round_trip),
		cmocka_unit_test(not_a_print), cmocka_unit_test(as_nmap),
		cmocka_unit_test(every_entry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
