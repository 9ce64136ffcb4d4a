/*
 * call_batch.c
 *		Call records merged in memory, then handed to SQL as one array.
 *
 * An end that is named as an app is that app's node, or its cluster's; a
 * database, a messaging system and a host are nodes of type external.  The
 * protocol is not kept.
 *
 * The table of windows lives in a memory context of the batch, which survives
 * transactions; what a store builds lives in a context of its own.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/memutils.h"

#include "flow/call_window.h"
#include "ingest/call_batch.h"
#include "ingest/node_dictionary.h"
#include "store/rows.h"
#include "store/traffic.h"

/* The columns of topo.call_row. */
enum
{
	ROW_BUCKET,
	ROW_SRC,
	ROW_DST,
	ROW_SRC_APP,
	ROW_DST_APP,
	ROW_ENDPOINT,
	ROW_BY_SERVER,
	ROW_FIRST_SEEN,
	ROW_LAST_SEEN,
	ROW_TRAFFIC,
	ROW_COLUMNS
};

struct call_batch
{
	MemoryContext context;
	call_window_table *windows;
};

/* The nodes of one window, by their numbers in the dictionary. */
typedef struct call_nodes
{
	int32 src;
	int32 dst;
	int32 src_app;
	int32 dst_app;
	int32 endpoint;
} call_nodes;

static void *
batch_allocate(void *context, size_t size)
{
	return MemoryContextAllocExtended((MemoryContext) context, size,
									  MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
}

static void
batch_release(void *context, void *memory)
{
	if (memory)
		pfree(memory);
}

call_batch *
call_batch_create(MemoryContext parent, size_t max_bytes)
{
	MemoryContext context =
		AllocSetContextCreate(parent, "topology call batch", ALLOCSET_DEFAULT_SIZES);
	call_batch *batch = MemoryContextAllocZero(context, sizeof(*batch));
	flow_allocator allocator = {batch_allocate, batch_release, context};

	batch->context = context;
	batch->windows = call_window_table_create(&allocator, CALL_BATCH_WINDOW_NS, max_bytes);
	if (!batch->windows)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
						errdetail("A batch of calls could not be made.")));
	return batch;
}

void
call_batch_destroy(call_batch *batch)
{
	MemoryContextDelete(batch->context);
}

bool
call_batch_add(call_batch *batch, const call_record *record)
{
	return call_window_table_add(batch->windows, record);
}

bool
call_batch_is_empty(const call_batch *batch)
{
	return call_window_table_count(batch->windows) == 0;
}

void
call_batch_clear(call_batch *batch)
{
	call_window_table_clear(batch->windows);
}

/* The finest node of an end, and the one that stands for it at the level of apps. */
static int32
add_end(node_dictionary *dictionary, span_peer kind, flow_text name, flow_text cluster, int32 *app)
{
	*app = node_dictionary_add(dictionary, node_type_of_peer(kind), name, NODE_NONE);
	if (kind != SPAN_PEER_APP)
		return *app;
	return node_dictionary_workload(dictionary, name, cluster);
}

static call_nodes
add_nodes(node_dictionary *dictionary, const call_window *window)
{
	call_nodes nodes;

	nodes.src = add_end(dictionary, window->client_kind, window->client, window->client_cluster,
						&nodes.src_app);
	nodes.dst = add_end(dictionary, window->server_kind, window->server, window->server_cluster,
						&nodes.dst_app);
	nodes.endpoint = NODE_NONE;
	if (window->server_kind == SPAN_PEER_APP)
		nodes.endpoint = node_dictionary_endpoint(dictionary, nodes.dst_app, window->endpoint);
	return nodes;
}

static int64
clamped(uint64_t number)
{
	return number > PG_INT64_MAX ? PG_INT64_MAX : (int64) number;
}

static Datum
traffic_datum(const call_window *window)
{
	traffic_value value;

	traffic_value_init(&value, CurrentMemoryContext);
	traffic_value_add(&value, TRAFFIC_REQUESTS, window->requests);
	traffic_value_add(&value, TRAFFIC_ERRORS, window->errors);
	traffic_value_add(&value, TRAFFIC_LATENCY_SUM_NS, window->latency_sum_ns);
	for (uint32_t i = 0; i < window->bucket_count; i++)
		sketch_add(&value.latency, clamped(window->buckets[i].value_ns),
				   clamped(window->buckets[i].count));
	return PointerGetDatum(traffic_form(&value));
}

static void
add_row(row_array *rows, const call_window *window, const call_nodes *nodes, const int64 *ids)
{
	Datum values[ROW_COLUMNS];
	bool nulls[ROW_COLUMNS] = {false};

	values[ROW_BUCKET] = TimestampTzGetDatum(timestamp_from_ns(window->window_ns));
	values[ROW_SRC] = Int64GetDatum(ids[nodes->src]);
	values[ROW_DST] = Int64GetDatum(ids[nodes->dst]);
	values[ROW_SRC_APP] = Int64GetDatum(ids[nodes->src_app]);
	values[ROW_DST_APP] = Int64GetDatum(ids[nodes->dst_app]);
	nulls[ROW_ENDPOINT] = nodes->endpoint == NODE_NONE || ids[nodes->endpoint] == 0;
	if (!nulls[ROW_ENDPOINT])
		values[ROW_ENDPOINT] = Int64GetDatum(ids[nodes->endpoint]);
	values[ROW_BY_SERVER] = BoolGetDatum(window->side == CALL_SIDE_SERVER);
	values[ROW_FIRST_SEEN] = TimestampTzGetDatum(timestamp_from_ns(window->first_ns));
	values[ROW_LAST_SEEN] = TimestampTzGetDatum(timestamp_from_ns(window->last_ns));
	values[ROW_TRAFFIC] = traffic_datum(window);
	row_array_add(rows, values, nulls);
}

static Datum
rows_datum(call_batch *batch, Oid *type)
{
	size_t count = call_window_table_count(batch->windows);
	call_nodes *nodes = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(*nodes) * count);
	node_dictionary *dictionary = node_dictionary_create();
	int64 *ids;
	row_array rows;

	for (size_t i = 0; i < count; i++)
		nodes[i] = add_nodes(dictionary, call_window_table_entry(batch->windows, i));
	ids = node_dictionary_resolve(dictionary);
	row_array_begin(&rows, "call_row", ROW_COLUMNS);
	for (size_t i = 0; i < count; i++)
		add_row(&rows, call_window_table_entry(batch->windows, i), &nodes[i], ids);
	*type = rows.array_type;
	return row_array_finish(&rows);
}

void
call_batch_store(call_batch *batch)
{
	MemoryContext store =
		AllocSetContextCreate(CurrentMemoryContext, "topology call rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(store);
	Oid types[1];
	Datum arguments[1];

	arguments[0] = rows_datum(batch, &types[0]);
	MemoryContextSwitchTo(previous);
	if (SPI_execute_with_args("SELECT topo.store_calls($1)", 1, types, arguments, NULL, false, 0) !=
		SPI_OK_SELECT)
		elog(ERROR, "could not store calls");
	SPI_freetuptable(SPI_tuptable);
	MemoryContextDelete(store);
	call_batch_clear(batch);
}
