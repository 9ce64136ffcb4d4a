/*
 * flow_batch.c
 *		Flow records merged in memory, then handed to SQL as arrays of rows.
 *
 * The table of windows lives in a memory context of the batch, which survives
 * transactions, so that its memory is used again by the next batch.  What a
 * store builds lives in a context of its own and is gone when it returns, or
 * with the transaction.
 *
 * Cost: a hash look-up a record; a row of some 300 bytes a conversation and
 * window while it is written, and SQL holds some copies of it: so a large batch
 * is written in parts.
 */
#include "postgres.h"

#include <sys/socket.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/inet.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "flow/flow_window.h"
#include "ingest/accepted.h"
#include "ingest/flow_batch.h"
#include "store/rows.h"
#include "settings.h"
#include "store/traffic.h"

/* Rows that are handed over at once. */
#define FLOW_STORE_ROWS 16384

/* The columns of topo.flow_row. */
enum
{
	ROW_BUCKET,
	ROW_FIRST_SEEN,
	ROW_LAST_SEEN,
	ROW_SCOPE,
	ROW_PROTOCOL,
	ROW_ROLE,
	ROW_ROLE_GUESSED,
	ROW_LOCAL_ADDRESS,
	ROW_LOCAL_PORT,
	ROW_PEER_ADDRESS,
	ROW_PEER_PORT,
	ROW_NAT_LOCAL_ADDRESS,
	ROW_NAT_LOCAL_PORT,
	ROW_NAT_PEER_ADDRESS,
	ROW_NAT_PEER_PORT,
	ROW_APP,
	ROW_CLUSTER,
	ROW_REGION,
	ROW_TRAFFIC,
	ROW_COLUMNS
};

struct flow_batch
{
	MemoryContext context;
	flow_window_table *windows;
	accepted_times accepted;
};

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

flow_batch *
flow_batch_create(MemoryContext parent)
{
	MemoryContext context =
		AllocSetContextCreate(parent, "topology flow batch", ALLOCSET_DEFAULT_SIZES);
	flow_batch *batch = MemoryContextAllocZero(context, sizeof(*batch));
	flow_allocator allocator = {batch_allocate, batch_release, context};

	batch->context = context;
	batch->windows =
		flow_window_table_create(&allocator, FLOW_WINDOW_NS, (size_t) topology_batch_memory * 1024);
	if (!batch->windows)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
						errdetail("A batch of flows could not be made.")));
	return batch;
}

void
flow_batch_destroy(flow_batch *batch)
{
	MemoryContextDelete(batch->context);
}

void
flow_batch_begin(flow_batch *batch)
{
	batch->accepted = accepted_times_load("network");
}

const char *
flow_batch_refusal(const flow_batch *batch, const flow_record *record)
{
	return accepted_times_refusal(&batch->accepted, record->start_ns, record->end_ns);
}

bool
flow_batch_add(flow_batch *batch, const flow_record *record)
{
	return flow_window_table_add(batch->windows, record);
}

bool
flow_batch_is_empty(const flow_batch *batch)
{
	return flow_window_table_count(batch->windows) == 0;
}

void
flow_batch_clear(flow_batch *batch)
{
	flow_window_table_clear(batch->windows);
}

static Datum
inet_datum(const flow_address *address)
{
	inet *result = (inet *) palloc0(sizeof(inet));

	ip_family(result) = address->family == 4 ? PGSQL_AF_INET : PGSQL_AF_INET6;
	ip_bits(result) = ip_maxbits(result);
	memcpy(ip_addr(result), address->bytes, ip_addrsize(result));
	SET_INET_VARSIZE(result);
	return InetPGetDatum(result);
}

static Datum
traffic_datum(const flow_counters *counters)
{
	traffic_value value;

	traffic_value_init(&value, CurrentMemoryContext);
	traffic_value_add(&value, TRAFFIC_CONNECTIONS, counters->connections);
	traffic_value_add(&value, TRAFFIC_FAILED, counters->failed);
	traffic_value_add(&value, TRAFFIC_BYTES_SENT, counters->tx_bytes);
	traffic_value_add(&value, TRAFFIC_BYTES_RECEIVED, counters->rx_bytes);
	traffic_value_add(&value, TRAFFIC_PACKETS_SENT, counters->tx_packets);
	traffic_value_add(&value, TRAFFIC_PACKETS_RECEIVED, counters->rx_packets);
	traffic_value_add(&value, TRAFFIC_RETRANSMITS, counters->retransmits);
	traffic_value_add(&value, TRAFFIC_RTT_SUM_US, counters->rtt_sum_us);
	traffic_value_add(&value, TRAFFIC_RTT_SAMPLES, counters->rtt_samples);
	return PointerGetDatum(traffic_form(&value));
}

