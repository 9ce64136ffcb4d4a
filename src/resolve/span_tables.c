/*
 * span_tables.c
 *		What pairing reads of traces that have come before, and what it leaves.
 *
 * What is read is fetched by and by, so that no trace, however large, takes memory
 * for more than its waits.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "resolve/span_sql.h"
#include "resolve/span_tables.h"
#include "store/rows.h"

/* Rows that are written at once. */
#define KEEP_ROWS 16384

/* A text, copied into a context; absent where it is NULL. */
static flow_text
text_of(const SPITupleTable *table, uint64 row, int column, MemoryContext context)
{
	MemoryContext previous = MemoryContextSwitchTo(context);
	flow_text result = {NULL, 0};
	Datum value;

	if (span_sql_get(table, row, column, &value))
	{
		text *copy = DatumGetTextPCopy(value);

		result = (flow_text){VARDATA(copy), (uint32) (VARSIZE(copy) - VARHDRSZ)};
	}
	MemoryContextSwitchTo(previous);
	return result;
}

static Datum
traces_datum(const span_pairing *pairing)
{
	uint8(*ids)[16] =
		MemoryContextAllocHuge(CurrentMemoryContext, 16 * (size_t) Max(pairing->trace_count, 1));
	Datum result;

	for (int32 i = 0; i < pairing->trace_count; i++)
		memcpy(ids[i], pairing->traces[i].id, 16);
	result = uuid_array_datum((const uint8_t(*)[16]) ids, pairing->trace_count);
	pfree(ids);
	return result;
}

static void
add_old_wait(void *context, const SPITupleTable *table, uint64 row)
{
	span_pairing *pairing = context;
	span_wait *wait = span_pairing_add_wait(pairing);
	Datum value;

	wait->trace = span_pairing_find_trace(
		pairing, DatumGetUUIDP(span_sql_column(table, row, WAIT_TRACE))->data);
	wait->seen = DatumGetTimestampTz(span_sql_column(table, row, WAIT_SEEN));
	wait->role = DatumGetInt16(span_sql_column(table, row, WAIT_ROLE));
	wait->span = span_sql_bigint(table, row, WAIT_SPAN);
	wait->parent = span_sql_get(table, row, WAIT_PARENT, &value) ? DatumGetInt64(value) : 0;
	wait->owner = span_sql_bigint(table, row, WAIT_OWNER);
	wait->app = span_sql_bigint(table, row, WAIT_APP);
	wait->endpoint = text_of(table, row, WAIT_ENDPOINT, pairing->context);
	wait->entry = DatumGetBool(span_sql_column(table, row, WAIT_ENTRY));
	wait->failed = DatumGetBool(span_sql_column(table, row, WAIT_FAILED));
	wait->calls = span_sql_bigint(table, row, WAIT_CALLS);
	wait->started = DatumGetTimestampTz(span_sql_column(table, row, WAIT_STARTED));
	wait->duration_ns = span_sql_get(table, row, WAIT_DURATION, &value) ? DatumGetInt64(value) : -1;
	wait->old = *(ItemPointer) DatumGetPointer(span_sql_column(table, row, WAIT_COLUMNS));
}

void
span_tables_add_old_waits(span_pairing *pairing)
{
	Oid types[1] = {UUIDARRAYOID};
	Datum arguments[1] = {traces_datum(pairing)};

	span_sql_each_row(
		"SELECT seen, role, trace_id, span_id, parent_id, owner, app, peer_type, peer, "
		"  endpoint, entry, failed, calls, started, duration_ns, ctid "
		"FROM topo_trace.span_wait WHERE trace_id = ANY ($1)",
		1, types, arguments, add_old_wait, pairing);
}

/* Of a batch that was taken up before, 0. */
static int64
part_now(const span_news *news, int64 part)
{
	return bsearch(&part, news->parts, news->count, sizeof(int64), span_sql_compare) ? part : 0;
}

static bool
is_among(int64 number, const int64 *numbers, int count)
{
	for (int i = 0; i < count; i++)
		if (numbers[i] == number)
			return true;
	return false;
}

