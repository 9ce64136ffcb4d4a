/*
 * flow_sums.h
 *		Arithmetic of windows: where they begin, and sums that do not overflow.
 */
#ifndef TOPOLOGY_FLOW_SUMS_H
#define TOPOLOGY_FLOW_SUMS_H

#include "flow/flow.h"

/*
 * The begin of the window of window_ns nanoseconds that a time is in: rounded
 * down, before 1970 too; a begin that int64 cannot hold becomes its least.
 */
static inline int64_t
flow_window_begin(int64_t start_ns, int64_t window_ns)
{
	int64_t begin;
	int64_t whole = start_ns / window_ns;

	if (start_ns % window_ns < 0)
		whole--;
	if (__builtin_mul_overflow(whole, window_ns, &begin))
		return INT64_MIN;
	return begin;
}

/*
 * The sum of two counters, which stops at FLOW_COUNTER_MAX.  They reach us from a
 * kernel and from other machines: neither need be below it.
 */
static inline uint64_t
flow_counter_sum(uint64_t a, uint64_t b)
{
	uint64_t sum = a + b;

	return sum < a || sum > FLOW_COUNTER_MAX ? FLOW_COUNTER_MAX : sum;
}

#endif /* TOPOLOGY_FLOW_SUMS_H */
