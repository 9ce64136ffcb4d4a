/*
 * window_merge.c
 *		Merge the windows that answer a range of time into edges.
 *
 * Of each graph there are two queries: for packs, in order of their first source, so that
 * the packs of all times come together that hold the same edges; and for windows in rows
 * of their own, as they come.
 */
#include "postgres.h"

#include "window/window_merge.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "store/pack.h"
#include "store/query.h"

#define NO_WAY UINT32_MAX

void
window_merge_begin(window_merge *merge, char level)
{
	merge->apps = level == 'a';
	merge->sets = id_sets_create();
	merge->ways = ways_create();
	merge->nodes = edge_nodes_create(merge->apps);
	merge->edges = edge_table_create(merge->sets);
}

/* Remember what a node is to an edge of that graph. */
static void
note_ends(window_merge *merge, const window_origin *origin, int64 src, int64 dst)
{
	edge_nodes_note(merge->nodes, src)->caller_told |= origin->tells;
	edge_nodes_note(merge->nodes, dst)->callee_told |= origin->tells;
}

merged_edge *
window_merge_edge(window_merge *merge, const window_origin *origin, int64 src, int64 dst)
{
	bool fresh;
	merged_edge *edge = edge_table_edge(merge->edges, src, dst, &fresh);
	id_set graphs = id_sets_with(merge->sets, edge->graphs, origin->number);

	if (graphs != edge->graphs)
		note_ends(merge, origin, src, dst);
	edge->graphs = graphs;
	if (origin->tells)
		edge->flags |= EDGE_TOLD;
	return edge;
}

/* Where windows go, and what is made only once for many of them. */
typedef struct feed
{
	window_merge *merge;
	const window_origin *origin;
	MemoryContext row;
	sketch scratch;
	int64 *via;
	int32 via_room;
	uint32 shape_ways[PACK_SHAPES];
	pack_reader reader;
} feed;

static feed *
make_feed(window_merge *merge, const window_origin *origin)
{
	feed *f = palloc(sizeof(*f));
	traffic_value empty;

	traffic_value_init(&empty, CurrentMemoryContext);
	f->merge = merge;
	f->origin = origin;
	f->row = AllocSetContextCreate(CurrentMemoryContext, "windows", ALLOCSET_DEFAULT_SIZES);
	f->scratch = empty.latency;
	f->via_room = 16;
	f->via = palloc(f->via_room * sizeof(int64));
	return f;
}

static void
free_feed(feed *f)
{
	sketch_clear(&f->scratch);
	MemoryContextDelete(f->row);
	pfree(f->via);
	pfree(f);
}

/* The edge of a window, with what the window says of it but for its way and traffic. */
static merged_edge *
merge_window(feed *f, const pack_window *window)
{
	window_merge *merge = f->merge;
	merged_edge *edge =
		window_merge_edge(merge, f->origin, edge_nodes_stand_in(merge->nodes, window->src),
						  edge_nodes_stand_in(merge->nodes, window->dst));

	edge_span_add(&edge->seen, window->first_seen, window->last_seen);
	edge->confidence =
		Max(edge->confidence, merge->apps ? window->app_confidence : window->confidence);
	if (window->has_endpoint && edge_table_add_endpoint(merge->edges, edge, window->endpoint))
		(void) edge_nodes_note(merge->nodes, window->endpoint);
	return edge;
}

static void
note_requests(const feed *f, merged_edge *edge, const int64 *counters)
{
	if (f->origin->requests && counters[TRAFFIC_REQUESTS] > 0)
		edge->flags |= EDGE_REQUESTS;
}

static void
refuse_damage(const char *problem, const char *what)
{
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("a stored pack of windows is corrupt"),
				 errdetail("The %s %s.", what, problem)));
}

