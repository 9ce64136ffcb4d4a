/*
 * traffic_value.h
 *		What flowed over an edge in a window: counters and a latency sketch.
 *
 * The expanded form, for code that adds and merges, and the bytes that it is
 * stored and sent as.  Everything is a non-negative integer that is only added
 * to, and additions stay at INT64_MAX instead of passing it, so values merge in
 * any order and grouping to the same value (sketch.h says why).
 *
 * The bytes, version 1; a varint is base 128, lowest seven bits first, in its
 * shortest form, at most INT64_MAX (nine bytes):
 *		byte		version
 *		varint		mask: bit i says that counter i is there, bit
 *					TRAFFIC_COUNTERS that the sketch's zero bucket is
 *		varints		those counters and the zero bucket, each at least 1, in
 *					the order of their bits
 *		pairs		to the end, one for each bucket by ascending index: a varint
 *					of the buckets skipped since the one before, a varint of
 *					the count, at least 1
 * Indexes ascend, so their differences need no sign.  A value has exactly one
 * such form: equal values have equal bytes.  No length is stored, so none can
 * lie.
 *
 * Size: 2 bytes, and 1 to 9 a counter, and 2 to 11 a bucket (mostly 2 or 3): an
 * edge with connections and bytes takes 8 to 16 bytes, 100 buckets about 250,
 * the greatest value possible less than TRAFFIC_ENCODED_MAX.
 *
 * Nothing here knows PostgreSQL.
 */
#ifndef TOPOLOGY_STORE_TRAFFIC_VALUE_H
#define TOPOLOGY_STORE_TRAFFIC_VALUE_H

#include "store/sketch.h"

/* The numbers are those of the mask's bits: add at the end only, with a new version. */
typedef enum traffic_counter
{
	TRAFFIC_CONNECTIONS = 0, /* opened */
	TRAFFIC_FAILED = 1,      /* attempts to connect that came to nothing */
	TRAFFIC_BYTES_SENT = 2,  /* by the caller */
	TRAFFIC_BYTES_RECEIVED = 3,
	TRAFFIC_PACKETS_SENT = 4,
	TRAFFIC_PACKETS_RECEIVED = 5,
	TRAFFIC_RETRANSMITS = 6,
	TRAFFIC_REQUESTS = 7,
	TRAFFIC_ERRORS = 8,          /* requests that failed */
	TRAFFIC_RTT_SUM_US = 9,      /* with the next, the mean round-trip time, */
	TRAFFIC_RTT_SAMPLES = 10,    /* which stays mergeable so */
	TRAFFIC_LATENCY_SUM_NS = 11, /* of the requests whose latency is in the sketch */
	TRAFFIC_COUNTERS = 12
} traffic_counter;

#define TRAFFIC_FORMAT_VERSION 1

#define TRAFFIC_VARINT_MAX 9
#define TRAFFIC_HEADER_MAX (1 + 2 + (TRAFFIC_COUNTERS + 1) * TRAFFIC_VARINT_MAX)
#define TRAFFIC_PAIR_MAX   (2 + TRAFFIC_VARINT_MAX)

/* No value takes more bytes than this. */
#define TRAFFIC_ENCODED_MAX (TRAFFIC_HEADER_MAX + SKETCH_BUCKETS_MAX * TRAFFIC_PAIR_MAX)

/*
 * The expanded form.  Read the members as you like; counters are never
 * negative.  The sketch owns its buckets' memory, nothing else is allocated.
 */
typedef struct traffic_value
{
	int64_t counters[TRAFFIC_COUNTERS];
	sketch latency;
} traffic_value;

/* An empty value, which holds no memory until it is given a latency. */
extern void traffic_value_init_with(traffic_value *value, sketch_allocator allocator);

/* Give the memory back; the value is empty and may be used again. */
extern void traffic_value_clear(traffic_value *value);

/* Add to a counter; an amount beyond INT64_MAX counts as INT64_MAX. */
extern void traffic_value_add(traffic_value *value, traffic_counter counter, uint64_t amount);

/*
 * Count a latency of ns nanoseconds count times, in the sketch and in the sum.
 * Negative counts as 0; count <= 0 adds nothing.  False: no memory, nothing
 * changed.
 *
 * Where the true sum is known, as with a histogram, use sketch_add() on
 * value->latency for each bar and add the sum to TRAFFIC_LATENCY_SUM_NS once.
 */
extern bool traffic_value_add_latency(traffic_value *value, int64_t ns, int64_t count);

/* Add all of from to into, which must be another value.  False: no memory, nothing changed. */
extern bool traffic_value_merge(traffic_value *into, const traffic_value *from);

/*
 * Turn a value as one end saw it into that of the other end: sent and received
 * change places.  All else is of the connection or the calls, and stays.
 */
extern void traffic_value_reverse(traffic_value *value);

/* An upper bound of what traffic_value_encode() will write, at most TRAFFIC_ENCODED_MAX. */
extern size_t traffic_value_encoded_max(const traffic_value *value);

/* Write the bytes to out, which has room for that bound; returns how many. */
extern size_t traffic_value_encode(const traffic_value *value, uint8_t *out);

/*
 * Read bytes into value, which must be empty.  Returns NULL, or what is wrong
 * with the bytes as the rest of a sentence that starts with "The value"; then
 * value may hold some of them.  Any bytes at all may be given, and only the
 * canonical form is taken.
 */
extern const char *traffic_value_decode(const uint8_t *data, size_t length, traffic_value *value);

/* The same for the counters alone: the buckets are neither read nor checked. */
extern const char *traffic_value_decode_counters(const uint8_t *data, size_t length,
												 int64_t counters[TRAFFIC_COUNTERS]);

/*
 * The latency buckets alone, as the pairs above: how many bytes they take, and writing
 * them (returns their end).
 */
extern size_t traffic_value_buckets_length(const traffic_value *value);
extern uint8_t *traffic_value_encode_buckets(const traffic_value *value, uint8_t *out);

/* Add buckets in that form to latency.  NULL, or what is wrong, as in traffic_value_decode(). */
extern const char *traffic_value_decode_buckets(const uint8_t *data, size_t length,
												sketch *latency);

#endif /* TOPOLOGY_STORE_TRAFFIC_VALUE_H */
