/*
 * series_windows.c
 *		The windows of a graph, as traffic of a series.
 *
 * A first query finds the rows there are: windows in rows of their own are taken at once,
 * of packs only who they are.  Those of one width and time are a lot, which has a memo,
 * or is read by a second query.
 */
#include "postgres.h"

#include "window/series_windows.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "store/pack.h"
#include "store/pack_error.h"
#include "store/query.h"
#include "memo/memo_store.h"
#include "memo/row_identity.h"
#include "window/window_pieces.h"
#include "window/window_read.h"

/* Where a question is of more lots than this, none are remembered. */
#define MOST_REMEMBERED 10000

typedef struct lot_name
{
	int64 piece; /* its number */
	TimestampTz begin;
} lot_name;

/* The packs of one time. */
typedef struct pack_lot
{
	lot_name name;
	memo_key rows;
	bool named;   /* all rows have an identity */
	bool missing; /* it has to be read */
	bool met;     /* there are windows of the nodes asked for */
	traffic_value traffic;
} pack_lot;

typedef struct graph_reading
{
	series *series;
	const char *graph;
	memo_key question;
	MemoryContext memory; /* for as long as the graph is read */
	window_pieces pieces;
	HTAB *lots;
	pack_lot *last; /* the lot that was looked for last */
	bool remember;
	row_identities identities;
	sketch scratch;
	MemoryContext row;
	pack_reader reader;
} graph_reading;

static Datum
times_array(const TimestampTz *times, size_t count)
{
	ArrayType *array = query_bigint_array(times, count);

	array->elemtype = TIMESTAMPTZOID;
	return PointerGetDatum(array);
}

/*
 * Lots of packs
 */

static pack_lot *
lot_of(graph_reading *r, int64 piece, TimestampTz begin)
{
	lot_name name = {.piece = piece, .begin = begin};
	bool found;

	if (r->last != NULL && r->last->name.piece == piece && r->last->name.begin == begin)
		return r->last;
	r->last = hash_search(r->lots, &name, HASH_ENTER, &found);
	if (!found)
	{
		memset((char *) r->last + sizeof(lot_name), 0, sizeof(pack_lot) - sizeof(lot_name));
		r->last->named = true;
		traffic_value_init(&r->last->traffic, r->memory);
	}
	return r->last;
}

static memo_key
lot_key(const graph_reading *r, const pack_lot *lot)
{
	return row_identity_key(lot->rows, r->question);
}

/* A lot without any windows of the nodes asked for is remembered by no bytes. */
static bool
recall_lot(graph_reading *r, pack_lot *lot)
{
	void *bytes;
	size_t length;
	traffic_value traffic;
	const char *problem = NULL;

	if (!lot->named || !memo_store_get(lot_key(r, lot), &bytes, &length))
		return false;
	traffic_value_init(&traffic, CurrentMemoryContext);
	if (length > 0)
		problem = traffic_value_decode(bytes, length, &traffic);
	if (problem != NULL)
		elog(ERROR, "a memo of traffic %s", problem);
	if (length > 0)
		series_add(r->series, r->graph, lot->name.begin, &traffic);
	traffic_value_clear(&traffic);
	pfree(bytes);
	return true;
}

static void
remember_lot(const graph_reading *r, const pack_lot *lot)
{
	memo_part part = {NULL, 0};
	uint8_t *bytes = palloc(traffic_value_encoded_max(&lot->traffic));

	if (lot->met)
		part = (memo_part){bytes, traffic_value_encode(&lot->traffic, bytes)};
	memo_store_put(lot_key(r, lot), &part, 1);
	pfree(bytes);
}

/* Those that have no memo; returns how many, and an array of their begins. */
static size_t
find_missing(graph_reading *r, Datum *missing)
{
	long lots = hash_get_num_entries(r->lots);
	TimestampTz *begins = palloc(Max(lots, 1) * sizeof(TimestampTz));
	size_t count = 0;
	HASH_SEQ_STATUS each;
	pack_lot *lot;

	r->remember = memo_store_wanted() && lots <= MOST_REMEMBERED;
	hash_seq_init(&each, r->lots);
	while ((lot = hash_seq_search(&each)) != NULL)
	{
		lot->missing = !r->remember || !recall_lot(r, lot);
		if (lot->missing)
			begins[count++] = lot->name.begin;
	}
	*missing = times_array(begins, count);
	return count;
}