static void
show_spans(const span_news *news, int32 trace, int64 part, const SPITupleTable *table, uint64 row)
{
	int count, owner_count;
	int failed_count = 0;
	const int64 *spans = span_sql_numbers(span_sql_column(table, row, 2), &count);
	const int64 *owners = span_sql_numbers(span_sql_column(table, row, 3), &owner_count);
	const int64 *failed = NULL;
	Datum value;

	if (span_sql_get(table, row, 4, &value))
		failed = span_sql_numbers(value, &failed_count);
	for (int i = 0; i < Min(count, owner_count); i++)
		span_pairing_show(news->pairing, trace, part, spans[i], owners[i],
						  is_among(spans[i], failed, failed_count));
}

static void
show_part(void *context, const SPITupleTable *table, uint64 row)
{
	const span_news *news = context;
	const uint8 *id = DatumGetUUIDP(span_sql_column(table, row, 0))->data;
	int32 trace = span_pairing_find_trace(news->pairing, id);
	int64 part = part_now(news, span_sql_bigint(table, row, 1));

	if (span_pairing_cares(news->pairing, trace, part))
		show_spans(news, trace, part, table, row);
}

void
span_tables_show_parts(const span_news *news, TimestampTz cutoff)
{
	Oid types[3] = {UUIDARRAYOID, TIMESTAMPTZOID, INT8ARRAYOID};
	Datum arguments[3];

	arguments[0] = traces_datum(news->pairing);
	arguments[1] = TimestampTzGetDatum(cutoff);
	arguments[2] = bigint_array_datum(news->parts, news->count);
	/* what has come meanwhile is for the next time */
	span_sql_each_row("SELECT p.trace_id, p.part, p.spans, p.owners, p.failed "
					  "FROM topo_trace.span_part p "
					  "WHERE p.trace_id = ANY ($1) AND (p.seen > $2 OR p.part = ANY ($3)) "
					  "  AND p.part <> ALL (ARRAY(SELECT n.part FROM topo_trace.span_news n))",
					  3, types, arguments, show_part, (void *) news);
}

/* An app for each of some nodes. */
typedef struct node_apps
{
	int64 *nodes; /* ascending */
	int64 *apps;  /* 0: there is no such node any more */
	int count;
} node_apps;

static int
place_of(const node_apps *apps, int64 node)
{
	const int64 *found = bsearch(&node, apps->nodes, apps->count, sizeof(int64), span_sql_compare);

	return found ? (int) (found - apps->nodes) : -1;
}

static int64
app_of(void *context, int64 node)
{
	const node_apps *apps = context;
	int place = place_of(apps, node);

	return place >= 0 ? apps->apps[place] : 0;
}

/* The nodes of the spans that waits look for, each once. */
static void
gather_nodes(const span_pairing *pairing, node_apps *apps)
{
	int count = 0;

	apps->nodes =
		MemoryContextAllocHuge(CurrentMemoryContext, sizeof(int64) * Max(pairing->match_count, 1));
	for (int32 i = 0; i < pairing->match_count; i++)
		apps->nodes[i] = pairing->matches[i].owner;
	qsort(apps->nodes, pairing->match_count, sizeof(int64), span_sql_compare);
	for (int32 i = 0; i < pairing->match_count; i++)
		if (count == 0 || apps->nodes[count - 1] != apps->nodes[i])
			apps->nodes[count++] = apps->nodes[i];
	apps->count = count;
	apps->apps = palloc0(sizeof(int64) * Max(count, 1));
}

void
span_tables_settle(span_pairing *pairing)
{
	Oid types[1] = {INT8ARRAYOID};
	Datum arguments[1];
	node_apps apps;

	gather_nodes(pairing, &apps);
	arguments[0] = bigint_array_datum(apps.nodes, apps.count);
	span_sql_execute("SELECT n.id, topo.app_of(n) FROM topo.node n WHERE n.id = ANY ($1)", 1, types,
					 arguments, SPI_OK_SELECT);
	for (uint64 row = 0; row < SPI_processed; row++)
		apps.apps[place_of(&apps, span_sql_bigint(SPI_tuptable, row, 0))] =
			span_sql_bigint(SPI_tuptable, row, 1);
	SPI_freetuptable(SPI_tuptable);
	span_pairing_settle(pairing, app_of, &apps);
}

static bool
is_done(const span_wait *wait)
{
	return wait->decided || wait->answered;
}

