/*
 * flow_batch.c
 *		Flow records merged in memory, then handed to SQL as one array.
 *
 * The table of windows lives in a memory context of the batch, which survives
 * transactions, so that its memory is used again by the next batch.  What a
 * store builds lives in a context of its own and is gone when it returns, or
 * with the transaction.
 *
 * Cost: a hash look-up a record; a row of some 300 bytes a conversation and
 * window while it is written.
 */
#include "postgres.h"

#include <sys/socket.h>

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inet.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "flow/flow_window.h"
#include "flow/utf8.h"
#include "ingest/flow_batch.h"
#include "settings.h"
#include "store/traffic.h"

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
	TimestampTz oldest; /* accepted */
	TimestampTz newest;
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
	batch->windows = flow_window_table_create(&allocator, FLOW_BATCH_WINDOW_NS,
											  (size_t) topology_batch_memory * 1024);
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

/* Unix nanoseconds to PostgreSQL's microseconds since 2000; any int64 fits. */
static TimestampTz
timestamp_from_ns(int64 ns)
{
	const int64 epoch_us =
		(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY * USECS_PER_SEC;
	int64 us = ns / 1000;

	if (ns % 1000 < 0)
		us--;
	return us - epoch_us;
}

void
flow_batch_begin(flow_batch *batch)
{
	bool isnull;

	if (SPI_execute("SELECT oldest, newest FROM topo.accepted_times()", true, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read which times are accepted");
	batch->oldest = DatumGetTimestampTz(
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	batch->newest = DatumGetTimestampTz(
		SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	SPI_freetuptable(SPI_tuptable);
}

const char *
flow_batch_refusal(const flow_batch *batch, const flow_record *record)
{
	if (timestamp_from_ns(record->start_ns) < batch->oldest)
		return "is older than what the graph keeps of flows";
	if (timestamp_from_ns(record->end_ns) > batch->newest)
		return "is more than an hour ahead of this server's clock";
	return NULL;
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

/* One character of UTF-8; a question mark where the database's encoding lacks it. */
static void
append_character(StringInfo result, Oid conversion, const char *character, int length)
{
	unsigned char converted[32];

	if (OidIsValid(conversion) &&
		pg_do_encoding_conversion_buf(conversion, PG_UTF8, GetDatabaseEncoding(),
									  (unsigned char *) character, length, converted,
									  sizeof(converted), true) == length)
		appendStringInfoString(result, (char *) converted);
	else
		appendStringInfoChar(result, '?');
}

/* A text in the database's encoding: what a process calls itself must stop no batch. */
static text *
convert_text(flow_text from)
{
	Oid conversion = FindDefaultConversionProc(PG_UTF8, GetDatabaseEncoding());
	StringInfoData result;
	uint32 at = 0;

	initStringInfo(&result);
	while (at < from.length)
	{
		int length = Max(utf8_character_length(from.data + at, from.length - at), 1);

		if (length == 1)
			appendStringInfoChar(&result, from.data[at]);
		else
			append_character(&result, conversion, from.data + at, length);
		at += length;
	}
	return cstring_to_text_with_len(result.data, result.len);
}

static Datum
text_datum(flow_text text)
{
	if (GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII)
		return PointerGetDatum(cstring_to_text_with_len(text.data, text.length));
	return PointerGetDatum(convert_text(text));
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
set_text(Datum *values, bool *nulls, int column, flow_text text)
{
	nulls[column] = text.data == NULL;
	if (text.data)
		values[column] = text_datum(text);
}

static void
set_address(Datum *values, bool *nulls, int column, const flow_address *address)
{
	nulls[column] = address->family == 0;
	if (address->family != 0)
		values[column] = inet_datum(address);
}

static Datum
row_datum(TupleDesc desc, const flow_window *window)
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
	nulls[ROW_NAT_PEER_PORT] = window->nat_peer.family == 0;
	values[ROW_NAT_PEER_PORT] = Int32GetDatum(window->nat_peer_port);
	set_text(values, nulls, ROW_APP, window->app);
	set_text(values, nulls, ROW_CLUSTER, window->cluster);
	set_text(values, nulls, ROW_REGION, window->region);
	values[ROW_TRAFFIC] = traffic_datum(&window->counters);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

static Oid
flow_row_type(void)
{
	Oid schema = get_namespace_oid("topo", false);
	Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("flow_row"),
							   ObjectIdGetDatum(schema));

	if (!OidIsValid(type))
		elog(ERROR, "type topo.flow_row does not exist");
	return type;
}

static Datum
rows_datum(flow_batch *batch, Oid type)
{
	size_t count = flow_window_table_count(batch->windows);
	TupleDesc desc = lookup_rowtype_tupdesc(type, -1);
	Datum *rows = palloc(sizeof(Datum) * count);
	ArrayType *result;

	if (desc->natts != ROW_COLUMNS)
		elog(ERROR, "type topo.flow_row has %d columns", desc->natts);
	for (size_t i = 0; i < count; i++)
		rows[i] = row_datum(desc, flow_window_table_entry(batch->windows, i));
	ReleaseTupleDesc(desc);
	result = construct_array(rows, count, type, -1, false, TYPALIGN_DOUBLE);
	return PointerGetDatum(result);
}

void
flow_batch_store(flow_batch *batch, const char *source)
{
	Oid row_type = flow_row_type();
	Oid types[2] = {TEXTOID, get_array_type(row_type)};
	MemoryContext store =
		AllocSetContextCreate(CurrentMemoryContext, "topology flow rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(store);
	Datum arguments[2];

	arguments[0] = CStringGetTextDatum(source);
	arguments[1] = rows_datum(batch, row_type);
	MemoryContextSwitchTo(previous);
	if (SPI_execute_with_args("SELECT topo.store_flows($1, $2)", 2, types, arguments, NULL, false,
							  0) != SPI_OK_SELECT)
		elog(ERROR, "could not store flows");
	SPI_freetuptable(SPI_tuptable);
	MemoryContextDelete(store);
	flow_batch_clear(batch);
}
