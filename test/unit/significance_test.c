/*
 * significance_test.c
 *		What is a change, and what is chance.
 */
#include "window/significance.h"

#include "unit.h"

#include <math.h>
#include <stdlib.h>

/* Random numbers that are the same in every run. */
static double
uniform(void)
{
	return (random() + 0.5) / ((double) RAND_MAX + 1);
}

static double
poisson(double mean)
{
	double limit = exp(-mean);
	double product = uniform();
	int count = 0;

	for (; product > limit; product *= uniform())
		count++;
	return count;
}

static void
fill(sketch *s, int count, double median_ns)
{
	for (int i = 0; i < count; i++)
		assert_true(sketch_add(s, (int64_t) (median_ns * exp(uniform() + uniform() - 1)), 1));
}

static void
chance_hardly_makes_a_rate_differ(void **state)
{
	int differ = 0;

	for (int i = 0; i < 100000; i++)
	{
		double mean = pow(10, 3 * uniform() - 1.3);

		differ += rate_differs(poisson(mean), 60, poisson(mean / 4), 15, 1.5);
	}
	assert_in_range(differ, 0, 20);
}

static void
a_rate_that_doubles_differs(void **state)
{
	assert_true(rate_differs(100, 60, 200, 60, 1.5));
	assert_true(rate_differs(200, 60, 100, 60, 1.5));
	assert_true(rate_differs(6000, 3600, 200, 60, 1.5));
	assert_true(rate_differs(0, 60, 20, 60, 1.5));
	assert_false(rate_differs(6000, 3600, 100, 60, 1.5));
	assert_false(rate_differs(3, 60, 6, 60, 1.5));
	assert_false(rate_differs(0, 60, 0, 60, 1.5));
}

static void
a_difference_that_is_small_is_none(void **state)
{
	assert_false(rate_differs(1000000, 60, 1100000, 60, 1.5));
	assert_false(share_differs(100000, 1000000, 110000, 1000000, 1.5));
	assert_true(rate_differs(1000000, 60, 1100000, 60, 1.05));
}

static void
chance_hardly_makes_a_share_differ(void **state)
{
	int differ = 0;

	for (int i = 0; i < 100000; i++)
	{
		double whole = 1 + floor(200 * uniform());

		differ += share_differs(fmin(whole, poisson(whole * 0.02)), whole,
								fmin(2 * whole, poisson(whole * 0.04)), 2 * whole, 1.5);
	}
	assert_in_range(differ, 0, 20);
}

static void
errors_of_more_requests_differ(void **state)
{
	assert_true(share_differs(1, 1000, 50, 1000, 1.5));
	assert_true(share_differs(0, 1000, 20, 1000, 1.5));
	assert_false(share_differs(0, 3, 1, 3, 1.5));
	assert_false(share_differs(1, 1000, 5, 5000, 1.5));
	assert_false(share_differs(0, 0, 5, 5, 1.5));
}

static void
bytes_of_few_connections_may_vary(void **state)
{
	assert_false(volume_differs(1000, 3, 60, 9000, 3, 60, 1.5));
	assert_true(volume_differs(1e6, 1000, 60, 3e6, 1000, 60, 1.5));
	assert_false(volume_differs(1e6, 1000, 60, 1.2e6, 1000, 60, 1.5));
	assert_true(volume_differs(1e6, 1000, 60, 0, 1000, 60, 1.5));
	assert_false(volume_differs(0, 0, 60, 1e6, 1000, 60, 1.5));
}

static void
latencies_that_shift_differ(void **state)
{
	sketch before, after, same, few, fast, one, none;

	sketch_init(&before, sketch_allocator_malloc);
	sketch_init(&after, sketch_allocator_malloc);
	sketch_init(&same, sketch_allocator_malloc);
	sketch_init(&few, sketch_allocator_malloc);
	sketch_init(&fast, sketch_allocator_malloc);
	sketch_init(&one, sketch_allocator_malloc);
	sketch_init(&none, sketch_allocator_malloc);
	fill(&before, 5000, 10e6);
	fill(&same, 5000, 10e6);
	fill(&after, 5000, 15e6);
	fill(&few, 20, 60e6);
	fill(&fast, 20, 5e6);
	fill(&one, 1, 60e6);
	assert_true(quantile_differs(&before, &after, 0.5, 1.25));
	assert_true(quantile_differs(&after, &before, 0.99, 1.25));
	assert_false(quantile_differs(&before, &same, 0.5, 1.0));
	assert_false(quantile_differs(&before, &same, 0.99, 1.0));
	assert_false(quantile_differs(&before, &after, 0.5, 2.0));
	/* a single sample tells nothing, twenty that it became worse, but not that it became better */
	assert_false(quantile_differs(&before, &one, 0.5, 1.25));
	assert_false(quantile_differs(&before, &one, 0.99, 1.25));
	assert_true(quantile_differs(&before, &few, 0.5, 1.25));
	assert_true(quantile_differs(&before, &few, 0.99, 1.25));
	assert_false(quantile_differs(&after, &fast, 0.99, 1.25));
	assert_false(quantile_differs(&before, &none, 0.5, 1.25));
	sketch_clear(&before);
	sketch_clear(&after);
	sketch_clear(&same);
	sketch_clear(&few);
	sketch_clear(&fast);
	sketch_clear(&one);
	sketch_clear(&none);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chance_hardly_makes_a_rate_differ),
		cmocka_unit_test(a_rate_that_doubles_differs),
		cmocka_unit_test(a_difference_that_is_small_is_none),
		cmocka_unit_test(chance_hardly_makes_a_share_differ),
		cmocka_unit_test(errors_of_more_requests_differ),
		cmocka_unit_test(bytes_of_few_connections_may_vary),
		cmocka_unit_test(latencies_that_shift_differ),
	};

	return cmocka_run_group_tests_name("significance", tests, NULL, NULL);
}
