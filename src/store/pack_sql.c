/*
 * pack_sql.c
 *		Packs of windows, for SQL: the aggregate topo.pack() and topo.unpack().
 *
 * topo.pack() takes windows in order of source and target.  All memory is in the
 * aggregate's context, and goes with it: the packs of one bucket, which must stay below a
 * gigabyte (some 30 million edges).
 *
 * topo.unpack() checks what it reads: a pack that is damaged is ERRCODE_DATA_CORRUPTED.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "store/pack_chunks.h"
#include "store/pack_error.h"
#include "store/rows.h"
#include "store/traffic.h"

PG_FUNCTION_INFO_V1(topology_pack_transition);
PG_FUNCTION_INFO_V1(topology_pack_final);
PG_FUNCTION_INFO_V1(topology_unpack);
PG_FUNCTION_INFO_V1(topology_packed_count);

/* The arguments of topo.pack() after its state. */
enum
{
	ARG_BEGIN = 1,
	ARG_FINISH,
	ARG_SRC,
	ARG_DST,
	ARG_TYPE,
	ARG_ENDPOINT,
	ARG_VIA,
	ARG_CONFIDENCE,
	ARG_APP_CONFIDENCE,
	ARG_FIRST_SEEN,
	ARG_LAST_SEEN,
	ARG_TRAFFIC
};

#define PACKED_COLUMNS   5
#define UNPACKED_COLUMNS 10

typedef struct pack_state
{
	MemoryContext memory;
	pack_chunks chunks;
	row_array packs;
} pack_state;

static bool
keep_pack(void *context, pack_writer *writer, const pack_bounds *bounds)
{
	pack_state *state = context;
	MemoryContext old = MemoryContextSwitchTo(state->memory);
	bytea *pack = palloc(VARHDRSZ + pack_writer_size(writer));
	Datum values[PACKED_COLUMNS] = {Int64GetDatum(bounds->src), Int64GetDatum(bounds->last_src),
									TimestampTzGetDatum(bounds->first_seen),
									TimestampTzGetDatum(bounds->last_seen), PointerGetDatum(pack)};
	bool nulls[PACKED_COLUMNS] = {false};

	SET_VARSIZE(pack, VARHDRSZ + pack_writer_finish(writer, (uint8_t *) VARDATA(pack)));
	row_array_add(&state->packs, values, nulls);
	MemoryContextSwitchTo(old);
	return true;
}

static pack_state *
make_state(FunctionCallInfo fcinfo, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	pack_state *state = palloc0(sizeof(*state));
	TimestampTz begin = PG_GETARG_TIMESTAMPTZ(ARG_BEGIN);

	state->memory = context;
	(void) pack_chunks_begin(&state->chunks, begin, PG_GETARG_TIMESTAMPTZ(ARG_FINISH) - begin,
							 traffic_allocator(context), keep_pack, state);
	row_array_begin(&state->packs, "packed", PACKED_COLUMNS);
	MemoryContextSwitchTo(old);
	return state;
}

static pack_window
window_argument(FunctionCallInfo fcinfo)
{
	pack_window window = {.src = PG_GETARG_INT64(ARG_SRC),
						  .dst = PG_GETARG_INT64(ARG_DST),
						  .type = PG_GETARG_INT32(ARG_TYPE),
						  .has_endpoint = !PG_ARGISNULL(ARG_ENDPOINT),
						  .via_count = -1,
						  .confidence = PG_GETARG_FLOAT4(ARG_CONFIDENCE),
						  .first_seen = PG_GETARG_TIMESTAMPTZ(ARG_FIRST_SEEN),
						  .last_seen = PG_GETARG_TIMESTAMPTZ(ARG_LAST_SEEN)};

	window.endpoint = window.has_endpoint ? PG_GETARG_INT64(ARG_ENDPOINT) : 0;
	window.app_confidence =
		PG_ARGISNULL(ARG_APP_CONFIDENCE) ? window.confidence : PG_GETARG_FLOAT4(ARG_APP_CONFIDENCE);
	return window;
}

/* The nodes of the way, where there is one. */
static int64 *
via_argument(FunctionCallInfo fcinfo, int32 *count)
{
	ArrayType *array;

	if (PG_ARGISNULL(ARG_VIA))
		return NULL;
	array = PG_GETARG_ARRAYTYPE_P(ARG_VIA);
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a way must not contain nulls")));
	*count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	return (int64 *) ARR_DATA_PTR(array);
}

static void
check_arguments(FunctionCallInfo fcinfo)
{
	for (int i = ARG_BEGIN; i <= ARG_TRAFFIC; i++)
	{
		if (PG_ARGISNULL(i) && i != ARG_ENDPOINT && i != ARG_VIA && i != ARG_APP_CONFIDENCE)
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("a window that is packed must be complete"),
							errhint("Only endpoint, via and app_confidence may be NULL.")));
	}
}

