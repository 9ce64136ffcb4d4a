/*
 * bytes.h
 *		Eight bytes of a text at once: which of them is special?
 *
 * A word has the first byte lowest, on every machine.  Marks are the high bits of
 * the bytes that a question is true of.  Above the first mark there may be false
 * ones, so only these are asked: are there any, and which is the first?
 */
#ifndef TOPOLOGY_FLOW_BYTES_H
#define TOPOLOGY_FLOW_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FLOW_BYTES_SIZE  sizeof(uint64_t)
#define FLOW_BYTES_ONES  UINT64_C(0x0101010101010101)
#define FLOW_BYTES_HIGHS (FLOW_BYTES_ONES << 7)

/* Of the eight bytes at text. */
static inline uint64_t
flow_bytes_load(const char *text)
{
	uint64_t word;

	memcpy(&word, text, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* Marks of bytes that are below limit, which is at most 0x80. */
static inline uint64_t
flow_bytes_below(uint64_t word, uint8_t limit)
{
	return (word - FLOW_BYTES_ONES * limit) & ~word & FLOW_BYTES_HIGHS;
}

/* Marks of bytes that are byte. */
static inline uint64_t
flow_bytes_equal(uint64_t word, uint8_t byte)
{
	return flow_bytes_below(word ^ FLOW_BYTES_ONES * byte, 1);
}

/* Marks of bytes that are no ASCII. */
static inline uint64_t
flow_bytes_high(uint64_t word)
{
	return word & FLOW_BYTES_HIGHS;
}

/* The place of the first mark; there is one. */
static inline size_t
flow_bytes_first(uint64_t marks)
{
	return (size_t) __builtin_ctzll(marks) / 8;
}

#endif /* TOPOLOGY_FLOW_BYTES_H */