static void
set_address(Datum *values, bool *nulls, int column, const flow_address *address)
{
	nulls[column] = address->family == 0;
	if (address->family != 0)
		values[column] = inet_datum(address);
}

static void
add_row(row_array *rows, const flow_window *window)
{
	Datum values[ROW_COLUMNS];
	bool nulls[ROW_COLUMNS] = {false};

	values[ROW_BUCKET] = TimestampTzGetDatum(timestamp_from_ns(window->window_ns));
	values[ROW_FIRST_SEEN] = TimestampTzGetDatum(timestamp_from_ns(window->first_ns));
	values[ROW_LAST_SEEN] = TimestampTzGetDatum(timestamp_from_ns(window->last_ns));
	values[ROW_SCOPE] =
		window->scope.data ? text_datum(window->scope) : PointerGetDatum(cstring_to_text(""));
	values[ROW_PROTOCOL] = Int16GetDatum(window->protocol);
	values[ROW_ROLE] = Int16GetDatum(window->role);
	values[ROW_ROLE_GUESSED] = BoolGetDatum(window->role_guessed);
	set_address(values, nulls, ROW_LOCAL_ADDRESS, &window->local);
	values[ROW_LOCAL_PORT] = Int32GetDatum(window->local_port);
	set_address(values, nulls, ROW_PEER_ADDRESS, &window->peer);
	values[ROW_PEER_PORT] = Int32GetDatum(window->peer_port);
	set_address(values, nulls, ROW_NAT_LOCAL_ADDRESS, &window->nat_local);
	set_address(values, nulls, ROW_NAT_PEER_ADDRESS, &window->nat_peer);
	nulls[ROW_NAT_LOCAL_PORT] = window->nat_local.family == 0 || window->role != FLOW_ROLE_SERVER;
	values[ROW_NAT_LOCAL_PORT] = Int32GetDatum(window->nat_local_port);
	nulls[ROW_NAT_PEER_PORT] = window->nat_peer.family == 0;
	values[ROW_NAT_PEER_PORT] = Int32GetDatum(window->nat_peer_port);
	set_text(values, nulls, ROW_APP, window->app);
	set_text(values, nulls, ROW_CLUSTER, window->cluster);
	set_text(values, nulls, ROW_REGION, window->region);
	values[ROW_TRAFFIC] = traffic_datum(&window->counters);
	row_array_add(rows, values, nulls);
}

/* Hand the rows to a statement whose last parameter they are; there may be a first, source. */
static void
store_rows(MemoryContext store, row_array *rows, const char *statement, const char *source)
{
	MemoryContext previous = MemoryContextSwitchTo(store);
	Oid types[2] = {TEXTOID, rows->array_type};
	Datum arguments[2];
	int first = source ? 0 : 1;

	arguments[0] = source ? CStringGetTextDatum(source) : (Datum) 0;
	arguments[1] = row_array_finish(rows);
	MemoryContextSwitchTo(previous);
	if (SPI_execute_with_args(statement, 2 - first, types + first, arguments + first, NULL, false,
							  0) != SPI_OK_SELECT)
		elog(ERROR, "could not store flows");
	SPI_freetuptable(SPI_tuptable);
}

/* Write the entries from first on, at the most FLOW_STORE_ROWS; returns how many. */
static size_t
store_some(const flow_batch *batch, const char *source, size_t first)
{
	size_t left = flow_window_table_count(batch->windows) - first;
	size_t count = Min(left, FLOW_STORE_ROWS);
	MemoryContext store =
		AllocSetContextCreate(CurrentMemoryContext, "topology flow rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(store);
	row_array flows;
	row_array translations;

	row_array_begin(&flows, "flow_row", ROW_COLUMNS);
	row_array_begin(&translations, "flow_row", ROW_COLUMNS);
	for (size_t i = first; i < first + count; i++)
	{
		const flow_window *window = flow_window_table_entry(batch->windows, i);

		add_row(window->role == FLOW_ROLE_FORWARDER ? &translations : &flows, window);
	}
	MemoryContextSwitchTo(previous);
	if (flows.count > 0)
		store_rows(store, &flows, "SELECT topo.store_flows($1, $2)", source);
	if (translations.count > 0)
		store_rows(store, &translations, "SELECT topo.store_translations($1)", NULL);
	MemoryContextDelete(store);
	return count;
}

void
flow_batch_store(flow_batch *batch, const char *source)
{
	size_t count = flow_window_table_count(batch->windows);

	for (size_t stored = 0; stored < count;)
		stored += store_some(batch, source, stored);
	flow_batch_clear(batch);
}