Datum
topology_pack_transition(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	pack_state *state = PG_ARGISNULL(0) ? NULL : (pack_state *) PG_GETARG_POINTER(0);
	pack_window window;
	const int64 *via;
	traffic_value traffic;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "aggregate function called in non-aggregate context");
	check_arguments(fcinfo);
	if (state == NULL)
		state = make_state(fcinfo, context);
	window = window_argument(fcinfo);
	via = via_argument(fcinfo, &window.via_count);
	traffic_deform(traffic_argument(fcinfo, ARG_TRAFFIC), &traffic);
	(void) pack_chunks_add(&state->chunks, &window, via, &traffic);
	PG_RETURN_POINTER(state);
}

Datum
topology_pack_final(PG_FUNCTION_ARGS)
{
	pack_state *state = PG_ARGISNULL(0) ? NULL : (pack_state *) PG_GETARG_POINTER(0);

	if (state == NULL)
		PG_RETURN_NULL();
	(void) pack_chunks_finish(&state->chunks);
	PG_RETURN_DATUM(row_array_finish(&state->packs));
}

/* The numbers of an array of bigint that is not null, or any number where it is. */
typedef struct choice
{
	bool any;
	int count;
	const int64 *ids;
} choice;

static choice
choice_argument(FunctionCallInfo fcinfo, int number)
{
	ArrayType *array;

	if (PG_ARGISNULL(number))
		return (choice){.any = true};
	array = PG_GETARG_ARRAYTYPE_P(number);
	if (array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("a choice of nodes must not contain nulls")));
	return (choice){.count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)),
					.ids = (const int64 *) ARR_DATA_PTR(array)};
}

static bool
is_chosen(const choice *choice, int64 id)
{
	for (int i = 0; i < choice->count; i++)
	{
		if (choice->ids[i] == id)
			return true;
	}
	return choice->any;
}

static Datum
traffic_read(const pack_reader *reader)
{
	traffic_value traffic;

	traffic_value_init(&traffic, CurrentMemoryContext);
	memcpy(traffic.counters, reader->counters, sizeof(traffic.counters));
	traffic.latency.zero = reader->zero;
	pack_refuse_damage(
		traffic_value_decode_buckets(reader->buckets, reader->buckets_length, &traffic.latency),
		"traffic of a window in the pack");
	return PointerGetDatum(traffic_form(&traffic));
}

static Datum
via_read(const pack_reader *reader)
{
	int count = reader->window.via_count;
	int64 *via = palloc(sizeof(int64) * Max(count, 1));

	pack_read_via(reader, via);
	return bigint_array_datum(via, count);
}

static void
put_window(ReturnSetInfo *output, const pack_reader *reader)
{
	const pack_window *window = &reader->window;
	bool nulls[UNPACKED_COLUMNS] = {
		[3] = !window->has_endpoint,
		[4] = window->via_count < 0,
		[6] = window->app_confidence == window->confidence,
	};
	Datum values[UNPACKED_COLUMNS] = {
		Int64GetDatum(window->src),
		Int64GetDatum(window->dst),
		Int32GetDatum(window->type),
		Int64GetDatum(window->endpoint),
		nulls[4] ? (Datum) 0 : via_read(reader),
		Float4GetDatum(window->confidence),
		Float4GetDatum(window->app_confidence),
		TimestampTzGetDatum(window->first_seen),
		TimestampTzGetDatum(window->last_seen),
		traffic_read(reader),
	};

	tuplestore_putvalues(output->setResult, output->setDesc, values, nulls);
}

Datum
topology_unpack(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *output = (ReturnSetInfo *) fcinfo->resultinfo;
	choice sources = choice_argument(fcinfo, 1);
	choice targets = choice_argument(fcinfo, 2);
	MemoryContext row =
		AllocSetContextCreate(CurrentMemoryContext, "window of a pack", ALLOCSET_SMALL_SIZES);
	pack_reader *reader = palloc(sizeof(*reader));
	bytea *pack;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	pack = PG_GETARG_BYTEA_PP(0);
	pack_reader_open(reader, (const uint8_t *) VARDATA_ANY(pack), VARSIZE_ANY_EXHDR(pack));
	while (pack_reader_next(reader))
	{
		MemoryContext old = MemoryContextSwitchTo(row);

		if (is_chosen(&sources, reader->window.src) && is_chosen(&targets, reader->window.dst))
			put_window(output, reader);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
	}
	pack_refuse_damage(reader->problem, "pack");
	MemoryContextDelete(row);
	return (Datum) 0;
}

Datum
topology_packed_count(PG_FUNCTION_ARGS)
{
	bytea *pack = PG_GETARG_BYTEA_PP(0);
	pack_reader reader;

	pack_reader_open(&reader, (const uint8_t *) VARDATA_ANY(pack), VARSIZE_ANY_EXHDR(pack));
	pack_refuse_damage(reader.problem, "pack");
	PG_RETURN_INT64((int64) reader.left);
}
