/*
 * traffic.c
 *		The SQL type topo.traffic: between Datum and expanded form, and what
 *		needs only that: equality, hash, merge, reversal.
 *
 * The type is of storage main.  Most values are of some ten bytes, in line and
 * never compressed.  A wide sketch can pass the 2 kB at which the server toasts
 * a row; as every read of a counter needs the value, it is then compressed in
 * line, and moved out of line only if the row would not fit into a page (some
 * 2500 buckets: a row of two very wide sketches, or one with huge counts).
 * Alignment is int4, the least that the server takes for a varlena; up to 126
 * bytes it costs nothing, as the header is then one byte and is not aligned.
 *
 * Limits: counters and counts are 0 .. INT64_MAX and stay there (order-free);
 * latencies are told apart from 1 ns to 100 days; a value takes at most
 * TRAFFIC_ENCODED_MAX bytes (20 kB).
 */
#include "store/traffic.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(traffic_eq);
PG_FUNCTION_INFO_V1(traffic_ne);
PG_FUNCTION_INFO_V1(traffic_hash);
PG_FUNCTION_INFO_V1(traffic_hash_extended);
PG_FUNCTION_INFO_V1(traffic_merge);
PG_FUNCTION_INFO_V1(traffic_reversed);

static void *
resize_in_context(void *context, void *memory, size_t size)
{
	if (size == 0)
	{
		if (memory != NULL)
			pfree(memory);
		return NULL;
	}
	if (memory == NULL)
		return MemoryContextAlloc(context, size);
	return repalloc(memory, size);
}

sketch_allocator
traffic_allocator(MemoryContext context)
{
	return (sketch_allocator){resize_in_context, context};
}

void
traffic_value_init(traffic_value *value, MemoryContext context)
{
	traffic_value_init_with(value, traffic_allocator(context));
}

struct varlena *
traffic_form(const traffic_value *value)
{
	struct varlena *traffic = palloc(VARHDRSZ + traffic_value_encoded_max(value));
	size_t length = traffic_value_encode(value, (uint8_t *) VARDATA(traffic));

	SET_VARSIZE(traffic, VARHDRSZ + length);
	return traffic;
}

static void
refuse_corrupt(const char *problem)
{
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("a stored traffic value is corrupt"),
				 errdetail("The value %s.", problem)));
}

void
traffic_deform(const struct varlena *traffic, traffic_value *value)
{
	traffic_value_init(value, CurrentMemoryContext);
	refuse_corrupt(traffic_value_decode((const uint8_t *) VARDATA_ANY(traffic),
										VARSIZE_ANY_EXHDR(traffic), value));
}

void
traffic_deform_counters(const struct varlena *traffic, int64 counters[TRAFFIC_COUNTERS])
{
	refuse_corrupt(traffic_value_decode_counters((const uint8_t *) VARDATA_ANY(traffic),
												 VARSIZE_ANY_EXHDR(traffic), counters));
}

static bool
same_bytes(FunctionCallInfo fcinfo)
{
	struct varlena *a = traffic_argument(fcinfo, 0);
	struct varlena *b = traffic_argument(fcinfo, 1);
	bool same = VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
				memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;

	/* A hash join calls this for each pair: do not let detoasted copies pile up. */
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return same;
}

Datum
traffic_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same_bytes(fcinfo));
}

Datum
traffic_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same_bytes(fcinfo));
}

Datum
traffic_hash(PG_FUNCTION_ARGS)
{
	struct varlena *traffic = traffic_argument(fcinfo, 0);
	Datum hash = hash_any((const unsigned char *) VARDATA_ANY(traffic), VARSIZE_ANY_EXHDR(traffic));

	PG_FREE_IF_COPY(traffic, 0);
	return hash;
}

Datum
traffic_hash_extended(PG_FUNCTION_ARGS)
{
	struct varlena *traffic = traffic_argument(fcinfo, 0);
	Datum hash = hash_any_extended((const unsigned char *) VARDATA_ANY(traffic),
								   VARSIZE_ANY_EXHDR(traffic), PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(traffic, 0);
	return hash;
}

Datum
traffic_merge(PG_FUNCTION_ARGS)
{
	traffic_value into;
	traffic_value from;

	traffic_deform(traffic_argument(fcinfo, 0), &into);
	traffic_deform(traffic_argument(fcinfo, 1), &from);
	traffic_value_merge(&into, &from);
	PG_RETURN_POINTER(traffic_form(&into));
}

Datum
traffic_reversed(PG_FUNCTION_ARGS)
{
	traffic_value value;

	traffic_deform(traffic_argument(fcinfo, 0), &value);
	traffic_value_reverse(&value);
	PG_RETURN_POINTER(traffic_form(&value));
}
