/*
 * call_buckets.c
 *		Histograms of latencies as (value, count).
 *
 * Two passes over the ranges: the second settles what needs the others.  Owns
 * no memory.
 */
#include "flow/call_buckets.h"

#include <math.h>

/* A number of nanoseconds as a counter: not negative, and it stops at FLOW_COUNTER_MAX. */
static uint64_t
whole_ns(double ns)
{
	if (!(ns > 0))
		return 0;
	/* The greatest double below 2 to the 63rd. */
	return ns >= 9223372036854774784.0 ? FLOW_COUNTER_MAX : (uint64_t) llround(ns);
}

static double
at_least(double value, double bound)
{
	return value < bound ? bound : value;
}

static double
at_most(double value, double bound)
{
	return value > bound ? bound : value;
}

/* Use what is known of the least and greatest latency, unless it contradicts the buckets. */
static void
narrow(call_range *ranges, uint32_t count, const call_summary *summary)
{
	call_range *first = &ranges[0];
	call_range *last = &ranges[count - 1];

	first->lower = at_least(first->lower, 0);
	first->upper = at_least(first->upper, 0);
	if (summary->least >= first->lower && summary->least <= first->upper)
		first->lower = summary->least;
	if (summary->greatest >= last->lower && summary->greatest <= last->upper)
		last->upper = summary->greatest;
}

static double
middle(const call_range *range)
{
	if (range->upper <= 0)
		return 0;
	if (isinf(range->upper))
		return at_least(range->lower, 0);
	if (range->lower <= 0)
		return range->upper / 2;
	/* The product of the bounds may be beyond a double. */
	return sqrt(range->lower) * sqrt(range->upper);
}

/*
 * The value of the last range if the sum says more of it than its bounds: told
 * is what the ranges before it come to.
 */
static double
value_of_last(const call_range *last, uint32_t count, double told, const call_summary *summary)
{
	double mean;

	if (!isfinite(summary->sum) || (count > 1 && !isinf(last->upper)))
		return middle(last);
	mean = (summary->sum - told) / (double) last->count;
	return at_most(at_least(mean, at_least(last->lower, 0)), last->upper);
}

bool
call_buckets_fill(call_range *ranges, uint32_t count, call_summary summary, call_bucket *buckets,
				  call_record *record)
{
	double told = 0;
	double before = 0;

	record->buckets = buckets;
	record->bucket_count = count;
	record->latency_count = 0;
	record->latency_sum_ns = 0;
	if (count == 0)
		return true;

	narrow(ranges, count, &summary);
	for (uint32_t i = 0; i < count; i++)
	{
		double value =
			i + 1 < count ? middle(&ranges[i]) : value_of_last(&ranges[i], count, told, &summary);

		/* Ranges that overlap, such as a zero bucket's, still give ascending values. */
		before = value = at_least(value, before);
		if (ranges[i].count > FLOW_COUNTER_MAX - record->latency_count)
			return false;
		record->latency_count += ranges[i].count;
		told += value * (double) ranges[i].count;
		buckets[i] = (call_bucket){whole_ns(value * summary.unit_ns), ranges[i].count};
	}
	record->latency_sum_ns =
		whole_ns((isfinite(summary.sum) ? summary.sum : told) * summary.unit_ns);
	return true;
}
