/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words for rows of field tables, and the tables of single structs. For those who make tables of
 * such structs: eventtab.c, facttab.c, out/dbtable.c. */
#pragma once

#include "event/fields.h"

/* clang-format off */
#define SIZE_OF(m)    sizeof(((T *)0)->m)
#define MEMBER(m)     .offset = offsetof(T, m), .size = SIZE_OF(m)
#define UINT(m)       .kind = FIELD_UINT, MEMBER(m)
#define KNOWN_UINT(m) .kind = FIELD_UINT, .is_known_unless0 = true, MEMBER(m)
#define INT(m)        .kind = FIELD_INT, MEMBER(m)
#define REAL(m)       .kind = FIELD_REAL, MEMBER(m)
#define BOOL(m)       .kind = FIELD_BOOL, MEMBER(m)
#define TEXT(m)       .kind = FIELD_TEXT, MEMBER(m)
#define NEED_TEXT(m)  .kind = FIELD_TEXT, .is_needed = true, MEMBER(m)
#define CHARS(m)      .kind = FIELD_CHARS, MEMBER(m)
#define TIME(m)       .kind = FIELD_TIME, MEMBER(m)
#define ADDR(m)       .kind = FIELD_ADDR, MEMBER(m)
#define PROTO(m)      .kind = FIELD_PROTO, MEMBER(m)
#define PORTS(m)      .kind = FIELD_PORTS, MEMBER(m)
#define STRUCT(m)     .kind = FIELD_STRUCT, MEMBER(m)
#define POINTER(m)    .kind = FIELD_POINTER, MEMBER(m)
#define NEED_POINTER(m) .kind = FIELD_POINTER, .is_needed = true, MEMBER(m)
#define WORD(m, w)    .kind = FIELD_WORD, .words = &(w), MEMBER(m)
#define COUNT(n)      .count_offset = offsetof(T, n), .count_size = SIZE_OF(n)
#define BYTES(m, n)   .kind = FIELD_BYTES, MEMBER(m), COUNT(n)
#define ARRAY(m, k)   .kind = FIELD_ARRAY, .elem = (k), MEMBER(m), .elem_size = SIZE_OF(m[0]), .cap = SIZE_OF(m) / SIZE_OF(m[0])
#define ARRAY_OF(m, n, k) ARRAY(m, k), COUNT(n)
#define LIST_OF(m, n, k)  .kind = FIELD_LIST, .elem = (k), MEMBER(m), .elem_size = SIZE_OF(m[0]), COUNT(n)
#define STRUCT_TABLE(t)   struct fields fields_##t = {#t, t##_f, ARRAY_LEN(t##_f), sizeof(struct t)}
/* clang-format on */

extern const struct fields fields_service_facts, fields_banner_facts, fields_os_facts,
	fields_tls_facts, fields_cert_info;
extern const struct fields fields_ev_scan_completed, fields_ev_host, fields_ev_port,
	fields_ev_evidence, fields_ev_service, fields_ev_banner, fields_ev_os, fields_ev_tls,
	fields_ev_rate_limit;
