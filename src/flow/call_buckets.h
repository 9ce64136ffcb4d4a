/*
 * call_buckets.h
 *		Histograms of latencies as (value, count): what stands for a bucket.
 *
 * A histogram says in which bucket (lower, upper] a latency was, not where in
 * it.  What stands for the bucket:
 *
 *	- the middle of the two bounds in ratio, sqrt(lower * upper), so that the
 *	  relative error is at most sqrt(upper / lower) - 1 either way, which is the
 *	  least there is;
 *	- of a bucket that begins at 0, half its upper bound: off by at most that;
 *	- of a bucket without an upper bound, what the others leave of the sum, or
 *	  without a sum, its lower bound, but never less than that: its error is not
 *	  bounded;
 *	- where one bucket holds everything and the sum is known, the mean, held
 *	  within the bucket;
 *	- of a bucket up to 0 or below, 0.
 *
 * The least and the greatest latency, where they are told, narrow the buckets
 * that hold them first, so that a bucket with no bound of its own has one.
 *
 * An error of rank is none: a quantile is the answer of the bucket that holds
 * it, so it is off by what its bucket is off.
 */
#ifndef TOPOLOGY_CALL_BUCKETS_H
#define TOPOLOGY_CALL_BUCKETS_H

#include <math.h>

#include "flow/call.h"

/* One bucket that is not empty, in a unit of the histogram's. */
typedef struct call_range
{
	double lower; /* -INFINITY, or finite; not above upper */
	double upper; /* INFINITY, or finite */
	uint64_t count;
} call_range;

/* What is not told of a histogram. */
#define CALL_UNKNOWN ((double) NAN)

/* What a histogram says besides its buckets; CALL_UNKNOWN: it does not. */
typedef struct call_summary
{
	double sum;
	double least;
	double greatest;
	double unit_ns; /* nanoseconds in the histogram's unit */
} call_summary;

/*
 * Turn ranges, in ascending order, into buckets, for which there is room, and
 * fill latency_count, latency_sum_ns, bucket_count and buckets of record.
 * ranges is changed.  False: the counts add up to more than FLOW_COUNTER_MAX.
 */
extern bool call_buckets_fill(call_range *ranges, uint32_t count, call_summary summary,
							  call_bucket *buckets, call_record *record);

#endif /* TOPOLOGY_CALL_BUCKETS_H */