/* Drop those of the table that are done. */
static void
drop_old(const span_pairing *pairing)
{
	Oid types[1] = {TIDARRAYOID};
	Datum *rows =
		MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Datum) * Max(pairing->wait_count, 1));
	Datum arguments[1];
	int count = 0;

	for (int32 i = 0; i < pairing->wait_count; i++)
		if (pairing->waits[i].part == 0 && is_done(&pairing->waits[i]))
			rows[count++] = PointerGetDatum(&pairing->waits[i].old);
	if (count > 0)
	{
		arguments[0] = PointerGetDatum(
			construct_array(rows, count, TIDOID, sizeof(ItemPointerData), false, TYPALIGN_SHORT));
		span_sql_execute("DELETE FROM topo_trace.span_wait WHERE ctid = ANY ($1)", 1, types,
						 arguments, SPI_OK_DELETE);
	}
	pfree(rows);
}

static void
set_native_text(Datum *values, bool *nulls, int column, flow_text text)
{
	nulls[column] = text.data == NULL;
	if (text.data)
		values[column] = PointerGetDatum(cstring_to_text_with_len(text.data, (int) text.length));
}

static void
add_row(row_array *rows, const span_pairing *pairing, const span_wait *wait)
{
	Datum values[WAIT_COLUMNS];
	bool nulls[WAIT_COLUMNS] = {false};

	values[WAIT_SEEN] = TimestampTzGetDatum(wait->seen);
	values[WAIT_ROLE] = Int16GetDatum(wait->role);
	values[WAIT_TRACE] = PointerGetDatum(pairing->traces[wait->trace].id);
	values[WAIT_SPAN] = Int64GetDatum(wait->span);
	values[WAIT_PARENT] = Int64GetDatum(wait->parent);
	nulls[WAIT_PARENT] = wait->parent == 0;
	values[WAIT_OWNER] = Int64GetDatum(wait->owner);
	values[WAIT_APP] = Int64GetDatum(wait->app);
	nulls[WAIT_PEER_TYPE] = !wait->peer_type;
	if (wait->peer_type)
		values[WAIT_PEER_TYPE] = CStringGetTextDatum(wait->peer_type);
	set_native_text(values, nulls, WAIT_PEER, wait->peer);
	set_native_text(values, nulls, WAIT_ENDPOINT, wait->endpoint);
	values[WAIT_ENTRY] = BoolGetDatum(wait->entry);
	values[WAIT_FAILED] = BoolGetDatum(wait->failed);
	values[WAIT_CALLS] = Int64GetDatum(wait->calls);
	values[WAIT_STARTED] = TimestampTzGetDatum(wait->started);
	values[WAIT_DURATION] = Int64GetDatum(wait->duration_ns);
	nulls[WAIT_DURATION] = wait->duration_ns < 0;
	row_array_add(rows, values, nulls);
}

/* Have those of the batches that are not done wait in the table, from the from-th on. */
static int32
keep_some(const span_pairing *pairing, int32 from)
{
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "topology span rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext previous = MemoryContextSwitchTo(scratch);
	row_array rows;
	Oid types[1];
	Datum arguments[1];

	row_array_begin(&rows, "span_wait", WAIT_COLUMNS);
	for (; from < pairing->wait_count && rows.count < KEEP_ROWS; from++)
	{
		const span_wait *wait = &pairing->waits[from];

		if (wait->part != 0 && !wait->repeated && !is_done(wait))
			add_row(&rows, pairing, wait);
	}
	types[0] = rows.array_type;
	arguments[0] = row_array_finish(&rows);
	if (rows.count > 0)
		span_sql_execute("INSERT INTO topo_trace.span_wait SELECT w.* FROM unnest($1) w", 1, types,
						 arguments, SPI_OK_INSERT);
	MemoryContextSwitchTo(previous);
	MemoryContextDelete(scratch);
	return from;
}

void
span_tables_keep(const span_pairing *pairing)
{
	drop_old(pairing);
	for (int32 from = 0; from < pairing->wait_count;)
		from = keep_some(pairing, from);
}

void
span_tables_count(const span_outcome *outcome)
{
	Oid types[4] = {INT8OID, INT8OID, INT8OID, INT8OID};
	Datum arguments[4];

	arguments[0] = Int64GetDatum(outcome->paired);
	arguments[1] = Int64GetDatum(outcome->assumed);
	arguments[2] = Int64GetDatum(outcome->repeated);
	arguments[3] = Int64GetDatum(outcome->unattributed);
	span_sql_execute(
		"UPDATE topo_trace.span_count SET paired = paired + $1, assumed = assumed + $2, "
		"  repeated = repeated + $3, unattributed = unattributed + $4",
		4, types, arguments, SPI_OK_UPDATE);
}
