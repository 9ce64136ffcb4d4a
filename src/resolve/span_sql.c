/*
 * span_sql.c
 *		What the files of pairing share of SPI.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "resolve/span_sql.h"

/* Rows that are fetched at once. */
#define FETCH_ROWS 1000

void
span_sql_execute(const char *command, int count, Oid *types, Datum *arguments, int expected)
{
	int result = SPI_execute_with_args(command, count, types, arguments, NULL, false, 0);

	if (result != expected)
		elog(ERROR, "unexpected result of \"%s\": %s", command, SPI_result_code_string(result));
}

void
span_sql_each_row(const char *query, int count, Oid *types, Datum *arguments,
				  void (*take)(void *context, const SPITupleTable *table, uint64 row),
				  void *context)
{
	Portal portal = SPI_cursor_open_with_args(NULL, query, count, types, arguments, NULL, false, 0);
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "topology span rows", ALLOCSET_DEFAULT_SIZES);
	SPITupleTable *table;

	for (SPI_cursor_fetch(portal, true, FETCH_ROWS); SPI_processed > 0;
		 SPI_cursor_fetch(portal, true, FETCH_ROWS))
	{
		MemoryContext previous = MemoryContextSwitchTo(scratch);

		table = SPI_tuptable;
		for (uint64 row = 0; row < SPI_processed; row++)
			take(context, table, row);
		MemoryContextSwitchTo(previous);
		MemoryContextReset(scratch);
		SPI_freetuptable(table);
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(scratch);
}

bool
span_sql_get(const SPITupleTable *table, uint64 row, int column, Datum *value)
{
	bool isnull;

	*value = SPI_getbinval(table->vals[row], table->tupdesc, column + 1, &isnull);
	return !isnull;
}

Datum
span_sql_column(const SPITupleTable *table, uint64 row, int column)
{
	Datum value;

	if (!span_sql_get(table, row, column, &value))
		elog(ERROR, "column %d is NULL", column + 1);
	return value;
}

int64
span_sql_bigint(const SPITupleTable *table, uint64 row, int column)
{
	return DatumGetInt64(span_sql_column(table, row, column));
}

const int64 *
span_sql_numbers(Datum datum, int *count)
{
	ArrayType *array = DatumGetArrayTypeP(datum);

	if (ARR_ELEMTYPE(array) != INT8OID || ARR_HASNULL(array))
		elog(ERROR, "not an array of bigint without nulls");
	*count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	return (const int64 *) ARR_DATA_PTR(array);
}

int
span_sql_compare(const void *left, const void *right)
{
	int64 a = *(const int64 *) left;
	int64 b = *(const int64 *) right;

	return a < b ? -1 : a > b;
}
