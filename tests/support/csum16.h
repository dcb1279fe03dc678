/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Internet checksum as RFC 1071 words it, byte by byte: slow, obvious, independent of src/wire.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** One's-complement sum of big-endian 16-bit words, folded; @p sum continues an earlier call of
 * even length. */
static inline uint16_t csum16(uint16_t sum, const uint8_t *p, size_t len)
{
	uint32_t s = sum;

	for (size_t i = 0; i < len; i++) {
		s += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		s = (s & 0xffff) + (s >> 16);
	}
	return (uint16_t)s;
}

/** Sum of pseudo header and segment: 0xffff when the checksum inside is right. @param addr_len 4
 * or 16. */
static inline uint16_t csum16_segment(const uint8_t *src, const uint8_t *dst, size_t addr_len,
				      uint8_t proto, const uint8_t *segment, size_t len)
{
	const uint8_t tail[6] = {0, proto, 0, 0, (uint8_t)(len >> 8), (uint8_t)len};
	uint16_t sum = csum16(csum16(0, src, addr_len), dst, addr_len);

	return csum16(csum16(sum, tail, sizeof(tail)), segment, len);
}
