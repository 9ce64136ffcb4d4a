/*
 * window_merge.c
 *		Merge the windows that answer a range of time into edges.
 *
 * window_read.c reads them; this is what is made of each.
 */
#include "postgres.h"

#include "window/window_merge.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

#include "store/pack_error.h"
#include "window/window_read.h"

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
	sketch scratch;
	int64 *via;
	int32 via_room;
	uint32 shape_ways[PACK_SHAPES];
} feed;

static feed *
make_feed(window_merge *merge, const window_origin *origin)
{
	feed *f = palloc(sizeof(*f));
	traffic_value empty;

	traffic_value_init(&empty, CurrentMemoryContext);
	f->merge = merge;
	f->origin = origin;
	f->scratch = empty.latency;
	f->via_room = 16;
	f->via = palloc(f->via_room * sizeof(int64));
	return f;
}

static void
free_feed(feed *f)
{
	sketch_clear(&f->scratch);
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
merge_buckets(feed *f, sketch *latency, const pack_reader *reader)
{
	bool first = latency->bucket_count == 0;
	sketch *into = first ? latency : &f->scratch;

	if (!first)
		into->bucket_count = 0;
	pack_refuse_damage(traffic_value_decode_buckets(reader->buckets, reader->buckets_length, into),
					   "traffic of a window in the pack");
	if (!first)
		(void) sketch_merge(latency, into);
}

static void
merge_packed_traffic(feed *f, merged_edge *edge, const pack_reader *reader)
{
	traffic_value *lane = edge_table_lane(f->merge->edges, edge, f->origin->lane);

	for (int i = 0; i < TRAFFIC_COUNTERS; i++)
		lane->counters[i] = saturated_sum(lane->counters[i], reader->counters[i]);
	lane->latency.zero = saturated_sum(lane->latency.zero, reader->zero);
	if (reader->buckets_length > 0)
		merge_buckets(f, &lane->latency, reader);
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
read_way(feed *f, const pack_reader *reader)
{
	reserve_via(f, reader->window.via_count);
	pack_read_via(reader, f->via);
	return ways_number(f->merge->ways, f->via, reader->window.via_count);
}

/* The way of a packed window that has one. */
static uint32
packed_way(feed *f, const pack_reader *reader)
{
	int shape = reader->shape_number;

	if (shape == PACK_NO_SHAPE)
		return read_way(f, reader);
	if (f->shape_ways[shape] == NO_WAY)
		f->shape_ways[shape] = read_way(f, reader);
	return f->shape_ways[shape];
}

static void
add_way(feed *f, merged_edge *edge, uint32 way)
{
	edge->ways = id_sets_with(f->merge->sets, edge->ways, way);
}

static void
merge_pack(void *context, pack_reader *reader)
{
	feed *f = context;

	memset(f->shape_ways, 0xff, sizeof(f->shape_ways));
	while (pack_reader_next(reader))
	{
		merged_edge *edge = merge_window(f, &reader->window);

		if (reader->window.via_count >= 0)
			add_way(f, edge, packed_way(f, reader));
		merge_packed_traffic(f, edge, reader);
	}
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
merge_row(void *context, const window_row *row)
{
	feed *f = context;
	merged_edge *edge = merge_window(f, &row->window);
	traffic_value traffic;

	if (row->has_via)
		add_way(f, edge, way_in_row(f, row->via));
	traffic_deform(PG_DETOAST_DATUM_PACKED(row->traffic), &traffic);
	(void) traffic_value_merge(edge_table_lane(f->merge->edges, edge, f->origin->lane), &traffic);
	note_requests(f, edge, traffic.counters);
}

void
window_merge_range(window_merge *merge, const window_origin *origin, const Datum *during)
{
	feed *f = make_feed(merge, origin);
	window_visitor visitor = {.pack = merge_pack, .row = merge_row, .context = f};

	window_read_range(origin->graph, during, &visitor);
	free_feed(f);
}
