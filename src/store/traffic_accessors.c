/*
 * traffic_accessors.c
 *		From readings to topo.traffic, and back: constructor and accessors.
 *
 * A counter is read without a look at the sketch and without an allocation;
 * a quantile expands the value.
 */
#include "store/traffic.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"

PG_FUNCTION_INFO_V1(traffic_construct);
PG_FUNCTION_INFO_V1(traffic_connections);
PG_FUNCTION_INFO_V1(traffic_failed);
PG_FUNCTION_INFO_V1(traffic_bytes_sent);
PG_FUNCTION_INFO_V1(traffic_bytes_received);
PG_FUNCTION_INFO_V1(traffic_packets_sent);
PG_FUNCTION_INFO_V1(traffic_packets_received);
PG_FUNCTION_INFO_V1(traffic_retransmits);
PG_FUNCTION_INFO_V1(traffic_requests);
PG_FUNCTION_INFO_V1(traffic_errors);
PG_FUNCTION_INFO_V1(traffic_rtt_ms);
PG_FUNCTION_INFO_V1(traffic_latency_count);
PG_FUNCTION_INFO_V1(traffic_latency_sum_ms);
PG_FUNCTION_INFO_V1(traffic_latency_quantile);
PG_FUNCTION_INFO_V1(traffic_p50_ms);
PG_FUNCTION_INFO_V1(traffic_p99_ms);

#define NANOSECONDS_PER_MS 1000000.0
#define US_PER_MS          1000.0

/* The parameters of the constructor before the last, in the order of their counters. */
static const char *const parameter_names[] = {
	"connections", "failed",   "bytes_sent", "bytes_received", "packets_sent", "packets_received",
	"retransmits", "requests", "errors",     "rtt_sum_us",     "rtt_samples"};

static void
add_parameter(traffic_value *value, int number, int64 amount)
{
	if (amount < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be negative: " INT64_FORMAT, parameter_names[number], amount),
				 errhint("Traffic is only ever added to; leave out what did not happen.")));
	traffic_value_add(value, (traffic_counter) number, (uint64_t) amount);
}

static void
add_latency_ms(traffic_value *value, double ms)
{
	double ns = rint(ms * NANOSECONDS_PER_MS);

	if (isnan(ms) || isinf(ms) || ms < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a latency must be finite and not negative: %g", ms),
						errhint("Give latency_ms in milliseconds; leave out requests without a "
								"latency.")));
	/* (double) INT64_MAX is 2^63, the first that does not fit. */
	traffic_value_add_latency(value, ns < (double) INT64_MAX ? (int64_t) ns : INT64_MAX, 1);
}

static void
add_latencies(traffic_value *value, ArrayType *latencies)
{
	Datum *elements;
	bool *nulls;
	int count;

	deconstruct_array(latencies, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("latency_ms must not contain nulls"),
							errhint("Leave out requests without a latency: array_agg(...) FILTER "
									"(WHERE ... IS NOT NULL).")));
		add_latency_ms(value, DatumGetFloat8(elements[i]));
	}
}

Datum
traffic_construct(PG_FUNCTION_ARGS)
{
	traffic_value value;
	int counters = lengthof(parameter_names);

	traffic_value_init(&value, CurrentMemoryContext);
	for (int i = 0; i < counters; i++)
		add_parameter(&value, i, PG_GETARG_INT64(i));
	add_latencies(&value, PG_GETARG_ARRAYTYPE_P(counters));
	PG_RETURN_POINTER(traffic_form(&value));
}

static int64
read_counter(FunctionCallInfo fcinfo, traffic_counter counter)
{
	struct varlena *traffic = traffic_argument(fcinfo, 0);
	int64 counters[TRAFFIC_COUNTERS];

	traffic_deform_counters(traffic, counters);
	PG_FREE_IF_COPY(traffic, 0);
	return counters[counter];
}

Datum
traffic_connections(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(read_counter(fcinfo, TRAFFIC_CONNECTIONS));
}

Datum
traffic_failed(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(read_counter(fcinfo, TRAFFIC_FAILED));
}

Datum
traffic_bytes_sent(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(read_counter(fcinfo, TRAFFIC_BYTES_SENT));
}

Datum
traffic_bytes_received(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(read_counter(fcinfo, TRAFFIC_BYTES_RECEIVED));
}

Datum
traffic_packets_sent(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(read_counter(fcinfo, TRAFFIC_PACKETS_SENT));
}

Datum
traffic_packets_received(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(read_counter(fcinfo, TRAFFIC_PACKETS_RECEIVED));
}

Datum
traffic_retransmits(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(read_counter(fcinfo, TRAFFIC_RETRANSMITS));
}

Datum
traffic_requests(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(read_counter(fcinfo, TRAFFIC_REQUESTS));
}

Datum
traffic_errors(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(read_counter(fcinfo, TRAFFIC_ERRORS));
}

Datum
traffic_latency_sum_ms(PG_FUNCTION_ARGS)
{
	PG_RETURN_FLOAT8((double) read_counter(fcinfo, TRAFFIC_LATENCY_SUM_NS) / NANOSECONDS_PER_MS);
}

Datum
traffic_rtt_ms(PG_FUNCTION_ARGS)
{
	int64 counters[TRAFFIC_COUNTERS];

	traffic_deform_counters(traffic_argument(fcinfo, 0), counters);
	if (counters[TRAFFIC_RTT_SAMPLES] == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8((double) counters[TRAFFIC_RTT_SUM_US] /
					 (double) counters[TRAFFIC_RTT_SAMPLES] / US_PER_MS);
}

Datum
traffic_latency_count(PG_FUNCTION_ARGS)
{
	traffic_value value;

	traffic_deform(traffic_argument(fcinfo, 0), &value);
	PG_RETURN_INT64(sketch_count(&value.latency));
}

static Datum
quantile_ms(FunctionCallInfo fcinfo, double q)
{
	traffic_value value;
	double ns;

	traffic_deform(traffic_argument(fcinfo, 0), &value);
	if (!sketch_quantile(&value.latency, q, &ns))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(ns / NANOSECONDS_PER_MS);
}

Datum
traffic_latency_quantile(PG_FUNCTION_ARGS)
{
	double q = PG_GETARG_FLOAT8(1);

	if (!(q >= 0 && q <= 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a quantile must be between 0 and 1: %g", q),
						errhint("The 99th percentile is 0.99.")));
	return quantile_ms(fcinfo, q);
}

Datum
traffic_p50_ms(PG_FUNCTION_ARGS)
{
	return quantile_ms(fcinfo, 0.5);
}

Datum
traffic_p99_ms(PG_FUNCTION_ARGS)
{
	return quantile_ms(fcinfo, 0.99);
}
