/*
 * varint.h
 *		Numbers of 64 bits in 1 to 10 bytes: base 128, lowest seven bits first.
 *
 * A cursor reads bytes that may be anything: after a problem every read gives 0, and
 * the first problem sticks.
 */
#ifndef TOPOLOGY_STORE_VARINT_H
#define TOPOLOGY_STORE_VARINT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VARINT_MAX 10

typedef struct varint_cursor
{
	const uint8_t *next;
	const uint8_t *end;
	const char *problem; /* NULL, or the rest of a sentence about the bytes */
} varint_cursor;

static inline uint8_t *
varint_write(uint8_t *out, uint64_t number)
{
	while (number >= 0x80)
	{
		*out++ = (uint8_t) (number | 0x80);
		number >>= 7;
	}
	*out++ = (uint8_t) number;
	return out;
}

/* What takes more than three bytes, or is near the end. */
extern uint64_t varint_read_long(varint_cursor *in);

static inline uint64_t
varint_read(varint_cursor *in)
{
	const uint8_t *at = in->next;
	uint64_t number;

	if (in->end - at < 3)
		return varint_read_long(in);
	number = at[0] & 0x7f;
	in->next = at + 1;
	if (at[0] < 0x80)
		return number;
	number |= (uint64_t) (at[1] & 0x7f) << 7;
	in->next = at + 2;
	if (at[1] < 0x80)
		return number;
	number |= (uint64_t) (at[2] & 0x7f) << 14;
	in->next = at + 3;
	if (at[2] < 0x80)
		return number;
	in->next = at;
	return varint_read_long(in);
}

/* Pass over so many numbers, without a look at how long they are. */
static inline void
varint_skip(varint_cursor *in, int count)
{
	const uint8_t *at = in->next;

	/* of four bytes no more than four numbers end: all of them are passed over */
	while (count > 4 && in->end - at >= 4)
	{
		uint32_t bytes;

		memcpy(&bytes, at, 4);
		count -= 4 - (int) (((bytes >> 7 & 0x01010101) * 0x01010101) >> 24);
		at += 4;
	}
	while (count > 0 && at < in->end)
		count -= *at++ < 0x80;
	if (count > 0 && in->problem == NULL)
		in->problem = "ends within a window";
	in->next = at;
}

/* Small numbers of either sign to small ones without. */
static inline uint64_t
zigzag(int64_t number)
{
	return ((uint64_t) number << 1) ^ (number < 0 ? UINT64_MAX : 0);
}

static inline int64_t
unzigzag(uint64_t number)
{
	return (int64_t) ((number >> 1) ^ ((number & 1) ? UINT64_MAX : 0));
}

/* a - b and a + b, modulo 2^64. */
static inline int64_t
wrapped_difference(int64_t a, int64_t b)
{
	return (int64_t) ((uint64_t) a - (uint64_t) b);
}

static inline int64_t
wrapped_sum(int64_t a, int64_t b)
{
	return (int64_t) ((uint64_t) a + (uint64_t) b);
}

#endif /* TOPOLOGY_STORE_VARINT_H */
