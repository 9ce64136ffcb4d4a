/*
 * sketch_test.c
 *		The sketch's promises: the error bound, and merging in any order.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/sketch.h"

/* 100 days, the end of the range whose error is bounded. */
#define RANGE_END_NS (INT64_C(100) * 86400 * 1000000000)

/* Rounding of the logarithm, on top of the bound. */
#define BOUND (SKETCH_ALPHA + 1e-9)

/* xorshift64: the same numbers in every run. */
static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Spread evenly over the magnitudes from 1 ns to 100 days. */
static int64_t
random_ns(uint64_t *state)
{
	double share = (double) (next_random(state) >> 11) / (double) (UINT64_C(1) << 53);

	return (int64_t) exp(share * log((double) RANGE_END_NS));
}

static void
assert_same(const sketch *a, const sketch *b)
{
	assert_int_equal(a->zero, b->zero);
	assert_int_equal(a->bucket_count, b->bucket_count);
	for (uint32_t i = 0; i < a->bucket_count; i++)
	{
		assert_int_equal(a->buckets[i].index, b->buckets[i].index);
		assert_int_equal(a->buckets[i].count, b->buckets[i].count);
	}
}

static void
assert_within_bound(double answer, int64_t truth)
{
	assert_true(fabs(answer - (double) truth) <= BOUND * (double) truth);
}

static int
compare_ns(const void *a, const void *b)
{
	int64_t left = *(const int64_t *) a;
	int64_t right = *(const int64_t *) b;

	return (left > right) - (left < right);
}

static void
every_bucket_answers_within_the_bound_over_the_whole_range(void **unused)
{
	uint64_t state = 1;

	for (int i = 0; i < 1000000; i++)
	{
		int64_t ns = random_ns(&state);

		assert_within_bound(sketch_index_ns(sketch_index(ns)), ns);
	}
	for (int64_t ns = 1; ns < 100000; ns++)
		assert_within_bound(sketch_index_ns(sketch_index(ns)), ns);
	assert_within_bound(sketch_index_ns(sketch_index(RANGE_END_NS)), RANGE_END_NS);
}

static void
indexes_ascend_from_1_ns_to_the_last_bucket_and_stay_there(void **unused)
{
	int before = sketch_index(1);

	assert_int_equal(before, SKETCH_INDEX_MIN);
	for (double ns = 2; ns < (double) RANGE_END_NS; ns *= 1.001)
	{
		int index = sketch_index((int64_t) ns);

		assert_true(index >= before);
		before = index;
	}
	assert_int_equal(sketch_index(RANGE_END_NS), SKETCH_INDEX_MAX);
	assert_int_equal(sketch_index(RANGE_END_NS * 2), SKETCH_INDEX_MAX);
	assert_int_equal(sketch_index(INT64_MAX), SKETCH_INDEX_MAX);
}

static void
what_is_below_1_ns_is_counted_in_the_zero_bucket(void **unused)
{
	sketch s;
	double ns = -1;

	sketch_init(&s, sketch_allocator_malloc);
	assert_true(sketch_add(&s, 0, 2));
	assert_true(sketch_add(&s, -5, 1));
	assert_true(sketch_add(&s, INT64_MIN, 1));
	assert_int_equal(s.zero, 4);
	assert_int_equal(s.bucket_count, 0);
	assert_int_equal(sketch_count(&s), 4);
	assert_true(sketch_quantile(&s, 1, &ns));
	assert_true(ns == 0);
}

static void
an_empty_sketch_has_no_quantile(void **unused)
{
	sketch s;
	double ns;

	sketch_init(&s, sketch_allocator_malloc);
	assert_true(sketch_add(&s, 100, 0));
	assert_true(sketch_add(&s, 100, -1));
	assert_int_equal(sketch_count(&s), 0);
	assert_false(sketch_quantile(&s, 0.5, &ns));
	assert_null(s.buckets);
}

static void
quantiles_are_within_the_bound_of_the_exact_ones(void **unused)
{
	enum
	{
		SAMPLES = 20011
	};
	static int64_t samples[SAMPLES];
	uint64_t state = 7;
	sketch s;

	sketch_init(&s, sketch_allocator_malloc);
	for (int i = 0; i < SAMPLES; i++)
	{
		samples[i] = random_ns(&state);
		assert_true(sketch_add(&s, samples[i], 1));
	}
	qsort(samples, SAMPLES, sizeof(samples[0]), compare_ns);
	for (int permille = 0; permille <= 1000; permille++)
	{
		double q = permille / 1000.0;
		int rank = (int) fmax(1, ceil(q * SAMPLES));
		double ns;

		assert_true(sketch_quantile(&s, q, &ns));
		assert_within_bound(ns, samples[rank - 1]);
	}
	sketch_clear(&s);
}

