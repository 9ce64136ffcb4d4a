/*
 * changes_sql.c
 *		topo.changes(): what topo.diff() tells, in no order.
 *
 * Of each graph the windows of both ranges are merged into one table of edges, each in a
 * lane of its own: an edge with one lane was added or removed.  Nodes are counted on the
 * way, and told of at the end.
 *
 * Memory: that of edge_table.h, and 32 bytes a node; of one graph at a time.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "store/query.h"
#include "window/edges_asked.h"
#include "window/readings.h"
#include "window/window_merge.h"

PG_FUNCTION_INFO_V1(topology_changes);

/* The ranges, and the lanes of their traffic. */
enum
{
	BEFORE,
	AFTER,
	RANGES
};

enum
{
	ROW_CHANGE,
	ROW_SOURCE,
	ROW_TARGET,
	ROW_GRAPH,
	ROW_SUMMARY,
	ROW_REQUESTS,
	ROW_ERRORS = ROW_REQUESTS + RANGES,
	ROW_P50 = ROW_ERRORS + RANGES,
	ROW_P99 = ROW_P50 + RANGES,
	ROW_CONNECTIONS = ROW_P99 + RANGES,
	ROW_FAILED = ROW_CONNECTIONS + RANGES,
	ROW_BYTES = ROW_FAILED + RANGES,
	ROW_TRAFFIC = ROW_BYTES + RANGES,
	ROW_COLUMNS = ROW_TRAFFIC + RANGES
};

/* A node at either end of edges. */
typedef struct seen_node
{
	int64 id;
	int64 callers;
	int64 callees;
	bool lacks[RANGES]; /* there is no edge of it in that range */
	char status;        /* of the hash table */
} seen_node;

static inline uint32
hash_id(int64 id)
{
	return murmurhash32((uint32) id ^ (uint32) ((uint64) id >> 32) * 0x9E3779B9u);
}

#define SH_PREFIX               seen_nodes
#define SH_ELEMENT_TYPE         seen_node
#define SH_KEY_TYPE             int64
#define SH_KEY                  id
#define SH_HASH_KEY(table, key) hash_id(key)
#define SH_EQUAL(table, a, b)   ((a) == (b))
#define SH_SCOPE                static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* What is asked for, and where rows go. */
typedef struct comparison
{
	Datum during[RANGES];
	double least;
	edges_asked asked;
	ReturnSetInfo *rows;

	/* of the graph that is compared */
	window_merge merge;
	Datum graph;
	double seconds[RANGES];
	seen_nodes_hash *nodes;
	MemoryContext row;
	StringInfoData summary;
	Datum added;
	Datum removed;
	Datum changed;
} comparison;

static void
put_row(comparison *c, Datum change, const edge_node *source, const edge_node *target,
		Datum *values, bool *nulls)
{
	values[ROW_CHANGE] = change;
	values[ROW_SOURCE] = PointerGetDatum(source->label);
	nulls[ROW_TARGET] = target == NULL;
	values[ROW_TARGET] = target == NULL ? (Datum) 0 : PointerGetDatum(target->label);
	values[ROW_GRAPH] = c->graph;
	values[ROW_SUMMARY] =
		PointerGetDatum(cstring_to_text_with_len(c->summary.data, c->summary.len));
	nulls[ROW_CHANGE] = nulls[ROW_SOURCE] = nulls[ROW_GRAPH] = nulls[ROW_SUMMARY] = false;
	tuplestore_putvalues(c->rows->setResult, c->rows->setDesc, values, nulls);
}

static void
set_readings(const ranged_traffic *traffic, int range, Datum *values, bool *nulls)
{
	static const int columns[READINGS] = {ROW_REQUESTS,    ROW_ERRORS, ROW_P50,  ROW_P99,
										  ROW_CONNECTIONS, ROW_FAILED, ROW_BYTES};

	for (reading which = 0; which < READINGS; which++)
	{
		double value = 0;

		nulls[columns[which] + range] = !reading_value(traffic, which, &value);
		values[columns[which] + range] = Float8GetDatum(value);
	}
	nulls[ROW_TRAFFIC + range] = false;
	values[ROW_TRAFFIC + range] = PointerGetDatum(traffic_form(traffic->value));
}

