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
 * What a store builds lives in a context of its own and is gone when it returns,
 * or with the transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "ingest/node_dictionary.h"
#include "ingest/rows.h"
#include "ingest/span_batch.h"
#include "ingest/span_stage.h"

/* Spans of one row, and of one batch: an array has to stay below 1 GB. */
#define PART_SPANS  100
#define BATCH_SPANS 500000

/* The columns of topo.span_part_row. */
enum
{
	PART_TRACE,
	PART_IDS,
	PART_OWNERS,
	PART_FAILED,
	PART_COLUMNS
};

/* The columns of topo.span_wait. */
enum
{
	WAIT_ROLE,
	WAIT_TRACE,
	WAIT_SPAN,
	WAIT_PARENT,
	WAIT_CALLER,
	WAIT_OWNER,
	WAIT_APP,
	WAIT_PEER_TYPE,
	WAIT_PEER,
	WAIT_ENDPOINT,
	WAIT_ENTRY,
	WAIT_FAILED,
	WAIT_CALLS,
	WAIT_STARTED,
	WAIT_DURATION,
	WAIT_COLUMNS
};

/* Which side of a call waits. */
#define ROLE_CALLER 1
#define ROLE_CALLEE 2

struct span_batch
{
	MemoryContext context;
	size_t max_bytes;
	span_stage stage;
};

/* One store: spans by trace, with the nodes that they are of. */
typedef struct span_store
{
	staged_span **spans;
	size_t count;
	int64 *ids; /* by the numbers of nodes in the spans */
	row_array parts;
	row_array waits;
} span_store;

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
	return span_stage_bytes(&batch->stage) >= batch->max_bytes || batch->stage.count >= BATCH_SPANS;
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

static void
find_owners(span_store *store)
{
	node_dictionary *dictionary = node_dictionary_create();

	for (size_t i = 0; i < store->count; i++)
	{
		staged_span *span = store->spans[i];

		span->app = node_dictionary_add(dictionary, "app", span->service, NODE_NONE);
		span->owner = node_dictionary_workload(dictionary, span->service, span->cluster);
	}
	store->ids = node_dictionary_resolve(dictionary);
}

/* One row: spans of one trace, at the most PART_SPANS. */
static void
add_part(span_store *store, size_t begin, size_t end)
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
		spans[count] = (int64) store->spans[i]->span;
		owners[count++] = store->ids[store->spans[i]->owner];
		if (store->spans[i]->failed)
			failed[failures++] = (int64) store->spans[i]->span;
	}
	values[PART_TRACE] = PointerGetDatum(store->spans[begin]->trace_id);
	values[PART_IDS] = bigint_array_datum(spans, count);
	values[PART_OWNERS] = bigint_array_datum(owners, count);
	nulls[PART_FAILED] = failures == 0;
	if (failures > 0)
		values[PART_FAILED] = bigint_array_datum(failed, failures);
	row_array_add(&store->parts, values, nulls);
}

static void
add_parts(span_store *store)
{
	row_array_begin(&store->parts, "span_part_row", PART_COLUMNS);
	for (size_t begin = 0, end; begin < store->count; begin = end)
	{
		const staged_span *first = store->spans[begin];

		for (end = begin + 1; end < store->count && end - begin < PART_SPANS &&
							  memcmp(store->spans[end]->trace_id, first->trace_id, 16) == 0;
			 end++)
			continue;
		add_part(store, begin, end);
	}
}

static void
add_wait(span_store *store, const staged_span *span, int16 role)
{
	Datum values[WAIT_COLUMNS];
	bool nulls[WAIT_COLUMNS] = {false};
	bool has_peer = span->peer.data && (role == ROLE_CALLER || span_is_entry(span));

	values[WAIT_ROLE] = Int16GetDatum(role);
	values[WAIT_TRACE] = PointerGetDatum(span->trace_id);
	values[WAIT_SPAN] = Int64GetDatum((int64) span->span);
	values[WAIT_PARENT] = Int64GetDatum((int64) span->parent);
	nulls[WAIT_PARENT] = span->parent == 0 || role == ROLE_CALLER;
	nulls[WAIT_CALLER] = role == ROLE_CALLER || !span->caller;
	if (!nulls[WAIT_CALLER])
		values[WAIT_CALLER] = Int64GetDatum(store->ids[span->caller->owner]);
	values[WAIT_OWNER] = Int64GetDatum(store->ids[span->owner]);
	values[WAIT_APP] = Int64GetDatum(store->ids[span->app]);
	set_text(values, nulls, WAIT_PEER, has_peer ? span->peer : (flow_text){NULL, 0});
	nulls[WAIT_PEER_TYPE] = !has_peer;
	if (has_peer)
		values[WAIT_PEER_TYPE] = CStringGetTextDatum(node_type_of_peer(span->peer_kind));
	set_text(values, nulls, WAIT_ENDPOINT,
			 role == ROLE_CALLEE ? span->endpoint : (flow_text){NULL, 0});
	values[WAIT_ENTRY] = BoolGetDatum(span_is_entry(span));
	values[WAIT_FAILED] =
		BoolGetDatum(span->failed || (!nulls[WAIT_CALLER] && span->caller->failed));
	values[WAIT_CALLS] = Int64GetDatum(span->calls);
	values[WAIT_STARTED] = TimestampTzGetDatum(timestamp_from_ns(span->start_ns));
	values[WAIT_DURATION] = Int64GetDatum(span->duration_ns);
	nulls[WAIT_DURATION] = span->duration_ns < 0;
	row_array_add(&store->waits, values, nulls);
}

static void
add_waits(span_store *store)
{
	row_array_begin(&store->waits, "span_wait", WAIT_COLUMNS);
	for (size_t i = 0; i < store->count; i++)
	{
		if (span_awaits_caller(store->spans[i]))
			add_wait(store, store->spans[i], ROLE_CALLEE);
		if (span_awaits_callee(store->spans[i]))
			add_wait(store, store->spans[i], ROLE_CALLER);
	}
}

void
span_batch_store(span_batch *batch)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "topology span rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(context);
	span_store store;
	Oid types[4] = {InvalidOid, InvalidOid, INT8OID, INT8OID};
	Datum arguments[4];

	store.spans = span_stage_settle(&batch->stage, &store.count);
	find_owners(&store);
	add_parts(&store);
	add_waits(&store);
	types[0] = store.parts.array_type;
	types[1] = store.waits.array_type;
	arguments[0] = row_array_finish(&store.parts);
	arguments[1] = row_array_finish(&store.waits);
	arguments[2] = Int64GetDatum(batch->stage.unattributed);
	arguments[3] = Int64GetDatum(batch->stage.repeated);
	MemoryContextSwitchTo(previous);
	if (SPI_execute_with_args("SELECT topo.store_spans($1, $2, $3, $4)", 4, types, arguments, NULL,
							  false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not store spans");
	SPI_freetuptable(SPI_tuptable);
	MemoryContextDelete(context);
	span_batch_clear(batch);
}
