/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each format shows of the OS test of a finished host; nothing when there was none. */
#pragma once

#include "out/out.h"

void os_put_normal(struct buf *b, const struct view *v);
void os_put_xml(struct buf *b, const struct view *v);
/** Fields of the Ports line. */
void os_put_grepable(struct buf *b, const struct view *v);
/** One record of type "os". */
void os_put_json(struct buf *b, const struct view *v);
