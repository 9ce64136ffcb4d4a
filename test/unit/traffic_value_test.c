/*
 * traffic_value_test.c
 *		The bytes of traffic: what is written is read back, and only that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/traffic_value.h"

/* xorshift64: the same numbers in every run. */
static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void
fill_at_random(traffic_value *value, uint64_t *state)
{
	int latencies = (int) (next_random(state) % 40);

	for (int i = 0; i < TRAFFIC_COUNTERS; i++)
	{
		if (next_random(state) % 2 == 0)
			traffic_value_add(value, (traffic_counter) i,
							  next_random(state) >> (next_random(state) % 64));
	}
	for (int i = 0; i < latencies; i++)
	{
		int64_t ns = (int64_t) (next_random(state) >> (1 + next_random(state) % 63));

		assert_true(traffic_value_add_latency(value, ns, 1 + i));
	}
}

/* Decode bytes that lie in memory of just their size, so that a read beyond is seen. */
static const char *
decode(const uint8_t *bytes, size_t length, traffic_value *value)
{
	uint8_t *copy = malloc(length);
	const char *problem;

	if (length > 0)
		memcpy(copy, bytes, length);
	traffic_value_init_with(value, sketch_allocator_malloc);
	problem = traffic_value_decode(copy, length, value);
	free(copy);
	return problem;
}

static void
assert_refused(const char *bytes, size_t length, const char *expected)
{
	traffic_value value;

	assert_string_equal(decode((const uint8_t *) bytes, length, &value), expected);
	traffic_value_clear(&value);
}

static void
a_value_is_read_back_as_it_was_written(void **unused)
{
	uint64_t state = 5;

	for (int round = 0; round < 20000; round++)
	{
		uint8_t bytes[TRAFFIC_ENCODED_MAX];
		uint8_t again[TRAFFIC_ENCODED_MAX];
		int64_t counters[TRAFFIC_COUNTERS];
		traffic_value value;
		traffic_value copy;
		size_t length;

		traffic_value_init_with(&value, sketch_allocator_malloc);
		fill_at_random(&value, &state);
		length = traffic_value_encode(&value, bytes);
		assert_true(length <= traffic_value_encoded_max(&value));
		assert_null(decode(bytes, length, &copy));
		assert_memory_equal(copy.counters, value.counters, sizeof(value.counters));
		assert_int_equal(sketch_count(&copy.latency), sketch_count(&value.latency));
		assert_int_equal(traffic_value_encode(&copy, again), length);
		assert_memory_equal(again, bytes, length);
		assert_null(traffic_value_decode_counters(bytes, length, counters));
		assert_memory_equal(counters, value.counters, sizeof(counters));
		traffic_value_clear(&value);
		traffic_value_clear(&copy);
	}
}

static void
the_greatest_value_fits_its_bound(void **unused)
{
	uint8_t *bytes = malloc(TRAFFIC_ENCODED_MAX);
	traffic_value value;
	traffic_value copy;
	size_t length;

	traffic_value_init_with(&value, sketch_allocator_malloc);
	for (int i = 0; i < TRAFFIC_COUNTERS; i++)
		traffic_value_add(&value, (traffic_counter) i, UINT64_MAX);
	for (int index = SKETCH_INDEX_ZERO; index <= SKETCH_INDEX_MAX; index++)
		assert_true(sketch_add_bucket(&value.latency, index, INT64_MAX));
	length = traffic_value_encode(&value, bytes);
	assert_true(length <= TRAFFIC_ENCODED_MAX);
	assert_null(decode(bytes, length, &copy));
	assert_int_equal(copy.latency.bucket_count, SKETCH_BUCKETS_MAX);
	assert_int_equal(copy.counters[TRAFFIC_ERRORS], INT64_MAX);
	free(bytes);
	traffic_value_clear(&value);
	traffic_value_clear(&copy);
}

static void
each_way_to_be_wrong_is_told(void **unused)
{
	assert_refused("", 0, "is empty");
	assert_refused("\x02\x00", 2, "is of an unknown version");
	assert_refused("\x01", 1, "ends within a number");
	assert_refused("\x01\x80", 2, "ends within a number");
	assert_refused("\x01\x01", 2, "ends within a number");
	assert_refused("\x01\x80\x40", 3, "holds an unknown counter");
	assert_refused("\x01\x80\x00", 3, "holds a number that is not in its shortest form");
	assert_refused("\x01\x01\x85\x00", 4, "holds a number that is not in its shortest form");
	assert_refused("\x01\x01\x00", 3, "holds a zero that its form leaves out");
	assert_refused("\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12,
				   "holds a number that is too large");
	assert_refused("\x01\x00\x05", 3, "ends within a number");
	assert_refused("\x01\x00\x05\x00", 4, "holds a zero that its form leaves out");
	assert_refused("\x01\x00\xac\x0e\x01", 5, "holds a latency bucket out of range");
	assert_refused("\x01\x00\xab\x0e\x01\x00\x01", 7, "holds a latency bucket out of range");
	assert_refused("\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x01", 12,
				   "holds a latency bucket out of range");
}

/* Either refused, or exactly what encoding it again gives: there is no second form. */
static void
damaged_bytes_are_refused_or_canonical(void **unused)
{
	uint64_t state = 11;
	int refused = 0;

	for (int round = 0; round < 50000; round++)
	{
		uint8_t bytes[TRAFFIC_ENCODED_MAX];
		uint8_t again[TRAFFIC_ENCODED_MAX];
		traffic_value value;
		size_t length;

		traffic_value_init_with(&value, sketch_allocator_malloc);
		fill_at_random(&value, &state);
		length = traffic_value_encode(&value, bytes);
		traffic_value_clear(&value);
		bytes[next_random(&state) % length] = (uint8_t) next_random(&state);
		length -= next_random(&state) % 3 == 0 ? next_random(&state) % length : 0;
		if (decode(bytes, length, &value) != NULL)
			refused++;
		else
		{
			assert_int_equal(traffic_value_encode(&value, again), length);
			assert_memory_equal(again, bytes, length);
		}
		traffic_value_clear(&value);
	}
	assert_in_range(refused, 1000, 49000);
}

static void
additions_stay_at_the_maximum(void **unused)
{
	traffic_value value;
	traffic_value other;

	traffic_value_init_with(&value, sketch_allocator_malloc);
	traffic_value_init_with(&other, sketch_allocator_malloc);
	traffic_value_add(&value, TRAFFIC_BYTES_SENT, UINT64_MAX);
	assert_int_equal(value.counters[TRAFFIC_BYTES_SENT], INT64_MAX);
	traffic_value_add(&other, TRAFFIC_BYTES_SENT, 1);
	assert_true(traffic_value_add_latency(&other, INT64_C(1) << 40, INT64_C(1) << 40));
	assert_true(traffic_value_add_latency(&other, -7, 1));
	assert_true(traffic_value_merge(&value, &other));
	assert_int_equal(value.counters[TRAFFIC_BYTES_SENT], INT64_MAX);
	assert_int_equal(value.counters[TRAFFIC_LATENCY_SUM_NS], INT64_MAX);
	assert_int_equal(value.latency.zero, 1);
	traffic_value_clear(&value);
	traffic_value_clear(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_read_back_as_it_was_written),
		cmocka_unit_test(the_greatest_value_fits_its_bound),
		cmocka_unit_test(each_way_to_be_wrong_is_told),
		cmocka_unit_test(damaged_bytes_are_refused_or_canonical),
		cmocka_unit_test(additions_stay_at_the_maximum),
	};

	return cmocka_run_group_tests_name("traffic_value", tests, NULL, NULL);
}
