/*
 * edges_sql.c
 *		topo.edges(): who calls whom, live or in a range of time.
 *
 * The windows of all graphs asked for are merged into one table of edges.  Of what is
 * live, each graph is merged by itself first, since only its own links say which of its
 * windows count.  An edge becomes a row at the end, once, with its readings taken from
 * the merged traffic as it is.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "store/query.h"
#include "window/edge_labels.h"
#include "window/edges_asked.h"
#include "window/window_merge.h"

PG_FUNCTION_INFO_V1(topology_edges);

#define NANOSECONDS_PER_MS 1000000.0

/* Calls that trace counts are kept apart. */
enum
{
	LANE_OTHERS,
	LANE_TRACE
};

enum
{
	ROW_SOURCE,
	ROW_TARGET,
	ROW_GRAPHS,
	ROW_TRAFFIC,
	ROW_CONNECTIONS,
	ROW_BYTES_SENT,
	ROW_BYTES_RECEIVED,
	ROW_REQUESTS,
	ROW_ERRORS,
	ROW_P50,
	ROW_P99,
	ROW_FIRST_SEEN,
	ROW_LAST_SEEN,
	ROW_VIA,
	ROW_CONFIDENCE,
	ROW_ENDPOINTS,
	ROW_COLUMNS
};

/* Where edges go as rows. */
typedef struct edge_output
{
	const window_merge *merge;
	edge_labels *labels;
	ReturnSetInfo *rows;
	MemoryContext row;
} edge_output;

/*
 * Metrics and traces report the same calls, so those of traces count only where metrics
 * have none.
 */
static traffic_value *
counted_once(merged_edge *edge)
{
	traffic_value *others = edge->lanes[LANE_OTHERS];
	traffic_value *trace = edge->lanes[LANE_TRACE];

	if (trace == NULL || edge->flags & EDGE_REQUESTS)
		return others;
	if (others == NULL)
		return trace;
	(void) traffic_value_merge(others, trace);
	return others;
}

static Datum
quantile_ms(const traffic_value *traffic, double q, bool *null)
{
	double ns = 0;

	*null = !sketch_quantile(&traffic->latency, q, &ns);
	return Float8GetDatum(ns / NANOSECONDS_PER_MS);
}

static void
set_readings(const traffic_value *traffic, Datum *values, bool *nulls)
{
	values[ROW_TRAFFIC] = PointerGetDatum(traffic_form(traffic));
	values[ROW_CONNECTIONS] = Int64GetDatum(traffic->counters[TRAFFIC_CONNECTIONS]);
	values[ROW_BYTES_SENT] = Int64GetDatum(traffic->counters[TRAFFIC_BYTES_SENT]);
	values[ROW_BYTES_RECEIVED] = Int64GetDatum(traffic->counters[TRAFFIC_BYTES_RECEIVED]);
	values[ROW_REQUESTS] = Int64GetDatum(traffic->counters[TRAFFIC_REQUESTS]);
	values[ROW_ERRORS] = Int64GetDatum(traffic->counters[TRAFFIC_ERRORS]);
	values[ROW_P50] = quantile_ms(traffic, 0.5, &nulls[ROW_P50]);
	values[ROW_P99] = quantile_ms(traffic, 0.99, &nulls[ROW_P99]);
}

/*
 * Where an edge was apportioned by the network, and both its ends tell of their calls
 * but not of this one, it is believed a quarter.
 */
static float4
weighed(const merged_edge *edge, const edge_node *source, const edge_node *target, bool told)
{
	bool apportioned = edge->confidence < 1 && edge->ways != ID_SET_EMPTY;

	if (apportioned && !told && source->caller_told && target->callee_told)
		return edge->confidence / 4;
	return edge->confidence;
}

static void
set_span(const merged_edge *edge, Datum *values, bool *nulls)
{
	nulls[ROW_FIRST_SEEN] = edge->seen.first == EDGE_NOT_FIRST;
	nulls[ROW_LAST_SEEN] = edge->seen.last == EDGE_NOT_LAST;
	values[ROW_FIRST_SEEN] = TimestampTzGetDatum(edge->seen.first);
	values[ROW_LAST_SEEN] = TimestampTzGetDatum(edge->seen.last);
}

static void
put_edge(edge_output *output, merged_edge *edge, const edge_node *source, const edge_node *target)
{
	bool nulls[ROW_COLUMNS] = {false};
	Datum values[ROW_COLUMNS] = {
		[ROW_SOURCE] = PointerGetDatum(source->label),
		[ROW_TARGET] = PointerGetDatum(target->label),
		[ROW_GRAPHS] = edge_labels_graphs(output->labels, edge->graphs),
		[ROW_CONFIDENCE] =
			Float4GetDatum(weighed(edge, source, target, (edge->flags & EDGE_TOLD) != 0)),
	};

	set_readings(counted_once(edge), values, nulls);
	set_span(edge, values, nulls);
	nulls[ROW_CONFIDENCE] = edge->confidence == EDGE_NO_CONFIDENCE;
	nulls[ROW_VIA] = !edge_labels_via(output->labels, edge->ways, &values[ROW_VIA]);
	nulls[ROW_ENDPOINTS] = !edge_nodes_labels(output->merge->nodes, edge->endpoints,
											  edge->endpoint_count, &values[ROW_ENDPOINTS]);
	tuplestore_putvalues(output->rows->setResult, output->rows->setDesc, values, nulls);
}

