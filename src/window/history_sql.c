/*
 * history_sql.c
 *		topo.series(): how the edges between some nodes fared, bucket by bucket.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "window/series_windows.h"

PG_FUNCTION_INFO_V1(topology_series);

#define NANOSECONDS_PER_MS 1000000.0

enum
{
	ROW_BUCKET,
	ROW_REQUESTS,
	ROW_ERRORS,
	ROW_P50,
	ROW_P99,
	ROW_CONNECTIONS,
	ROW_FAILED,
	ROW_BYTES_SENT,
	ROW_BYTES_RECEIVED,
	ROW_TRAFFIC,
	ROW_COLUMNS
};

static Datum
quantile_ms(const traffic_value *traffic, double q, bool *null)
{
	double ns = 0;

	*null = !sketch_quantile(&traffic->latency, q, &ns);
	return Float8GetDatum(ns / NANOSECONDS_PER_MS);
}

static void
put_bucket(ReturnSetInfo *rows, TimestampTz begin, const traffic_value *traffic)
{
	bool nulls[ROW_COLUMNS] = {false};
	Datum values[ROW_COLUMNS] = {
		[ROW_BUCKET] = TimestampTzGetDatum(begin),
		[ROW_REQUESTS] = Int64GetDatum(traffic->counters[TRAFFIC_REQUESTS]),
		[ROW_ERRORS] = Int64GetDatum(traffic->counters[TRAFFIC_ERRORS]),
		[ROW_P50] = quantile_ms(traffic, 0.5, &nulls[ROW_P50]),
		[ROW_P99] = quantile_ms(traffic, 0.99, &nulls[ROW_P99]),
		[ROW_CONNECTIONS] = Int64GetDatum(traffic->counters[TRAFFIC_CONNECTIONS]),
		[ROW_FAILED] = Int64GetDatum(traffic->counters[TRAFFIC_FAILED]),
		[ROW_BYTES_SENT] = Int64GetDatum(traffic->counters[TRAFFIC_BYTES_SENT]),
		[ROW_BYTES_RECEIVED] = Int64GetDatum(traffic->counters[TRAFFIC_BYTES_RECEIVED]),
		[ROW_TRAFFIC] = PointerGetDatum(traffic_form(traffic)),
	};

	tuplestore_putvalues(rows->setResult, rows->setDesc, values, nulls);
}

static void
put_series(ReturnSetInfo *rows, const series *s)
{
	MemoryContext row =
		AllocSetContextCreate(CurrentMemoryContext, "row of a bucket", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(row);
	traffic_value none;

	traffic_value_init(&none, row);
	for (int i = 0; i < s->count; i++)
	{
		const traffic_value *total = series_total(&s->buckets[i]);

		CHECK_FOR_INTERRUPTS();
		put_bucket(rows, s->begins[i], total == NULL ? &none : total);
		MemoryContextReset(row);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
}

static int
compare_ids(const void *a, const void *b)
{
	int64 left = *(const int64 *) a;
	int64 right = *(const int64 *) b;

	return left < right ? -1 : left > right;
}

/* An argument of fixed width, as an array of C. */
static const void *
read_array(FunctionCallInfo fcinfo, int number, int *count)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(number);

	if (ARR_NDIM(array) > 1 || array_contains_nulls(array))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument %d must have one dimension and no nulls", number + 1)));
	*count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	return ARR_DATA_PTR(array);
}

static node_choice
read_nodes(FunctionCallInfo fcinfo, int number)
{
	node_choice choice = {.any = PG_ARGISNULL(number)};
	const void *ids;

	if (choice.any)
		return choice;
	ids = read_array(fcinfo, number, &choice.count);
	choice.ids = palloc(Max(choice.count, 1) * sizeof(int64));
	memcpy(choice.ids, ids, choice.count * sizeof(int64));
	qsort(choice.ids, choice.count, sizeof(int64), compare_ids);
	return choice;
}

static bool
nobody(const node_choice *choice)
{
	return !choice->any && choice->count == 0;
}

static void
read_series(FunctionCallInfo fcinfo, series *s)
{
	int count;
	const TimestampTz *begins = read_array(fcinfo, 3, &count);
	Datum *graphs;
	int graph_count;

	if (count < 2)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a series needs a begin and an end")));
	series_begin(s, read_nodes(fcinfo, 1), read_nodes(fcinfo, 2), begins, count - 1);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &graphs, NULL,
					  &graph_count);
	if (nobody(&s->sources) || nobody(&s->targets))
		return;
	for (int i = 0; i < graph_count; i++)
		series_read(s, TextDatumGetCString(graphs[i]));
}

Datum
topology_series(PG_FUNCTION_ARGS)
{
	series s;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(3))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("a series needs graphs and steps")));
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	read_series(fcinfo, &s);
	put_series((ReturnSetInfo *) fcinfo->resultinfo, &s);
	SPI_finish();
	return (Datum) 0;
}
