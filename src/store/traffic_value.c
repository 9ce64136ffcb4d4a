/*
 * traffic_value.c
 *		What flowed over an edge in a window: adding, merging, and its bytes.
 *
 * traffic_value.h describes the bytes.  Decoding trusts nothing: each read is
 * checked against the end, and the first problem sticks.
 */
#include "store/traffic_value.h"

#include <string.h>

#include "store/varint.h"

/* The mask's bit of the sketch's zero bucket, and the mask with all bits. */
#define ZERO_BIT TRAFFIC_COUNTERS
#define MASK_ALL ((INT64_C(1) << (ZERO_BIT + 1)) - 1)

void
traffic_value_init_with(traffic_value *value, sketch_allocator allocator)
{
	memset(value->counters, 0, sizeof(value->counters));
	sketch_init(&value->latency, allocator);
}

void
traffic_value_clear(traffic_value *value)
{
	memset(value->counters, 0, sizeof(value->counters));
	sketch_clear(&value->latency);
}

void
traffic_value_add(traffic_value *value, traffic_counter counter, uint64_t amount)
{
	int64_t bounded = amount > INT64_MAX ? INT64_MAX : (int64_t) amount;

	value->counters[counter] = saturated_sum(value->counters[counter], bounded);
}

bool
traffic_value_add_latency(traffic_value *value, int64_t ns, int64_t count)
{
	int64_t sum;

	if (count <= 0)
		return true;
	if (ns < 0)
		ns = 0;
	if (!sketch_add(&value->latency, ns, count))
		return false;
	if (__builtin_mul_overflow(ns, count, &sum))
		sum = INT64_MAX;
	traffic_value_add(value, TRAFFIC_LATENCY_SUM_NS, (uint64_t) sum);
	return true;
}

bool
traffic_value_merge(traffic_value *into, const traffic_value *from)
{
	if (!sketch_merge(&into->latency, &from->latency))
		return false;
	for (int i = 0; i < TRAFFIC_COUNTERS; i++)
		into->counters[i] = saturated_sum(into->counters[i], from->counters[i]);
	return true;
}

static void
swap_counters(traffic_value *value, traffic_counter a, traffic_counter b)
{
	int64_t kept = value->counters[a];

	value->counters[a] = value->counters[b];
	value->counters[b] = kept;
}

void
traffic_value_reverse(traffic_value *value)
{
	swap_counters(value, TRAFFIC_BYTES_SENT, TRAFFIC_BYTES_RECEIVED);
	swap_counters(value, TRAFFIC_PACKETS_SENT, TRAFFIC_PACKETS_RECEIVED);
}

static uint64_t
presence_mask(const traffic_value *value)
{
	uint64_t mask = 0;

	for (int i = 0; i < TRAFFIC_COUNTERS; i++)
		mask |= (uint64_t) (value->counters[i] != 0) << i;
	return mask | (uint64_t) (value->latency.zero != 0) << ZERO_BIT;
}

size_t
traffic_value_encoded_max(const traffic_value *value)
{
	return TRAFFIC_HEADER_MAX + (size_t) value->latency.bucket_count * TRAFFIC_PAIR_MAX;
}

uint8_t *
traffic_value_encode_buckets(const traffic_value *value, uint8_t *out)
{
	int next = SKETCH_INDEX_MIN;

	for (uint32_t i = 0; i < value->latency.bucket_count; i++)
	{
		const sketch_bucket *bucket = &value->latency.buckets[i];

		out = varint_write(out, (uint64_t) (bucket->index - next));
		out = varint_write(out, (uint64_t) bucket->count);
		next = bucket->index + 1;
	}
	return out;
}

static size_t
varint_length(uint64_t number)
{
	return 1 + (size_t) (63 - __builtin_clzll(number | 1)) / 7;
}

size_t
traffic_value_buckets_length(const traffic_value *value)
{
	size_t length = 0;
	int next = SKETCH_INDEX_MIN;

	for (uint32_t i = 0; i < value->latency.bucket_count; i++)
	{
		const sketch_bucket *bucket = &value->latency.buckets[i];

		length += varint_length((uint64_t) (bucket->index - next));
		length += varint_length((uint64_t) bucket->count);
		next = bucket->index + 1;
	}
	return length;
}

