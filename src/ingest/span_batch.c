/*
 * span_batch.c
 *		A batch of spans on its way to the trace layer.
 *
 * Of every span the id is written, with those of its trace: any span may turn
 * out to be the parent of one that comes later, and a span that comes again is
 * known by it.  So that rows are few, the spans of one trace and batch are one
 * row, up to PART_SPANS of them, with which a row stays within a page.  Spans
 * that wait for the other side of their call are written whole, all of a batch
 * in one row, which the pairing takes and deletes.
 *
 * What SQL is handed it holds some copies of, so a large batch is written as
 * several, a trace in one of them.  What a store builds lives in a context of its
 * own and is gone when it returns, or with the transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/memutils.h"

#include "ingest/node_dictionary.h"
#include "ingest/span_batch.h"
#include "ingest/span_stage.h"
#include "ingest/span_waits.h"
#include "store/rows.h"

/* Spans of one row, and, of whole traces, those that are handed over at once. */
#define PART_SPANS  100
#define STORE_SPANS 32768

/* The columns of topo.span_part_row. */
enum
{
	PART_TRACE,
	PART_IDS,
	PART_OWNERS,
	PART_FAILED,
	PART_COLUMNS
};

struct span_batch
{
	MemoryContext context;
	size_t max_bytes;
	span_stage stage;
};

/* Some whole traces of a batch: their spans, and what is written of them. */
typedef struct span_slice
{
	staged_span **spans;
	size_t count;
	const int64 *ids; /* by the numbers of nodes in the spans */
	row_array parts;
	span_waits *waits;
} span_slice;

span_batch *
span_batch_create(MemoryContext parent, size_t max_bytes)
{
	MemoryContext context =
		AllocSetContextCreate(parent, "topology span batch", ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(context);
	span_batch *batch = palloc0(sizeof(*batch));

	batch->context = context;
	batch->max_bytes = max_bytes;
	span_stage_init(&batch->stage);
	MemoryContextSwitchTo(previous);
	return batch;
}

void
span_batch_destroy(span_batch *batch)
{
	MemoryContextDelete(batch->context);
}

void
span_batch_add(span_batch *batch, const span_record *record)
{
	span_stage_add(&batch->stage, record);
}

bool
span_batch_is_empty(const span_batch *batch)
{
	return batch->stage.count == 0 && batch->stage.unattributed == 0;
}

bool
span_batch_is_full(const span_batch *batch)
{
	return span_stage_bytes(&batch->stage) >= batch->max_bytes;
}

span_batch_mark
span_batch_get_mark(const span_batch *batch)
{
	return (span_batch_mark){batch->stage.count, batch->stage.unattributed};
}

void
span_batch_truncate(span_batch *batch, span_batch_mark mark)
{
	span_stage_truncate(&batch->stage, mark.count);
	batch->stage.unattributed = mark.unattributed;
}

void
span_batch_clear(span_batch *batch)
{
	span_stage_clear(&batch->stage);
}

/* The nodes that the spans are of, made where there are none: their ids by number. */
static int64 *
find_owners(span_stage *stage)
{
	node_dictionary *dictionary = node_dictionary_create();
	const staged_span *last = NULL;

	/* as they came, most are of the service of the one before */
	for (size_t i = 0; i < stage->count; i++)
	{
		staged_span *span = span_stage_at(stage, i);

		if (last && last->service.data == span->service.data &&
			last->cluster.data == span->cluster.data)
		{
			span->app = last->app;
			span->owner = last->owner;
			continue;
		}
		span->app = node_dictionary_add(dictionary, "app", span->service, NODE_NONE);
		span->owner = node_dictionary_workload(dictionary, span->service, span->cluster);
		last = span;
	}
	return node_dictionary_resolve(dictionary);
}

/* One row: spans of one trace, at the most PART_SPANS. */
static void
add_part(span_slice *slice, size_t begin, size_t end)
{
	int64 spans[PART_SPANS] = {0};
	int64 owners[PART_SPANS] = {0};
	int64 failed[PART_SPANS] = {0};
	int count = 0;
	int failures = 0;
	Datum values[PART_COLUMNS];
	bool nulls[PART_COLUMNS] = {false};

	for (size_t i = begin; i < end; i++)
	{
		const staged_span *span = slice->spans[i];

		spans[count] = (int64) span->span;
		owners[count++] = slice->ids[span->owner];
		if (span->failed)
			failed[failures++] = (int64) span->span;
	}
	values[PART_TRACE] = PointerGetDatum(slice->spans[begin]->trace_id);
	values[PART_IDS] = bigint_array_datum(spans, count);
	values[PART_OWNERS] = bigint_array_datum(owners, count);
	nulls[PART_FAILED] = failures == 0;
	if (failures > 0)
		values[PART_FAILED] = bigint_array_datum(failed, failures);
	row_array_add(&slice->parts, values, nulls);
}

/* What is written of the spans of one trace. */
static void
add_trace(span_slice *slice, size_t begin, size_t end)
{
	span_waits_begin_trace(slice->waits, slice->spans[begin]->trace_id);
	for (size_t at = begin; at < end; at += PART_SPANS)
		add_part(slice, at, Min(at + PART_SPANS, end));
	for (size_t i = begin; i < end; i++)
		span_waits_add(slice->waits, slice->spans[i], slice->ids);
}

/* Where the trace ends whose spans begin at begin. */
static size_t
trace_end(staged_span **spans, size_t count, size_t begin)
{
	size_t end = begin + 1;

	while (end < count && memcmp(spans[end]->trace_id, spans[begin]->trace_id, 16) == 0)
		end++;
	return end;
}

/* The counters of the whole batch go with its first slice. */
static void
write_slice(const span_slice *slice, int64 unattributed, int64 repeated)
{
	Oid types[6] = {InvalidOid, UUIDARRAYOID, INT8ARRAYOID, TEXTARRAYOID, INT8OID, INT8OID};
	Datum arguments[6];
	row_array parts = slice->parts;

	types[0] = parts.array_type;
	arguments[0] = row_array_finish(&parts);
	arguments[1] = span_waits_traces(slice->waits);
	arguments[2] = span_waits_matrix(slice->waits);
	arguments[3] = span_waits_texts(slice->waits);
	arguments[4] = Int64GetDatum(unattributed);
	arguments[5] = Int64GetDatum(repeated);
	if (SPI_execute_with_args("SELECT topo.store_spans($1, $2, $3, $4, $5, $6)", 6, types,
							  arguments, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not store spans");
	SPI_freetuptable(SPI_tuptable);
}

/* Write whole traces from first on, some STORE_SPANS spans; returns where it ended. */
static size_t
store_some(const span_stage *stage, span_slice slice, size_t first)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "topology span rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(context);
	size_t at = first;

	row_array_begin(&slice.parts, "span_part_row", PART_COLUMNS);
	slice.waits = span_waits_create();
	while (at < slice.count && at - first < STORE_SPANS)
	{
		size_t end = trace_end(slice.spans, slice.count, at);

		add_trace(&slice, at, end);
		at = end;
	}
	write_slice(&slice, first == 0 ? stage->unattributed : 0, first == 0 ? stage->repeated : 0);
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(context);
	return at;
}

void
span_batch_store(span_batch *batch)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "topology spans", ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(context);
	span_slice whole = {.ids = find_owners(&batch->stage)};
	size_t stored = 0;

	whole.spans = span_stage_settle(&batch->stage, &whole.count);
	do
		stored = store_some(&batch->stage, whole, stored);
	while (stored < whole.count);
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(context);
	span_batch_clear(batch);
}
