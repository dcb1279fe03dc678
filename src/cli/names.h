/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PTR names for hosts: a subscriber that asks the resolver when a host has been scanned and
 * publishes EVENT_HOST_NAMED with what it learned, or with nothing. Thread: owner.
 */
#pragma once

#include "event/bus.h"

struct names;
/** @param wants_all also names of hosts that are down (-R). @return owned, or NULL: no memory, no
 * slot on the bus. Without a resolver every name is "none". */
struct names *names_new(struct bus *bus, bool wants_all) MUST_CHECK;
void names_free(struct names *n);
/** Do what is ready; wait at most @p wait_ms. @return lookups still under way. */
uint32_t names_poll(struct names *n, uint32_t wait_ms);
