/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The option table as a whole: every row is complete, unique, reachable, bounded by its field, and
 * refuses a bad value made from its own kind and bounds.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"
#include "pktio/pktio.h"

#define VALUES_MAX 8

/** How a user writes the row: "--ttl" or "-oN". */
static const char *spelling(const struct opt_spec *o)
{
	static char text[OPT_NAME_CAP];

	return opt_name(o, text);
}

/** Parse "prtip OPTION [VALUE] 127.0.0.1" and return its code. */
static int parse_one(const struct opt_spec *o, const char *value, struct config *c,
		     struct opt_error *err)
{
	char name[OPT_NAME_CAP],
		*argv[] = {"prtip", opt_name(o, name), (char *)value, "127.0.0.1", NULL};
	char *flag_argv[] = {"prtip", name, "127.0.0.1", NULL};

	err->text[0] = '\0';
	return value ? options_parse(4, argv, c, err) : options_parse(3, flag_argv, c, err);
}

static void rows_are_complete(void **state)
{
	for (uint32_t i = 0; i < opt_table_n; i++) {
		const struct opt_spec *o = &opt_table[i];

		assert_true(o->long_name || o->short_name);
		assert_true(o->help && strlen(o->help) > 10);
		assert_int_not_equal(o->help[strlen(o->help) - 1], '.');
		assert_true(o->kind < OPT_KIND_N && o->group < OPT_GROUP_N &&
			    o->nmap < NMAP_LEVEL_N && o->excl < EXCL_N);
		assert_true(o->offset + o->size <= sizeof(struct config) && o->size > 0);
		assert_int_equal(opt_takes_value(o), o->metavar != NULL);
		if (o->kind == OPT_UINT || o->kind == OPT_STRING || o->kind == OPT_LIST)
			assert_non_null(o->unit);
		if (i > 0)
			assert_true(o->group >= opt_table[i - 1].group);
	}
}

static void fields_fit_their_kind(void **state)
{
	static const uint8_t sizes[OPT_KIND_N] = {[OPT_COUNT] = 4,
						  [OPT_DURATION] = 4,
						  [OPT_RATIO] = sizeof(double),
						  [OPT_STRING] = sizeof(char *),
						  [OPT_PATH] = sizeof(char *),
						  [OPT_LIST] = sizeof(char *),
						  [OPT_CHOICE] = 1,
						  [OPT_ADDR] = sizeof(struct addr),
						  [OPT_SHARE] = sizeof(struct shard)};

	for (uint32_t i = 0; i < opt_table_n; i++) {
		const struct opt_spec *o = &opt_table[i];
		uint64_t largest = o->size == 8 ? UINT64_MAX : (1ull << 8 * (o->size & 7)) - 1;

		if (sizes[o->kind])
			assert_int_equal(o->size, sizes[o->kind]);
		if (o->kind == OPT_UINT || o->kind == OPT_DURATION || o->kind == OPT_COUNT)
			assert_true(o->max <= largest && o->min <= o->max && o->max > 0);
		if (o->dflt)
			assert_true(o->size == 4 && o->dflt >= o->min && o->dflt <= o->max);
		if (o->kind == OPT_LIST)
			assert_int_not_equal(o->count_offset, 0);
		if (o->kind == OPT_DURATION)
			assert_true(o->scale_ns == NS_PER_US || o->scale_ns == NS_PER_MS);
	}
}

/** A one-letter option that is also the first letter of a family could never be reached. */
static void names_are_unique_and_reachable(void **state)
{
	for (uint32_t i = 0; i < opt_table_n; i++) {
		const struct opt_spec *a = &opt_table[i];

		if (a->short_name)
			assert_in_range(strlen(a->short_name), 1, 2);
		for (uint32_t j = 0; j < opt_table_n; j++) {
			const struct opt_spec *b = &opt_table[j];

			if (i == j)
				continue;
			if (a->long_name && b->long_name)
				assert_string_not_equal(a->long_name, b->long_name);
			if (a->short_name && b->short_name) {
				assert_string_not_equal(a->short_name, b->short_name);
				if (strlen(a->short_name) == 1)
					assert_int_not_equal(a->short_name[0], b->short_name[0]);
			}
		}
	}
}

