/*
 * span_news.c
 *		Batches of spans that have not been paired: topo_trace.span_news.
 *
 * A batch has its waits as a matrix of numbers, since there are many;
 * span_waits.c writes it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "resolve/span_news.h"
#include "resolve/span_sql.h"
#include "store/span_matrix.h"

static const char peer_app[] = "app";
static const char peer_external[] = "external";

static const uint8 (*uuids_of(Datum datum, int *count))[16]
{
	ArrayType *array = DatumGetArrayTypeP(datum);

	if (ARR_ELEMTYPE(array) != UUIDOID || ARR_HASNULL(array))
		elog(ERROR, "not an array of uuid without nulls");
	*count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	return (const uint8(*)[16]) ARR_DATA_PTR(array);
}

/* A copy of an array, in a context. */
static ArrayType *
text_array_copy(Datum datum, MemoryContext context)
{
	MemoryContext previous = MemoryContextSwitchTo(context);
	ArrayType *copy = DatumGetArrayTypePCopy(datum);

	MemoryContextSwitchTo(previous);
	return copy;
}

/* The texts that a batch's waits have by number, from 1; 0 is none. */
static flow_text *
texts_of(ArrayType *array)
{
	Datum *elements;
	int count;
	flow_text *texts;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &count);
	texts = palloc0(sizeof(*texts) * (count + 1));
	for (int i = 0; i < count; i++)
	{
		texts[i + 1].data = VARDATA_ANY(DatumGetPointer(elements[i]));
		texts[i + 1].length = (uint32) VARSIZE_ANY_EXHDR(DatumGetPointer(elements[i]));
	}
	return texts;
}

static void
fill_wait(span_wait *wait, const int64 *numbers, const int32 *traces, const flow_text *texts)
{
	int64 marks = numbers[SPAN_MATRIX_MARKS];

	wait->trace = traces[numbers[SPAN_MATRIX_TRACE]];
	wait->span = numbers[SPAN_MATRIX_SPAN];
	wait->parent = numbers[SPAN_MATRIX_PARENT];
	wait->caller = numbers[SPAN_MATRIX_CALLER];
	wait->owner = numbers[SPAN_MATRIX_OWNER];
	wait->app = numbers[SPAN_MATRIX_APP];
	wait->peer = texts[numbers[SPAN_MATRIX_PEER]];
	wait->endpoint = texts[numbers[SPAN_MATRIX_ENDPOINT]];
	wait->calls = numbers[SPAN_MATRIX_CALLS];
	wait->started = numbers[SPAN_MATRIX_STARTED];
	wait->duration_ns = numbers[SPAN_MATRIX_DURATION];
	wait->role = marks & SPAN_MARK_CALLER ? SPAN_WAIT_CALLER : SPAN_WAIT_CALLEE;
	wait->entry = (marks & SPAN_MARK_ENTRY) != 0;
	wait->failed = (marks & SPAN_MARK_FAILED) != 0;
	if (wait->peer.data)
		wait->peer_type = marks & SPAN_MARK_PEER_IS_APP ? peer_app : peer_external;
}

/* The numbers that a batch's traces have in the pairing, by those in the batch. */
static int32 *
add_traces(span_pairing *pairing, Datum datum)
{
	int count;
	const uint8(*ids)[16] = uuids_of(datum, &count);
	int32 *traces = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int32) * (count + 1));

	traces[0] = -1;
	for (int i = 0; i < count; i++)
		traces[i + 1] = span_pairing_add_trace(pairing, ids[i]);
	return traces;
}

static void
take_batch(span_news *news, const SPITupleTable *table, uint64 row)
{
	int count;
	const int64 *numbers = span_sql_numbers(span_sql_column(table, row, 3), &count);
	flow_text *texts =
		texts_of(text_array_copy(span_sql_column(table, row, 4), news->pairing->context));
	int32 *traces = add_traces(news->pairing, span_sql_column(table, row, 2));
	int64 part = span_sql_bigint(table, row, 0);

	for (int at = 0; at < count; at += SPAN_MATRIX_COLUMNS)
	{
		span_wait *wait = span_pairing_add_wait(news->pairing);

		fill_wait(wait, numbers + at, traces, texts);
		wait->part = part;
		wait->seen = DatumGetTimestampTz(span_sql_column(table, row, 1));
	}
	news->parts[news->count++] = part;
	news->unattributed += span_sql_bigint(table, row, 5);
	news->repeated += span_sql_bigint(table, row, 6);
}

static void
take_batches(span_news *news, const SPITupleTable *table, uint64 count)
{
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "topology span news", ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(scratch);

	for (uint64 row = 0; row < count; row++)
	{
		take_batch(news, table, row);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(scratch);
}

void
span_news_take(span_news *news, int64 max_bytes)
{
	Oid types[1] = {INT8OID};
	Datum arguments[1] = {Int64GetDatum(max_bytes)};
	SPITupleTable *table;
	uint64 count;
	int64 traces = 0;

	memset(news, 0, sizeof(*news));
	span_sql_execute("DELETE FROM topo_trace.span_news n WHERE n.part IN ("
					 "  SELECT o.part FROM ("
					 "    SELECT part, sum(pg_column_size(waits)) OVER (ORDER BY part) - "
					 "      pg_column_size(waits) AS before FROM topo_trace.span_news) o "
					 "  WHERE o.before < $1) "
					 "RETURNING part, seen, traces, waits, texts, unattributed, repeated, "
					 "  cardinality(traces)",
					 1, types, arguments, SPI_OK_DELETE_RETURNING);
	table = SPI_tuptable;
	count = SPI_processed;
	for (uint64 row = 0; row < count; row++)
		traces += DatumGetInt32(span_sql_column(table, row, 7));
	news->pairing = span_pairing_create((int32) Min(traces, PG_INT32_MAX));
	news->parts = palloc(sizeof(int64) * Max(count, 1));
	take_batches(news, table, count);
	qsort(news->parts, news->count, sizeof(int64), span_sql_compare);
	SPI_freetuptable(table);
}
