/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS endpoints and certificates as the formats show them. */
#pragma once

#include "base/buf.h"
#include "event/event.h"

/** The block under a port line, as scripts of nmap print theirs. */
void tlstext_put_normal(struct buf *b, const struct tls_facts *t);
/** <script> elements in the structure of nmap's ssl-cert and ssl-enum-ciphers, and one of ours. */
void tlstext_put_xml(struct buf *b, const struct tls_facts *t);
/** Members of a JSON object, each with a comma before it. */
void tlstext_put_json(struct buf *b, const struct tls_facts *t);
void tlstext_put_json_cert(struct buf *b, const struct tls_facts *t, uint32_t cert_idx);