static void packet_backends_are_the_registry(void **state)
{
	uint32_t n = 0;

	assert_string_equal(opt_tx_backends[TX_AUTO], "auto");
	for (uint32_t i = TX_AUTO + 1; i < TX_BACKEND_N; i++)
		assert_non_null(pktio_find(opt_tx_backends[i]));
	while (pktio_backends[n])
		n++;
	assert_int_equal(n, TX_BACKEND_N - 1);
	assert_string_equal(opt_tx_backends[TX_RAWIP], "rawip");
	assert_string_equal(opt_tx_backends[TX_AFPACKET], "afpacket");
	assert_string_equal(opt_tx_backends[TX_AFXDP], "afxdp");
	assert_string_equal(opt_tx_backends[TX_AFXDP_ZC], "afxdp-zc");
	assert_string_equal(opt_tx_backends[TX_TXRING], "txring");
	assert_string_equal(opt_connect_backends[CONNECT_AUTO], "auto");
	assert_string_equal(opt_connect_backends[CONNECT_IO_URING], "io_uring");
	assert_string_equal(opt_connect_backends[CONNECT_EPOLL], "epoll");
}

/** Bad values that follow from kind and bounds. @return how many. */
static uint32_t bad_values(const struct opt_spec *o, char out[VALUES_MAX][64])
{
	uint32_t n = 0;

	switch (o->kind) {
	case OPT_UINT:
		snprintf(out[n++], 64, "fast");
		snprintf(out[n++], 64, "-1");
		snprintf(out[n++], 64, "1x");
		snprintf(out[n++], 64, "%s", "");
		snprintf(out[n++], 64, "18446744073709551616");
		if (o->max < UINT64_MAX)
			snprintf(out[n++], 64, "%" PRIu64, o->max + 1);
		if (o->min > 0 && !o->zero)
			snprintf(out[n++], 64, "%" PRIu64, o->min - 1);
		break;
	case OPT_DURATION:
		snprintf(out[n++], 64, "soon");
		snprintf(out[n++], 64, "5 s");
		snprintf(out[n++], 64, ".");
		snprintf(out[n++], 64, "1e3");
		snprintf(out[n++], 64, "99999999999999999999h");
		snprintf(out[n++], 64, "%.6fms", (double)(o->min - 1) * (double)o->scale_ns / 1e6);
		snprintf(out[n++], 64, "%.6fms", (double)(o->max + 1) * (double)o->scale_ns / 1e6);
		break;
	case OPT_RATIO:
		for (const char *const *s = (const char *const[]){"0", "1", "1.5", "nan", "1e-3",
								  "0.5.5", "", NULL};
		     *s; s++)
			snprintf(out[n++], 64, "%s", *s);
		break;
	case OPT_CHOICE:
		snprintf(out[n++], 64, "%sx", o->choices[0]);
		snprintf(out[n++], 64, "%.2s", o->choices[0]);
		snprintf(out[n++], 64, "%s", "");
		break;
	case OPT_ADDR:
		snprintf(out[n++], 64, "1.2.3");
		snprintf(out[n++], 64, "::g");
		break;
	case OPT_SHARE:
		for (const char *const *s = (const char *const[]){"1", "0/4", "5/4", "1/0", "/",
								  "1/", "a/4", "1/99999999", NULL};
		     *s; s++)
			snprintf(out[n++], 64, "%s", *s);
		break;
	case OPT_PATH:
		snprintf(out[n++], 64, "-oX");
		if (!o->is_stdio_ok)
			snprintf(out[n++], 64, "-");
		snprintf(out[n++], 64, "%s", "");
		break;
	default:
		snprintf(out[n++], 64, "%s", "");
		break;
	}
	return n;
}

static void bad_values_are_refused_by_name_and_form(void **state)
{
	for (uint32_t i = 0; i < opt_table_n; i++) {
		const struct opt_spec *o = &opt_table[i];
		char values[VALUES_MAX][64], shown[68];
		struct opt_error err;
		struct config c;

		if (!opt_takes_value(o) || o->absent)
			continue;
		for (uint32_t v = 0, n = bad_values(o, values); v < n; v++) {
			int rc = parse_one(o, values[v], &c, &err);

			config_fini(&c);
			if (rc != -E_SYNTAX && rc != -E_RANGE)
				fail_msg("%s accepted \"%s\" (%d)", spelling(o), values[v], rc);
			snprintf(shown, sizeof(shown), "\"%.63s\"", values[v]);
			assert_true(strncmp(err.text, spelling(o), strlen(spelling(o))) == 0);
			assert_non_null(strstr(err.text, shown));
			assert_non_null(strstr(err.text, ": want "));
		}
	}
}

