/*
 * traffic_portion.c
 *		A part of a traffic, such that the parts add up to the whole.
 *
 * A part reaches from one fraction of each counter to another, both rounded down:
 * parts that meet lose and repeat nothing.  Latencies cannot be divided so; a
 * traffic that has some is refused.
 */
#include "store/traffic.h"

PG_FUNCTION_INFO_V1(traffic_portion);

/* counter * part / total, rounded down; no product overflows 128 bits. */
static int64
fraction(int64 counter, int64 part, int64 total)
{
	return (int64) ((__int128) counter * part / total);
}

static void
check_fractions(int64 before, int64 upto, int64 total)
{
	if (before < 0 || upto < before || total < upto || total == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a portion from " INT64_FORMAT " to " INT64_FORMAT
							   " of " INT64_FORMAT " is none",
							   before, upto, total),
						errhint("Give 0 <= before <= upto <= total, and total > 0.")));
}

Datum
traffic_portion(PG_FUNCTION_ARGS)
{
	int64 before = PG_GETARG_INT64(1);
	int64 upto = PG_GETARG_INT64(2);
	int64 total = PG_GETARG_INT64(3);
	traffic_value whole;
	traffic_value part;

	check_fractions(before, upto, total);
	traffic_deform(traffic_argument(fcinfo, 0), &whole);
	if (whole.latency.zero != 0 || whole.latency.bucket_count != 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("a traffic with latencies cannot be divided")));
	traffic_value_init(&part, CurrentMemoryContext);
	for (int i = 0; i < TRAFFIC_COUNTERS; i++)
		traffic_value_add(&part, i,
						  fraction(whole.counters[i], upto, total) -
							  fraction(whole.counters[i], before, total));
	PG_RETURN_POINTER(traffic_form(&part));
}