static void
put_edge(comparison *c, Datum change, const ranged_traffic *ranges, const edge_node *source,
		 const edge_node *target)
{
	Datum values[ROW_COLUMNS] = {0};
	bool nulls[ROW_COLUMNS];
	MemoryContext old = MemoryContextSwitchTo(c->row);

	memset(nulls, true, sizeof(nulls));
	for (int range = BEFORE; range < RANGES; range++)
	{
		if (ranges[range].value != NULL)
			set_readings(&ranges[range], range, values, nulls);
	}
	put_row(c, change, source, target, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(c->row);
}

/* The change of an edge, whose summary is written; 0: none. */
static Datum
judge(comparison *c, const ranged_traffic *ranges)
{
	uint32 readings;

	resetStringInfo(&c->summary);
	if (ranges[BEFORE].value == NULL)
	{
		readings_append_presence(&c->summary, true, &ranges[AFTER], c->seconds[BEFORE]);
		return c->added;
	}
	if (ranges[AFTER].value == NULL)
	{
		readings_append_presence(&c->summary, false, &ranges[BEFORE], c->seconds[AFTER]);
		return c->removed;
	}
	readings = readings_changed(&ranges[BEFORE], &ranges[AFTER], c->least);
	readings_append_change(&c->summary, readings, &ranges[BEFORE], &ranges[AFTER]);
	return readings == 0 ? (Datum) 0 : c->changed;
}

static void
note_node(comparison *c, const merged_edge *edge, int64 id, int64 peer)
{
	bool found;
	seen_node *node = seen_nodes_insert(c->nodes, id, &found);

	if (!found)
	{
		node->callers = node->callees = 0;
		node->lacks[BEFORE] = node->lacks[AFTER] = true;
	}
	for (int range = BEFORE; range < RANGES; range++)
		node->lacks[range] &= edge->lanes[range] == NULL;
	node->callers += edge->dst == id && peer != id;
	node->callees += edge->src == id && peer != id;
}

/*
 * Edges of nodes that the caller may not see are not told of, nor do they count.  That a
 * node was deleted hides nothing.
 */
static void
visit_edge(void *context, merged_edge *edge)
{
	comparison *c = context;
	ranged_traffic ranges[RANGES] = {{edge->lanes[BEFORE], c->seconds[BEFORE]},
									 {edge->lanes[AFTER], c->seconds[AFTER]}};
	const edge_node *source = edge_nodes_find(c->merge.nodes, edge->src);
	const edge_node *target = edge_nodes_find(c->merge.nodes, edge->dst);
	Datum change;

	if (source->label == NULL || target->label == NULL)
		return;
	note_node(c, edge, edge->src, edge->dst);
	note_node(c, edge, edge->dst, edge->src);
	change = judge(c, ranges);
	if (change != (Datum) 0)
		put_edge(c, change, ranges, source, target);
}

static void
put_node(comparison *c, const seen_node *node)
{
	Datum values[ROW_COLUMNS] = {0};
	bool nulls[ROW_COLUMNS];
	bool added = node->lacks[BEFORE];
	MemoryContext old = MemoryContextSwitchTo(c->row);

	resetStringInfo(&c->summary);
	appendStringInfo(&c->summary, "%s node: ", added ? "new" : "gone");
	if (node->callers > 0)
		appendStringInfo(&c->summary, "called by " INT64_FORMAT, node->callers);
	if (node->callees > 0)
		appendStringInfo(&c->summary, "%scalls " INT64_FORMAT, node->callers > 0 ? ", " : "",
						 node->callees);
	memset(nulls, true, sizeof(nulls));
	put_row(c, added ? c->added : c->removed, edge_nodes_find(c->merge.nodes, node->id), NULL,
			values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(c->row);
}

static void
put_nodes(comparison *c)
{
	seen_nodes_iterator iterator;
	const seen_node *node;

	seen_nodes_start_iterate(c->nodes, &iterator);
	while ((node = seen_nodes_iterate(c->nodes, &iterator)) != NULL)
	{
		if (node->lacks[BEFORE] || node->lacks[AFTER])
			put_node(c, node);
	}
}

static void
take_seconds(void *context, TupleTableSlot *slot)
{
	comparison *c = context;

	c->seconds[BEFORE] = DatumGetFloat8(slot->tts_values[0]);
	c->seconds[AFTER] = DatumGetFloat8(slot->tts_values[1]);
}

static const char SECONDS_QUERY[] =
	"SELECT topo.seconds_answered(g, $2), topo.seconds_answered(g, $3) FROM topo.graph g "
	"WHERE g.name = $1";

static void
ask_seconds(comparison *c, const char *graph)
{
	query_args args = {.count = 3,
					   .types = {TEXTOID, TSTZRANGEOID, TSTZRANGEOID},
					   .values = {CStringGetTextDatum(graph), c->during[BEFORE], c->during[AFTER]}};

	c->seconds[BEFORE] = c->seconds[AFTER] = 1;
	query_run(query_prepare(SECONDS_QUERY, args.count, args.types, QUERY_ONCE), &args, take_seconds,
			  c);
}

static void
compare_graph(comparison *c, int number)
{
	const char *graph = c->asked.graphs[number].name;

	c->graph = c->asked.labels[number];
	c->nodes = seen_nodes_create(CurrentMemoryContext, 1024, NULL);
	c->row = AllocSetContextCreate(CurrentMemoryContext, "row of a change", ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&c->summary);
	ask_seconds(c, graph);
	window_merge_begin(&c->merge, c->asked.level);
	for (int range = BEFORE; range < RANGES; range++)
	{
		window_origin origin = {.graph = graph, .number = number, .lane = range};

		window_merge_range(&c->merge, &origin, &c->during[range]);
	}
	edge_nodes_load_labels(c->merge.nodes);
	edge_nodes_label_gone(c->merge.nodes);
	edge_table_each(c->merge.edges, visit_edge, c);
	put_nodes(c);
}

static void
compare(comparison *c)
{
	MemoryContext graph =
		AllocSetContextCreate(CurrentMemoryContext, "graph compared", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = CurrentMemoryContext;

	c->added = CStringGetTextDatum("added");
	c->removed = CStringGetTextDatum("removed");
	c->changed = CStringGetTextDatum("changed");
	for (int number = 0; number < c->asked.count; number++)
	{
		MemoryContextSwitchTo(graph);
		compare_graph(c, number);
		MemoryContextSwitchTo(old);
		MemoryContextReset(graph);
	}
}

static void
take_nothing(void *context, TupleTableSlot *slot)
{
}

/* The arguments before, after and least_change, once they are found to make sense. */
static void
read_ranges(comparison *c, FunctionCallInfo fcinfo)
{
	query_args args = {
		.count = 3,
		.types = {TSTZRANGEOID, TSTZRANGEOID, FLOAT8OID},
		.values = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1), PG_GETARG_DATUM(4)},
		.nulls = {PG_ARGISNULL(0), PG_ARGISNULL(1), PG_ARGISNULL(4)},
	};

	query_run(query_prepare("SELECT topo.check_comparison($1, $2, $3)", args.count, args.types,
							QUERY_ONCE),
			  &args, take_nothing, NULL);
	c->during[BEFORE] = args.values[0];
	c->during[AFTER] = args.values[1];
	c->least = DatumGetFloat8(args.values[2]);
}

Datum
topology_changes(PG_FUNCTION_ARGS)
{
	comparison c = {.rows = (ReturnSetInfo *) fcinfo->resultinfo};

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	edges_asked_read(&c.asked, fcinfo, 2, 3);
	read_ranges(&c, fcinfo);
	compare(&c);
	SPI_finish();
	return (Datum) 0;
}
