/*
 * traffic_aggregate.c
 *		The aggregates topo.merge(traffic) and topo.merge_calls().
 *
 * The state of both is an expanded traffic_value in the aggregate's context;
 * its sketch grows there.  An input of merge() is expanded in the short-lived
 * context of its row and merged in one pass over both; one of merge_calls() is
 * added to its counters and its bucket.  Between parallel workers a state
 * travels as the bytes of the type.  Merging is order-free, so parallel and
 * serial answers are equal, byte for byte.
 *
 * Memory: about 150 bytes a group, and 16 to 32 for each bucket.
 */
#include "store/traffic.h"

PG_FUNCTION_INFO_V1(traffic_merge_transition);
PG_FUNCTION_INFO_V1(traffic_merge_calls_transition);
PG_FUNCTION_INFO_V1(traffic_merge_combine);
PG_FUNCTION_INFO_V1(traffic_merge_serialize);
PG_FUNCTION_INFO_V1(traffic_merge_deserialize);
PG_FUNCTION_INFO_V1(traffic_merge_final);

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	return context;
}

/* The state in the first argument; NULL before the first row. */
static traffic_value *
current_state(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(0) ? NULL : (traffic_value *) PG_GETARG_POINTER(0);
}

/* The state, which is made here if there is none yet. */
static traffic_value *
make_state(FunctionCallInfo fcinfo)
{
	MemoryContext context = aggregate_context(fcinfo);
	traffic_value *state = current_state(fcinfo);

	if (state == NULL)
	{
		state = MemoryContextAlloc(context, sizeof(*state));
		traffic_value_init(state, context);
	}
	return state;
}

static traffic_value *
merge_into_state(FunctionCallInfo fcinfo, const traffic_value *from)
{
	traffic_value *state = make_state(fcinfo);

	traffic_value_merge(state, from);
	return state;
}

static Datum
state_or_null(FunctionCallInfo fcinfo, traffic_value *state)
{
	if (state == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(state);
}

Datum
traffic_merge_transition(PG_FUNCTION_ARGS)
{
	traffic_value input;

	if (PG_ARGISNULL(1))
		return state_or_null(fcinfo, current_state(fcinfo));
	traffic_deform(traffic_argument(fcinfo, 1), &input);
	return state_or_null(fcinfo, merge_into_state(fcinfo, &input));
}

Datum
traffic_merge_calls_transition(PG_FUNCTION_ARGS)
{
	traffic_value *state = make_state(fcinfo);
	int64 calls = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);

	if (calls > 0)
	{
		traffic_value_add(state, TRAFFIC_REQUESTS, calls);
		if (!PG_ARGISNULL(2) && PG_GETARG_BOOL(2))
			traffic_value_add(state, TRAFFIC_ERRORS, calls);
		if (!PG_ARGISNULL(3))
			traffic_value_add_latency(state, PG_GETARG_INT64(3), calls);
	}
	PG_RETURN_POINTER(state);
}

Datum
traffic_merge_combine(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1))
		return state_or_null(fcinfo, current_state(fcinfo));
	return state_or_null(fcinfo, merge_into_state(fcinfo, (traffic_value *) PG_GETARG_POINTER(1)));
}

Datum
traffic_merge_serialize(PG_FUNCTION_ARGS)
{
	aggregate_context(fcinfo);
	PG_RETURN_BYTEA_P(traffic_form((traffic_value *) PG_GETARG_POINTER(0)));
}

Datum
traffic_merge_deserialize(PG_FUNCTION_ARGS)
{
	traffic_value *state = palloc(sizeof(*state));

	aggregate_context(fcinfo);
	traffic_deform(traffic_argument(fcinfo, 0), state);
	PG_RETURN_POINTER(state);
}

Datum
traffic_merge_final(PG_FUNCTION_ARGS)
{
	aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(traffic_form(current_state(fcinfo)));
}
