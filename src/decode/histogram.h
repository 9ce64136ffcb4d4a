/*
 * histogram.h
 *		Histograms of OpenTelemetry's two kinds, checked, as buckets of a call.
 */
#ifndef TOPOLOGY_DECODE_HISTOGRAM_H
#define TOPOLOGY_DECODE_HISTOGRAM_H

#include "decode/decode.h"
#include "flow/call_buckets.h"

/* What a decoder collects.  Some 100 kB: one for each payload, on the stack. */
typedef struct decode_histogram
{
	call_summary summary; /* CALL_UNKNOWN where nothing is told */
	uint64_t count;
	bool has_count;

	/* Explicit bounds: one more count than bounds, or neither. */
	uint32_t bound_count;
	uint32_t count_count;
	double bounds[CALL_MAX_BUCKETS];
	uint64_t counts[CALL_MAX_BUCKETS]; /* of exponential buckets too */

	/*
	 * Exponential buckets: count i is of base^(offset + i) up to the next power,
	 * base being 2^(2^-scale).
	 */
	int32_t scale;
	int32_t offset;
	uint64_t zero_count; /* of zero_threshold at most */
	double zero_threshold;

	call_bucket buckets[CALL_MAX_BUCKETS]; /* what comes of it */
	call_range ranges[CALL_MAX_BUCKETS];   /* on the way to it */
} decode_histogram;

/* Scales that OpenTelemetry allows, and the widest range of bucket indexes that is read. */
#define HISTOGRAM_MIN_SCALE (-10)
#define HISTOGRAM_MAX_SCALE 20

/* An empty histogram in a unit of so many nanoseconds. */
extern void decode_histogram_clear(decode_histogram *histogram, double unit_ns);

/* Add to the bounds or counts.  False: there are CALL_MAX_BUCKETS. */
extern bool decode_histogram_add_bound(decode_histogram *histogram, double bound);
extern bool decode_histogram_add_count(decode_histogram *histogram, uint64_t count);

/*
 * Fill the latency of record, whose buckets are histogram's.  NULL: done; else
 * what is wrong with the histogram, to be said of it.
 */
extern const char *decode_histogram_explicit(decode_histogram *histogram, call_record *record);
extern const char *decode_histogram_exponential(decode_histogram *histogram, call_record *record);

#endif /* TOPOLOGY_DECODE_HISTOGRAM_H */