static void
add_missing(graph_reading *r)
{
	HASH_SEQ_STATUS each;
	pack_lot *lot;

	hash_seq_init(&each, r->lots);
	while ((lot = hash_seq_search(&each)) != NULL)
	{
		if (!lot->missing)
			continue;
		if (r->remember && lot->named)
			remember_lot(r, lot);
		if (lot->met)
			series_add(r->series, r->graph, lot->name.begin, &lot->traffic);
	}
}

/*
 * Rows
 */

static void
take_own_row(graph_reading *r, TimestampTz begin, Datum traffic)
{
	MemoryContext old = MemoryContextSwitchTo(r->row);
	traffic_value value;

	traffic_deform(PG_DETOAST_DATUM_PACKED(traffic), &value);
	series_add(r->series, r->graph, begin, &value);
	MemoryContextSwitchTo(old);
	MemoryContextReset(r->row);
}

enum
{
	FOUND_PIECE,
	FOUND_BEGIN,
	FOUND_TABLE,
	FOUND_PLACE,
	FOUND_WRITER,
	FOUND_TRAFFIC
};

static void
take_found(void *context, TupleTableSlot *slot)
{
	graph_reading *r = context;
	const Datum *values = slot->tts_values;
	TimestampTz begin = DatumGetTimestampTz(values[FOUND_BEGIN]);
	pack_lot *lot;

	if (!slot->tts_isnull[FOUND_TRAFFIC])
	{
		take_own_row(r, begin, values[FOUND_TRAFFIC]);
		return;
	}
	lot = lot_of(r, DatumGetInt32(values[FOUND_PIECE]), begin);
	if (lot->named)
		lot->named =
			row_identity_add(&r->identities, &lot->rows, DatumGetObjectId(values[FOUND_TABLE]),
							 (ItemPointer) DatumGetPointer(values[FOUND_PLACE]),
							 DatumGetTransactionId(values[FOUND_WRITER]));
}

/*
 * Packs
 */

static void
merge_buckets(graph_reading *r, sketch *latency)
{
	const pack_reader *reader = &r->reader;

	r->scratch.bucket_count = 0;
	pack_refuse_damage(
		traffic_value_decode_buckets(reader->buckets, reader->buckets_length, &r->scratch),
		"traffic of a window in the pack");
	(void) sketch_merge(latency, &r->scratch);
}

static void
merge_window(graph_reading *r, traffic_value *traffic)
{
	const pack_reader *reader = &r->reader;

	for (int i = 0; i < TRAFFIC_COUNTERS; i++)
		traffic->counters[i] = saturated_sum(traffic->counters[i], reader->counters[i]);
	traffic->latency.zero = saturated_sum(traffic->latency.zero, reader->zero);
	if (reader->buckets_length > 0)
		merge_buckets(r, &traffic->latency);
}

/* Callers are in order, so that what comes after the last that was asked for is not read. */
static void
read_pack(graph_reading *r, pack_lot *lot, const struct varlena *pack)
{
	const node_choice *sources = &r->series->sources;
	const node_choice *targets = &r->series->targets;
	pack_reader *reader = &r->reader;

	pack_reader_open(reader, (const uint8_t *) VARDATA_ANY(pack), VARSIZE_ANY_EXHDR(pack));
	while (pack_reader_next(reader))
	{
		if (!sources->any && reader->window.src > sources->ids[sources->count - 1])
			return;
		if (!node_choice_has(targets, reader->window.dst) ||
			!node_choice_has(sources, reader->window.src))
			continue;
		lot->met = true;
		merge_window(r, &lot->traffic);
	}
	pack_refuse_damage(reader->problem, "pack");
}

enum
{
	PACK_PIECE,
	PACK_BEGIN,
	PACK_FIRST,
	PACK_LAST,
	PACK_BYTES
};

static void
take_pack(void *context, TupleTableSlot *slot)
{
	graph_reading *r = context;
	const Datum *values = slot->tts_values;
	MemoryContext old;
	pack_lot *lot;

	if (!node_choice_meets(&r->series->sources, DatumGetInt64(values[PACK_FIRST]),
						   DatumGetInt64(values[PACK_LAST])))
		return;
	lot = lot_of(r, DatumGetInt32(values[PACK_PIECE]), DatumGetTimestampTz(values[PACK_BEGIN]));
	if (!lot->missing)
		return;
	old = MemoryContextSwitchTo(r->row);
	read_pack(r, lot, PG_DETOAST_DATUM_PACKED(values[PACK_BYTES]));
	MemoryContextSwitchTo(old);
	MemoryContextReset(r->row);
}

/*
 * The queries
 */

