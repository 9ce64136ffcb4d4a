/*
 * histogram.c
 *		Histograms of OpenTelemetry's two kinds, checked, as buckets of a call.
 *
 * After the OpenTelemetry metrics data model.  Owns no memory.
 */
#include "decode/histogram.h"

#include <math.h>

static const char too_large[] = "must have counts that add up to at most 9223372036854775807";
static const char wrong_count[] = "must have a count that is the sum of its buckets";

void
decode_histogram_clear(decode_histogram *histogram, double unit_ns)
{
	histogram->summary = (call_summary){CALL_UNKNOWN, CALL_UNKNOWN, CALL_UNKNOWN, unit_ns};
	histogram->count = 0;
	histogram->has_count = false;
	histogram->bound_count = 0;
	histogram->count_count = 0;
	histogram->scale = 0;
	histogram->offset = 0;
	histogram->zero_count = 0;
	histogram->zero_threshold = 0;
}

bool
decode_histogram_add_bound(decode_histogram *histogram, double bound)
{
	if (histogram->bound_count == CALL_MAX_BUCKETS)
		return false;
	histogram->bounds[histogram->bound_count++] = bound;
	return true;
}

bool
decode_histogram_add_count(decode_histogram *histogram, uint64_t count)
{
	if (histogram->count_count == CALL_MAX_BUCKETS)
		return false;
	histogram->counts[histogram->count_count++] = count;
	return true;
}

static const char *
check_bounds(const decode_histogram *histogram)
{
	if (histogram->count_count != histogram->bound_count + 1 &&
		!(histogram->count_count == 0 && histogram->bound_count == 0))
		return "must have one count more than bounds";
	for (uint32_t i = 0; i < histogram->bound_count; i++)
		if (!isfinite(histogram->bounds[i]) ||
			(i > 0 && histogram->bounds[i] <= histogram->bounds[i - 1]))
			return "must have ascending bounds";
	return NULL;
}

static const char *
fill(decode_histogram *histogram, uint32_t ranges, call_record *record)
{
	if (!call_buckets_fill(histogram->ranges, ranges, histogram->summary, histogram->buckets,
						   record))
		return too_large;
	if (histogram->has_count && histogram->count != record->latency_count)
		return wrong_count;
	return NULL;
}

const char *
decode_histogram_explicit(decode_histogram *histogram, call_record *record)
{
	const char *wrong = check_bounds(histogram);
	uint32_t last = histogram->bound_count;
	uint32_t ranges = 0;

	if (wrong != NULL)
		return wrong;
	/* Without buckets there is one: of everything. */
	if (histogram->count_count == 0 && histogram->has_count)
		decode_histogram_add_count(histogram, histogram->count);
	for (uint32_t i = 0; i < histogram->count_count; i++)
	{
		if (histogram->counts[i] == 0)
			continue;
		histogram->ranges[ranges++] =
			(call_range){i > 0 ? histogram->bounds[i - 1] : -INFINITY,
						 i < last ? histogram->bounds[i] : INFINITY, histogram->counts[i]};
	}
	return fill(histogram, ranges, record);
}

/* base^index, 0 or INFINITY where a double ends. */
static double
power(int32_t scale, int64_t index)
{
	return exp2(ldexp((double) index, -scale));
}

const char *
decode_histogram_exponential(decode_histogram *histogram, call_record *record)
{
	uint32_t ranges = 0;

	if (histogram->scale < HISTOGRAM_MIN_SCALE || histogram->scale > HISTOGRAM_MAX_SCALE)
		return "must have a scale between -10 and 20";
	if (!(histogram->zero_threshold >= 0) || isinf(histogram->zero_threshold))
		return "must have a zero threshold that is not negative";
	if (histogram->zero_count > 0)
		histogram->ranges[ranges++] =
			(call_range){0, histogram->zero_threshold, histogram->zero_count};
	for (uint32_t i = 0; i < histogram->count_count; i++)
	{
		int64_t index = (int64_t) histogram->offset + i;

		if (histogram->counts[i] == 0)
			continue;
		if (ranges == CALL_MAX_BUCKETS)
			return "must have fewer buckets";
		histogram->ranges[ranges++] =
			(call_range){power(histogram->scale, index), power(histogram->scale, index + 1),
						 histogram->counts[i]};
	}
	return fill(histogram, ranges, record);
}