/* Edges of nodes that the caller may not see, or that are gone, are not told of. */
static void
visit_edge(void *context, merged_edge *edge)
{
	edge_output *output = context;
	const edge_node *source = edge_nodes_find(output->merge->nodes, edge->src);
	const edge_node *target = edge_nodes_find(output->merge->nodes, edge->dst);
	MemoryContext old;

	if (source->label == NULL || target->label == NULL)
		return;
	old = MemoryContextSwitchTo(output->row);
	put_edge(output, edge, source, target);
	MemoryContextSwitchTo(old);
	MemoryContextReset(output->row);
}

static void
put_edges(window_merge *merge, const edges_asked *asked, ReturnSetInfo *rows)
{
	edge_output output = {
		.merge = merge,
		.labels = edge_labels_create(merge, asked->labels),
		.rows = rows,
		.row =
			AllocSetContextCreate(CurrentMemoryContext, "row of an edge", ALLOCSET_DEFAULT_SIZES),
	};

	edge_nodes_load_labels(merge->nodes);
	edge_table_each(merge->edges, visit_edge, &output);
}

static window_origin
origin_of(const edges_asked *asked, int number)
{
	const char *name = asked->graphs[number].name;
	bool trace = strcmp(name, "trace") == 0;
	bool ipc = strcmp(name, "ipc") == 0;

	return (window_origin){
		.graph = name,
		.number = (uint32) number,
		.lane = trace ? LANE_TRACE : LANE_OTHERS,
		.tells = trace || ipc,
		.requests = ipc,
	};
}

/* One graph, on its way into the map of all. */
typedef struct live_graph
{
	window_merge *all;
	window_merge one;
	window_origin origin;
	window_origin untold; /* the same, while it is not known what is live */
} live_graph;

static void
take_link(void *context, TupleTableSlot *slot)
{
	live_graph *graph = context;
	merged_edge *edge =
		window_merge_edge(&graph->one, &graph->untold, DatumGetInt64(slot->tts_values[0]),
						  DatumGetInt64(slot->tts_values[1]));

	edge->flags |= EDGE_LIVE;
	(void) edge_table_lane(graph->one.edges, edge, graph->origin.lane);
}

static void
take_live_edge(void *context, TupleTableSlot *slot)
{
	live_graph *graph = context;
	edge_nodes *nodes = graph->one.nodes;
	merged_edge *edge = window_merge_edge(
		&graph->one, &graph->untold, edge_nodes_stand_in(nodes, DatumGetInt64(slot->tts_values[0])),
		edge_nodes_stand_in(nodes, DatumGetInt64(slot->tts_values[1])));

	edge_span_add(&edge->noted, DatumGetTimestampTz(slot->tts_values[2]),
				  DatumGetTimestampTz(slot->tts_values[3]));
}

static void
take_merged(void *context, merged_edge *edge)
{
	live_graph *graph = context;

	if (!(edge->flags & EDGE_LIVE))
		return;
	if (edge->noted.first != EDGE_NOT_FIRST)
		edge->seen = edge->noted;
	edge_table_merge(graph->all->edges,
					 window_merge_edge(graph->all, &graph->origin, edge->src, edge->dst), edge);
}

static void
read_live(live_graph *graph, const char *schema, char level)
{
	query_args none = {.count = 0};
	char *links = psprintf("SELECT l.src, l.dst FROM %s.link l WHERE l.level = '%c'",
						   quote_identifier(schema), level);
	char *edges = psprintf("SELECT e.src, e.dst, e.first_seen, e.last_seen FROM %s.live_edge e",
						   quote_identifier(schema));

	query_run(query_prepare(links, 0, NULL, QUERY_ONCE), &none, take_link, graph);
	query_run(query_prepare(edges, 0, NULL, QUERY_ONCE), &none, take_live_edge, graph);
	window_merge_range(&graph->one, &graph->untold, NULL);
}

static void
merge_live(window_merge *all, const edges_asked *asked, int number)
{
	live_graph graph = {.all = all, .one = *all, .origin = origin_of(asked, number)};

	graph.untold = graph.origin;
	graph.untold.tells = false;
	graph.one.edges = edge_table_create(all->sets);
	read_live(&graph, asked->graphs[number].schema, asked->level);
	edge_table_each(graph.one.edges, take_merged, &graph);
	edge_table_free(graph.one.edges);
}

static void
merge_asked(window_merge *merge, const edges_asked *asked, const Datum *during)
{
	window_merge_begin(merge, asked->level);
	for (int number = 0; number < asked->count; number++)
	{
		window_origin origin = origin_of(asked, number);

		if (during == NULL)
			merge_live(merge, asked, number);
		else
			window_merge_range(merge, &origin, during);
	}
}

static void
take_nothing(void *context, TupleTableSlot *slot)
{
}

static void
check_during(const Datum *during)
{
	query_args args = {.count = 1,
					   .types = {TSTZRANGEOID},
					   .values = {during == NULL ? (Datum) 0 : *during},
					   .nulls = {during == NULL}};

	query_run(query_prepare("SELECT topo.check_during($1)", 1, args.types, QUERY_ONCE), &args,
			  take_nothing, NULL);
}

Datum
topology_edges(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rows = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum range = PG_GETARG_DATUM(0);
	const Datum *during = PG_ARGISNULL(0) ? NULL : &range;
	edges_asked asked;
	window_merge merge;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	edges_asked_read(&asked, fcinfo, 1, 2);
	check_during(during);
	merge_asked(&merge, &asked, during);
	put_edges(&merge, &asked, rows);
	SPI_finish();
	return (Datum) 0;
}