/* Deal samples to parts, then merge the parts in a random order. */
static void
merge_in_random_order(const int64_t *samples, int count, uint64_t *state, sketch *merged)
{
	enum
	{
		PARTS = 16
	};
	sketch parts[PARTS];

	for (int i = 0; i < PARTS; i++)
		sketch_init(&parts[i], sketch_allocator_malloc);
	for (int i = 0; i < count; i++)
		assert_true(sketch_add(&parts[next_random(state) % PARTS], samples[i], 1 + i % 3));
	for (int left = PARTS; left > 1; left--)
	{
		int into = (int) (next_random(state) % (uint64_t) left);
		sketch last = parts[left - 1];

		/* The last takes the place of the one drawn, or is the one drawn. */
		parts[left - 1] = parts[into];
		parts[into] = last;
		assert_true(
			sketch_merge(&parts[next_random(state) % (uint64_t) (left - 1)], &parts[left - 1]));
		sketch_clear(&parts[left - 1]);
	}
	*merged = parts[0];
}

static void
any_order_and_grouping_of_merges_gives_the_same_sketch(void **unused)
{
	int64_t samples[600];
	uint64_t state = 42;
	sketch straight;

	sketch_init(&straight, sketch_allocator_malloc);
	for (int i = 0; i < 600; i++)
	{
		samples[i] = i % 50 == 0 ? 0 : random_ns(&state);
		assert_true(sketch_add(&straight, samples[i], 1 + i % 3));
	}
	for (int round = 0; round < 500; round++)
	{
		sketch merged;

		merge_in_random_order(samples, 600, &state, &merged);
		assert_same(&merged, &straight);
		sketch_clear(&merged);
	}
	sketch_clear(&straight);
}

static void
counts_stay_at_the_maximum_in_any_order(void **unused)
{
	int64_t counts[3] = {INT64_MAX - 1, 5, INT64_MAX};
	sketch up;
	sketch down;
	double ns;

	sketch_init(&up, sketch_allocator_malloc);
	sketch_init(&down, sketch_allocator_malloc);
	for (int i = 0; i < 3; i++)
	{
		assert_true(sketch_add(&up, 1000, counts[i]));
		assert_true(sketch_add(&up, 0, counts[i]));
		assert_true(sketch_add(&down, 1000, counts[2 - i]));
		assert_true(sketch_add(&down, 0, counts[2 - i]));
	}
	assert_same(&up, &down);
	assert_true(sketch_merge(&up, &down));
	assert_same(&up, &down);
	assert_int_equal(up.buckets[0].count, INT64_MAX);
	assert_int_equal(up.zero, INT64_MAX);
	assert_int_equal(sketch_count(&up), INT64_MAX);
	assert_true(sketch_quantile(&up, 1, &ns));
	assert_within_bound(ns, 1000);
	sketch_clear(&up);
	sketch_clear(&down);
}

static void
a_sketch_never_has_more_than_its_bounded_number_of_buckets(void **unused)
{
	uint64_t state = 3;
	sketch s;

	sketch_init(&s, sketch_allocator_malloc);
	for (int index = SKETCH_INDEX_MAX; index >= SKETCH_INDEX_MIN; index--)
		assert_true(sketch_add_bucket(&s, index, 1));
	for (int i = 0; i < 100000; i++)
		assert_true(sketch_add(&s, (int64_t) (next_random(&state) >> 1), 1));
	assert_int_equal(s.bucket_count, SKETCH_BUCKETS_MAX);
	assert_int_equal(s.capacity, SKETCH_BUCKETS_MAX);
	assert_int_equal(sketch_count(&s), SKETCH_BUCKETS_MAX + 100000);
	sketch_clear(&s);
}

/* Gives memory as often as the budget says, then none. */
static void *
resize_within_budget(void *context, void *memory, size_t size)
{
	int *budget = context;

	if (size > 0 && (*budget)-- <= 0)
		return NULL;
	return sketch_allocator_malloc.resize(NULL, memory, size);
}

static void
without_memory_nothing_changes(void **unused)
{
	int budget = 1;
	uint64_t state = 9;
	sketch s;
	sketch other;
	int64_t count;

	sketch_init(&s, (sketch_allocator){resize_within_budget, &budget});
	sketch_init(&other, sketch_allocator_malloc);
	while (sketch_add(&s, random_ns(&state), 1))
		assert_true(s.bucket_count <= s.capacity);
	count = sketch_count(&s);
	assert_int_equal(count, s.capacity);
	for (int i = 0; i < 100; i++)
		assert_true(sketch_add(&other, random_ns(&state), 1));
	assert_true(sketch_add(&other, 0, 1));
	assert_false(sketch_merge(&s, &other));
	assert_int_equal(sketch_count(&s), count);
	assert_int_equal(s.zero, 0);
	sketch_clear(&s);
	sketch_clear(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bucket_answers_within_the_bound_over_the_whole_range),
		cmocka_unit_test(indexes_ascend_from_1_ns_to_the_last_bucket_and_stay_there),
		cmocka_unit_test(what_is_below_1_ns_is_counted_in_the_zero_bucket),
		cmocka_unit_test(an_empty_sketch_has_no_quantile),
		cmocka_unit_test(quantiles_are_within_the_bound_of_the_exact_ones),
		cmocka_unit_test(any_order_and_grouping_of_merges_gives_the_same_sketch),
		cmocka_unit_test(counts_stay_at_the_maximum_in_any_order),
		cmocka_unit_test(a_sketch_never_has_more_than_its_bounded_number_of_buckets),
		cmocka_unit_test(without_memory_nothing_changes),
	};

	return cmocka_run_group_tests_name("sketch", tests, NULL, NULL);
}
