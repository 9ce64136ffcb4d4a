/*
 * pack_sql.c
 *		Packs of windows, for SQL: topo.unpack() and topo.packed_count().
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
#include "store/pack.h"
#include "store/pack_error.h"
#include "store/rows.h"
#include "store/traffic.h"

PG_FUNCTION_INFO_V1(topology_unpack);
PG_FUNCTION_INFO_V1(topology_packed_count);

#define UNPACKED_COLUMNS 10

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