size_t
traffic_value_encode(const traffic_value *value, uint8_t *out)
{
	uint8_t *start = out;

	*out++ = TRAFFIC_FORMAT_VERSION;
	out = varint_write(out, presence_mask(value));
	for (int i = 0; i < TRAFFIC_COUNTERS; i++)
	{
		if (value->counters[i] != 0)
			out = varint_write(out, (uint64_t) value->counters[i]);
	}
	if (value->latency.zero != 0)
		out = varint_write(out, (uint64_t) value->latency.zero);
	return (size_t) (traffic_value_encode_buckets(value, out) - start);
}

/* Where decoding stands.  After a problem every read gives 0. */
typedef struct reader
{
	const uint8_t *next;
	const uint8_t *end;
	const char *problem;
} reader;

static int64_t
fail(reader *in, const char *problem)
{
	if (in->problem == NULL)
		in->problem = problem;
	return 0;
}

static const char *
fail_text(reader *in, const char *problem)
{
	fail(in, problem);
	return in->problem;
}

static int64_t
read_varint(reader *in)
{
	int64_t number = 0;

	for (int shift = 0; shift < 7 * TRAFFIC_VARINT_MAX; shift += 7)
	{
		uint8_t byte;

		if (in->problem != NULL || in->next == in->end)
			return fail(in, "ends within a number");
		byte = *in->next++;
		number |= (int64_t) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			if (byte == 0 && shift > 0)
				return fail(in, "holds a number that is not in its shortest form");
			return number;
		}
	}
	return fail(in, "holds a number that is too large");
}

/* A number that would not be there if it were zero. */
static int64_t
read_present(reader *in)
{
	int64_t number = read_varint(in);

	return number > 0 ? number : fail(in, "holds a zero that its form leaves out");
}

static void
read_counters(reader *in, int64_t counters[TRAFFIC_COUNTERS], int64_t *zero)
{
	int64_t mask;

	if (in->next == in->end)
		fail(in, "is empty");
	else if (*in->next++ != TRAFFIC_FORMAT_VERSION)
		fail(in, "is of an unknown version");
	mask = read_varint(in);
	if (mask & ~MASK_ALL)
		fail(in, "holds an unknown counter");
	for (int i = 0; i < TRAFFIC_COUNTERS; i++)
		counters[i] = mask & (INT64_C(1) << i) ? read_present(in) : 0;
	*zero = mask & (INT64_C(1) << ZERO_BIT) ? read_present(in) : 0;
}

static void
read_buckets(reader *in, sketch *latency)
{
	size_t pairs = (size_t) (in->end - in->next) / 2;
	int64_t next = SKETCH_INDEX_MIN;

	if (!sketch_reserve(latency,
						pairs > SKETCH_BUCKETS_MAX ? SKETCH_BUCKETS_MAX : (uint32_t) pairs))
		fail(in, "does not fit into memory");
	while (in->problem == NULL && in->next < in->end)
	{
		int64_t skipped = read_varint(in);
		int64_t count = read_present(in);

		if (skipped > SKETCH_INDEX_MAX - next)
			fail(in, "holds a latency bucket out of range");
		if (in->problem != NULL)
			return;
		next += skipped + 1;
		latency->buckets[latency->bucket_count++] =
			(sketch_bucket){.index = (int32_t) next - 1, .count = count};
	}
}

const char *
traffic_value_decode(const uint8_t *data, size_t length, traffic_value *value)
{
	reader in = {data, data + length, NULL};

	read_counters(&in, value->counters, &value->latency.zero);
	if (in.problem == NULL)
		read_buckets(&in, &value->latency);
	return in.problem;
}

const char *
traffic_value_decode_counters(const uint8_t *data, size_t length,
							  int64_t counters[TRAFFIC_COUNTERS])
{
	reader in = {data, data + length, NULL};
	int64_t zero;

	read_counters(&in, counters, &zero);
	return in.problem;
}

const char *
traffic_value_decode_buckets(const uint8_t *data, size_t length, sketch *latency)
{
	reader in = {data, data + length, NULL};
	int64_t next = SKETCH_INDEX_MIN;

	while (in.problem == NULL && in.next < in.end)
	{
		int64_t skipped = read_varint(&in);
		int64_t count = read_present(&in);

		if (skipped > SKETCH_INDEX_MAX - next)
			return fail_text(&in, "holds a latency bucket out of range");
		if (in.problem != NULL)
			break;
		next += skipped + 1;
		if (!sketch_add_bucket(latency, (int) next - 1, count))
			return fail_text(&in, "does not fit into memory");
	}
	return in.problem;
}