static void
merge_buckets(feed *f, sketch *latency)
{
	const pack_reader *reader = &f->reader;
	bool first = latency->bucket_count == 0;
	sketch *into = first ? latency : &f->scratch;

	if (!first)
		into->bucket_count = 0;
	refuse_damage(traffic_value_decode_buckets(reader->buckets, reader->buckets_length, into),
				  "traffic of a window in the pack");
	if (!first)
		(void) sketch_merge(latency, into);
}

static void
merge_packed_traffic(feed *f, merged_edge *edge)
{
	const pack_reader *reader = &f->reader;
	traffic_value *lane = edge_table_lane(f->merge->edges, edge, f->origin->lane);

	for (int i = 0; i < TRAFFIC_COUNTERS; i++)
		lane->counters[i] = saturated_sum(lane->counters[i], reader->counters[i]);
	lane->latency.zero = saturated_sum(lane->latency.zero, reader->zero);
	if (reader->buckets_length > 0)
		merge_buckets(f, &lane->latency);
	note_requests(f, edge, reader->counters);
}

static void
reserve_via(feed *f, int32 count)
{
	if (count <= f->via_room)
		return;
	f->via_room = count;
	f->via = repalloc(f->via, count * sizeof(int64));
}

static uint32
read_way(feed *f)
{
	reserve_via(f, f->reader.window.via_count);
	pack_read_via(&f->reader, f->via);
	return ways_number(f->merge->ways, f->via, f->reader.window.via_count);
}

/* The way of a packed window that has one. */
static uint32
packed_way(feed *f)
{
	int shape = f->reader.shape_number;

	if (shape == PACK_NO_SHAPE)
		return read_way(f);
	if (f->shape_ways[shape] == NO_WAY)
		f->shape_ways[shape] = read_way(f);
	return f->shape_ways[shape];
}

static void
add_way(feed *f, merged_edge *edge, uint32 way)
{
	edge->ways = id_sets_with(f->merge->sets, edge->ways, way);
}

static void
feed_pack(feed *f, const struct varlena *pack)
{
	pack_reader *reader = &f->reader;

	memset(f->shape_ways, 0xff, sizeof(f->shape_ways));
	pack_reader_open(reader, (const uint8_t *) VARDATA_ANY(pack), VARSIZE_ANY_EXHDR(pack));
	while (pack_reader_next(reader))
	{
		merged_edge *edge = merge_window(f, &reader->window);

		if (reader->window.via_count >= 0)
			add_way(f, edge, packed_way(f));
		merge_packed_traffic(f, edge);
	}
	refuse_damage(reader->problem, "pack");
}

static void
take_pack(void *context, TupleTableSlot *slot)
{
	feed *f = context;
	MemoryContext old = MemoryContextSwitchTo(f->row);

	feed_pack(f, PG_DETOAST_DATUM_PACKED(slot->tts_values[1]));
	MemoryContextSwitchTo(old);
	MemoryContextReset(f->row);
}

/* The columns of a window in a row of its own. */
enum
{
	ROW_SRC,
	ROW_DST,
	ROW_ENDPOINT,
	ROW_VIA,
	ROW_CONFIDENCE,
	ROW_APP_CONFIDENCE,
	ROW_FIRST_SEEN,
	ROW_LAST_SEEN,
	ROW_TRAFFIC
};

static pack_window
window_in_row(const Datum *values, const bool *nulls)
{
	pack_window window = {
		.src = DatumGetInt64(values[ROW_SRC]),
		.dst = DatumGetInt64(values[ROW_DST]),
		.has_endpoint = !nulls[ROW_ENDPOINT],
		.first_seen = DatumGetTimestampTz(values[ROW_FIRST_SEEN]),
		.last_seen = DatumGetTimestampTz(values[ROW_LAST_SEEN]),
		.confidence = DatumGetFloat4(values[ROW_CONFIDENCE]),
	};

	if (window.has_endpoint)
		window.endpoint = DatumGetInt64(values[ROW_ENDPOINT]);
	window.app_confidence =
		nulls[ROW_APP_CONFIDENCE] ? window.confidence : DatumGetFloat4(values[ROW_APP_CONFIDENCE]);
	return window;
}

