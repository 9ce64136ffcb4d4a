/*
 * diff_sql.c
 *		Which readings of an edge differ between two ranges of time.
 *
 * Latency counts as changed if it is half as far from the same as is asked for
 * of rates: it varies less by itself.
 */
#include "store/traffic.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "window/significance.h"

PG_FUNCTION_INFO_V1(topology_changed_readings);

/* The traffic of one range. */
typedef struct reading
{
	traffic_value value;
	double seconds;
} reading;

static double
counter(const reading *r, traffic_counter number)
{
	return (double) r->value.counters[number];
}

static bool
counts_differ(const reading *a, const reading *b, traffic_counter number, double least)
{
	return rate_differs(counter(a, number), a->seconds, counter(b, number), b->seconds, least);
}

static bool
failures_differ(const reading *a, const reading *b, double least)
{
	double failed_a = counter(a, TRAFFIC_FAILED);
	double failed_b = counter(b, TRAFFIC_FAILED);

	return share_differs(failed_a, failed_a + counter(a, TRAFFIC_CONNECTIONS), failed_b,
						 failed_b + counter(b, TRAFFIC_CONNECTIONS), least);
}

static double
bytes(const reading *r)
{
	return counter(r, TRAFFIC_BYTES_SENT) + counter(r, TRAFFIC_BYTES_RECEIVED);
}

/* What brings the bytes; on connections that stay open, some packets at a time. */
static double
events(const reading *r)
{
	double packets = counter(r, TRAFFIC_PACKETS_SENT) + counter(r, TRAFFIC_PACKETS_RECEIVED);

	return fmax(counter(r, TRAFFIC_CONNECTIONS) + counter(r, TRAFFIC_REQUESTS), packets / 16);
}

/* The names of what differs, as text[]. */
static ArrayType *
changed_readings(const reading *a, const reading *b, double least)
{
	const sketch *latency_a = &a->value.latency;
	const sketch *latency_b = &b->value.latency;
	double least_latency = 1 + (least - 1) / 2;
	Datum names[7];
	int count = 0;

	if (counts_differ(a, b, TRAFFIC_REQUESTS, least))
		names[count++] = CStringGetTextDatum("requests");
	if (share_differs(counter(a, TRAFFIC_ERRORS), counter(a, TRAFFIC_REQUESTS),
					  counter(b, TRAFFIC_ERRORS), counter(b, TRAFFIC_REQUESTS), least))
		names[count++] = CStringGetTextDatum("errors");
	if (quantile_differs(latency_a, latency_b, 0.5, least_latency))
		names[count++] = CStringGetTextDatum("p50");
	if (quantile_differs(latency_a, latency_b, 0.99, least_latency))
		names[count++] = CStringGetTextDatum("p99");
	if (counts_differ(a, b, TRAFFIC_CONNECTIONS, least))
		names[count++] = CStringGetTextDatum("connections");
	if (failures_differ(a, b, least))
		names[count++] = CStringGetTextDatum("failed");
	if (volume_differs(bytes(a), events(a), a->seconds, bytes(b), events(b), b->seconds, least))
		names[count++] = CStringGetTextDatum("bytes");
	return construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT);
}

Datum
topology_changed_readings(PG_FUNCTION_ARGS)
{
	reading before = {.seconds = PG_GETARG_FLOAT8(1)};
	reading after = {.seconds = PG_GETARG_FLOAT8(3)};
	ArrayType *changed;

	traffic_deform(traffic_argument(fcinfo, 0), &before.value);
	traffic_deform(traffic_argument(fcinfo, 2), &after.value);
	changed = changed_readings(&before, &after, PG_GETARG_FLOAT8(4));
	traffic_value_clear(&before.value);
	traffic_value_clear(&after.value);
	PG_RETURN_ARRAYTYPE_P(changed);
}