/** The last word of the line is an option that takes a value. */
static void missing_values_are_refused(void **state)
{
	for (uint32_t i = 0; i < opt_table_n; i++) {
		const struct opt_spec *o = &opt_table[i];
		char *argv[] = {"prtip", "127.0.0.1", (char *)spelling(o), NULL};
		struct opt_error err;
		struct config c;

		if (!opt_takes_value(o) || o->absent)
			continue;
		assert_int_equal(options_parse(3, argv, &c, &err), -E_SYNTAX);
		config_fini(&c);
		assert_non_null(strstr(err.text, spelling(o)));
		assert_non_null(strstr(err.text, "value missing; want "));
	}
}

static void flags_refuse_values(void **state)
{
	for (uint32_t i = 0; i < opt_table_n; i++) {
		char word[64], *argv[] = {"prtip", word, "127.0.0.1", NULL};
		struct opt_error err;
		struct config c;

		if (opt_table[i].kind != OPT_FLAG || !opt_table[i].long_name)
			continue;
		snprintf(word, sizeof(word), "--%s=1", opt_table[i].long_name);
		assert_int_equal(options_parse(3, argv, &c, &err), -E_SYNTAX);
		config_fini(&c);
		assert_non_null(strstr(err.text, "want no value"));
	}
}

/** Reads an unsigned field of any size. */
static uint64_t field_value(const struct config *c, const struct opt_spec *o)
{
	uint64_t v = 0;

	memcpy(&v, (const uint8_t *)c + o->offset, o->size);
	return v;
}

/** Both ends of every numeric row, and 0 where the row gives it a meaning, arrive in the field. */
static void bounds_are_stored(void **state)
{
	for (uint32_t i = 0; i < opt_table_n; i++) {
		const struct opt_spec *o = &opt_table[i];
		uint64_t values[] = {o->min, o->max, 0};

		if (o->kind != OPT_UINT)
			continue;
		for (size_t v = 0; v < (o->zero ? 3 : 2); v++) {
			struct opt_error err;
			struct config c;
			char text[24];

			snprintf(text, sizeof(text), "%" PRIu64, values[v]);
			assert_int_equal(parse_one(o, text, &c, &err), 0);
			assert_true(field_value(&c, o) == values[v]);
			config_fini(&c);
		}
	}
}

static void flags_store_their_value(void **state)
{
	for (uint32_t i = 0; i < opt_table_n; i++) {
		const struct opt_spec *o = &opt_table[i];
		struct opt_error err;
		struct config c;

		if (o->kind != OPT_FLAG)
			continue;
		assert_int_equal(parse_one(o, NULL, &c, &err), 0);
		assert_true(field_value(&c, o) == o->value);
		config_fini(&c);
	}
}

static void defaults_come_from_the_table(void **state)
{
	struct config c;

	config_init(&c);
	for (uint32_t i = 0; i < opt_table_n; i++)
		if (opt_table[i].kind == OPT_UINT || opt_table[i].kind == OPT_DURATION)
			assert_true(field_value(&c, &opt_table[i]) == opt_table[i].dflt);
	assert_int_equal(c.initial_rto_us, 1000000);
	assert_int_equal(c.min_rto_us, 25000);
	assert_int_equal(c.max_rto_us, 10000000);
	assert_int_equal(c.max_retries, 10);
	config_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(fields_fit_their_kind),
		cmocka_unit_test(names_are_unique_and_reachable),
		cmocka_unit_test(packet_backends_are_the_registry),
		cmocka_unit_test(bad_values_are_refused_by_name_and_form),
		cmocka_unit_test(missing_values_are_refused),
		cmocka_unit_test(flags_refuse_values),
		cmocka_unit_test(bounds_are_stored),
		cmocka_unit_test(flags_store_their_value),
		cmocka_unit_test(defaults_come_from_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