static uint32
way_in_row(feed *f, Datum via)
{
	ArrayType *array = DatumGetArrayTypeP(via);
	Datum *elements;
	bool *nulls;
	int count;
	int32 taken = 0;

	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements,
					  &nulls, &count);
	reserve_via(f, count);
	for (int i = 0; i < count; i++)
	{
		if (!nulls[i])
			f->via[taken++] = DatumGetInt64(elements[i]);
	}
	return ways_number(f->merge->ways, f->via, taken);
}

static void
feed_row(feed *f, const Datum *values, const bool *nulls)
{
	pack_window window = window_in_row(values, nulls);
	merged_edge *edge = merge_window(f, &window);
	traffic_value traffic;

	if (!nulls[ROW_VIA])
		add_way(f, edge, way_in_row(f, values[ROW_VIA]));
	traffic_deform(PG_DETOAST_DATUM_PACKED(values[ROW_TRAFFIC]), &traffic);
	(void) traffic_value_merge(edge_table_lane(f->merge->edges, edge, f->origin->lane), &traffic);
	note_requests(f, edge, traffic.counters);
}

static void
take_row(void *context, TupleTableSlot *slot)
{
	feed *f = context;
	MemoryContext old = MemoryContextSwitchTo(f->row);

	feed_row(f, slot->tts_values, slot->tts_isnull);
	MemoryContextSwitchTo(old);
	MemoryContextReset(f->row);
}

static const char CONDITIONS_QUERY[] =
	"SELECT format('%I.%I', g.schema_name, c.relation), c.condition FROM topo.graph g, "
	"topo.window_conditions(g, coalesce($2, tstzrange(topo.live_since(g.name), NULL))) c "
	"WHERE g.name = $1";

/* The queries for the windows of a graph; empty: there are none. */
typedef struct window_queries
{
	StringInfoData packs;
	StringInfoData rows;
} window_queries;

static void
take_condition(void *context, TupleTableSlot *slot)
{
	window_queries *queries = context;
	char *relation = TextDatumGetCString(slot->tts_values[0]);
	char *condition = TextDatumGetCString(slot->tts_values[1]);
	const char *separator = queries->rows.len == 0 ? "" : " UNION ALL ";

	appendStringInfo(&queries->packs,
					 "%sSELECT w.src, w.pack FROM %s w WHERE (%s) AND w.pack IS NOT NULL",
					 separator, relation, condition);
	appendStringInfo(&queries->rows,
					 "%sSELECT w.src, w.dst, w.endpoint, w.via, w.confidence, w.app_confidence, "
					 "w.first_seen, w.last_seen, w.traffic FROM %s w WHERE (%s) AND w.pack IS NULL",
					 separator, relation, condition);
}

static void
find_queries(window_queries *queries, const char *graph, const Datum *during)
{
	query_args args = {
		.count = 2,
		.types = {TEXTOID, TSTZRANGEOID},
		.values = {CStringGetTextDatum(graph), during == NULL ? (Datum) 0 : *during},
		.nulls = {false, during == NULL},
	};

	initStringInfo(&queries->packs);
	initStringInfo(&queries->rows);
	query_run(query_prepare(CONDITIONS_QUERY, args.count, args.types, QUERY_ONCE), &args,
			  take_condition, queries);
	if (queries->packs.len > 0)
		appendStringInfoString(&queries->packs, " ORDER BY 1");
}

void
window_merge_range(window_merge *merge, const window_origin *origin, const Datum *during)
{
	query_args none = {.count = 0};
	window_queries queries;
	feed *f;

	find_queries(&queries, origin->graph, during);
	if (queries.rows.len == 0)
		return;
	f = make_feed(merge, origin);
	query_run(query_prepare(queries.rows.data, 0, NULL, QUERY_ONCE), &none, take_row, f);
	query_run(query_prepare(queries.packs.data, 0, NULL, QUERY_ONCE), &none, take_pack, f);
	free_feed(f);
}
