/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Vendor of a MAC address from nmap-mac-prefixes when installed, read at the first question. */
#pragma once

#include "wire/addr.h"

struct vendor;
/** @param v lazily opened handle, NULL at first. @return the vendor, borrowed until the next call,
 * or NULL. */
const char *vendor_name(struct vendor **v, const struct mac *mac);
void vendor_free(struct vendor *v);