/* Which packs may have windows of the sources. */
static char *
pack_filter(const node_choice *sources)
{
	if (sources->any)
		return "";
	return psprintf(" AND w.src <= " INT64_FORMAT " AND w.last_src >= " INT64_FORMAT,
					sources->ids[sources->count - 1], sources->ids[0]);
}

static void
append_found(const graph_reading *r, StringInfo query, int number)
{
	const series *s = r->series;
	const window_piece *piece = &r->pieces.list[number];

	appendStringInfo(query,
					 "%sSELECT %d, w.bucket, w.tableoid, w.ctid, w.xmin, w.traffic FROM %s w "
					 "WHERE (%s) AND (w.pack IS NULL%s%s OR w.pack IS NOT NULL%s)",
					 number == 0 ? "" : " UNION ALL ", number, piece->relation, piece->condition,
					 s->sources.any ? "" : " AND w.src = ANY ($1)",
					 s->targets.any ? "" : " AND w.dst = ANY ($2)", pack_filter(&s->sources));
}

static void
append_packs(const graph_reading *r, StringInfo query, int number)
{
	const window_piece *piece = &r->pieces.list[number];

	appendStringInfo(query,
					 "%sSELECT %d, w.bucket, w.src, w.last_src, w.pack FROM %s w "
					 "WHERE (%s) AND w.pack IS NOT NULL AND w.bucket = ANY ($1)%s",
					 number == 0 ? "" : " UNION ALL ", number, piece->relation, piece->condition,
					 pack_filter(&r->series->sources));
}

static void
set_nodes(query_args *args, int number, const node_choice *choice)
{
	args->types[number] = INT8ARRAYOID;
	args->values[number] = PointerGetDatum(query_bigint_array(choice->ids, choice->count));
}

static void
find_rows(graph_reading *r)
{
	query_args args = {.count = 2};
	StringInfoData query;

	initStringInfo(&query);
	for (int i = 0; i < r->pieces.count; i++)
		append_found(r, &query, i);
	set_nodes(&args, 0, &r->series->sources);
	set_nodes(&args, 1, &r->series->targets);
	query_run(query_prepare(query.data, args.count, args.types, QUERY_ONCE), &args, take_found, r);
}

static void
read_missing(graph_reading *r)
{
	query_args args = {.count = 1, .types = {TIMESTAMPTZARRAYOID}};
	StringInfoData query;

	if (find_missing(r, &args.values[0]) == 0)
		return;
	initStringInfo(&query);
	for (int i = 0; i < r->pieces.count; i++)
		append_packs(r, &query, i);
	query_run(query_prepare(query.data, args.count, args.types, QUERY_ONCE), &args, take_pack, r);
	add_missing(r);
}

/*
 * A graph
 */

/* The nodes asked for; rows say which graph and time it is. */
static memo_key
question_of(const series *s)
{
	StringInfoData asked;
	memo_key question;

	initStringInfo(&asked);
	appendStringInfo(&asked, "history %d %d", s->sources.any ? -1 : s->sources.count,
					 s->targets.any ? -1 : s->targets.count);
	appendBinaryStringInfo(&asked, (const char *) s->sources.ids,
						   s->sources.count * (int) sizeof(int64));
	appendBinaryStringInfo(&asked, (const char *) s->targets.ids,
						   s->targets.count * (int) sizeof(int64));
	question = row_identity_of_bytes(asked.data, asked.len);
	pfree(asked.data);
	return question;
}

static graph_reading *
begin_reading(series *s, const char *graph)
{
	graph_reading *r = palloc0(sizeof(*r));
	HASHCTL lots = {
		.keysize = sizeof(lot_name), .entrysize = sizeof(pack_lot), .hcxt = CurrentMemoryContext};
	traffic_value empty;

	traffic_value_init(&empty, CurrentMemoryContext);
	r->series = s;
	r->graph = graph;
	r->memory = CurrentMemoryContext;
	r->question = question_of(s);
	r->lots = hash_create("lots of packs", 256, &lots, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	r->scratch = empty.latency;
	r->row = AllocSetContextCreate(CurrentMemoryContext, "windows", ALLOCSET_DEFAULT_SIZES);
	return r;
}

void
series_read(series *s, const char *graph)
{
	MemoryContext memory =
		AllocSetContextCreate(CurrentMemoryContext, "windows of a graph", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(memory);
	graph_reading *r = begin_reading(s, graph);

	window_pieces_find_series(&r->pieces, graph, times_array(s->begins, s->count + 1));
	if (r->pieces.count > 0)
	{
		find_rows(r);
		read_missing(r);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(memory);
}
