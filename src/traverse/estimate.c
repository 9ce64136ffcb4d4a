/*
 * estimate.c
 *		How many rows the questions have, for the planner.
 *
 * From what ANALYZE knows of the links of the graphs that are asked for: how many
 * there are, and from and to how many nodes.  The frontier grows by the mean
 * fan-out at each depth, and as the share of nodes that were reached grows, more of
 * its links lead back to them.  Costs a few look-ups in system caches; reads no
 * table of the user's, and takes no lock.
 *
 * Arguments are found by their names, so that all functions of traversal share
 * this.  One that is not known when the query is planned counts as its default, but
 * for max_depth, which counts as ASSUMED_DEPTH.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

#include "traverse/link_delta.h"

PG_FUNCTION_INFO_V1(topo_estimate_rows);

#define ASSUMED_DEPTH 3
#define FILTER_SHARE  0.1 /* of nodes that pass a filter of which nothing is known */
#define MOST_DEPTHS   64

/* A call that is planned. */
typedef struct planned_call
{
	PlannerInfo *root;
	List *arguments;
	char *function;
	char **names; /* of its parameters */
	int count;
} planned_call;

/* What is known of the links of some graphs. */
typedef struct link_shape
{
	double nodes;
	double out; /* links from a node that has some */
	double in;
} link_shape;

static planned_call
read_call(PlannerInfo *root, FuncExpr *call)
{
	planned_call result = {.root = root, .arguments = call->args};
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(call->funcid));
	Oid *types;
	char *modes;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", call->funcid);
	result.function = pstrdup(NameStr(((Form_pg_proc) GETSTRUCT(tuple))->proname));
	result.count = get_func_arg_info(tuple, &types, &result.names, &modes);
	ReleaseSysCache(tuple);
	return result;
}

/* The expression of an argument, folded; NULL: there is no such parameter. */
static Node *
argument(const planned_call *call, const char *name)
{
	for (int i = 0; i < call->count && i < list_length(call->arguments); i++)
		if (call->names != NULL && strcmp(call->names[i], name) == 0)
			return estimate_expression_value(call->root, list_nth(call->arguments, i));
	return NULL;
}

/* Whether an argument is known, and not NULL. */
static bool
known_value(const planned_call *call, const char *name, Datum *value)
{
	Node *node = argument(call, name);

	if (node == NULL || !IsA(node, Const) || ((Const *) node)->constisnull)
		return false;
	*value = ((Const *) node)->constvalue;
	return true;
}

static bool
is_given(const planned_call *call, const char *name)
{
	Node *node = argument(call, name);

	return node != NULL && !(IsA(node, Const) && ((Const *) node)->constisnull);
}

static double
start_count(const planned_call *call)
{
	Node *start = argument(call, "start");

	if (start == NULL)
		return 1;
#if PG_VERSION_NUM >= 170000
	return Max(estimate_array_length(call->root, start), 1);
#else
	return Max(estimate_array_length(start), 1);
#endif
}

/* Distinct values of a column, of so many rows; 0: not known. */
static double
distinct_values(Oid table, const char *column, double rows)
{
	HeapTuple tuple =
		SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(table),
						Int16GetDatum(get_attnum(table, column)), BoolGetDatum(false));
	double distinct = 0;

	if (HeapTupleIsValid(tuple))
	{
		distinct = ((Form_pg_statistic) GETSTRUCT(tuple))->stadistinct;
		ReleaseSysCache(tuple);
	}
	return distinct < 0 ? -distinct * rows : distinct;
}

static double
row_count(Oid table)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	double rows = -1;

	if (HeapTupleIsValid(tuple))
	{
		rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
		ReleaseSysCache(tuple);
	}
	return rows;
}

/* Graphs know of many links in common, so the widest counts. */
static void
add_graph(link_shape *shape, const char *graph)
{
	Oid table = link_delta_relation(psprintf("topo_%s", graph), "link");
	double links = OidIsValid(table) ? row_count(table) : -1;
	double sources;
	double targets;

	if (links <= 0)
		return;
	sources = distinct_values(table, "src", links);
	targets = distinct_values(table, "dst", links);
	if (sources < 1 || targets < 1)
		return;
	shape->nodes = Max(shape->nodes, Max(sources, targets));
	shape->out = Max(shape->out, links / sources);
	shape->in = Max(shape->in, links / targets);
}

/* The graphs that are asked for, where that is known; else those of the service map. */
static int
graph_names(const planned_call *call, char ***graphs)
{
	static char *const service_map[] = {"network", "ipc", "trace"};
	int count = lengthof(service_map);
	Datum wanted;
	Datum *names;
	bool *nulls;

	*graphs = memcpy(palloc(sizeof(service_map)), service_map, sizeof(service_map));
	if (!known_value(call, "graphs", &wanted))
		return count;
	deconstruct_array(DatumGetArrayTypeP(wanted), TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls,
					  &count);
	*graphs = palloc((count + 1) * sizeof(char *));
	for (int i = 0; i < count; i++)
		(*graphs)[i] = nulls[i] ? "" : TextDatumGetCString(names[i]);
	return count;
}

static link_shape
shape_of(const planned_call *call)
{
	link_shape shape = {0};
	char **graphs;
	int count = graph_names(call, &graphs);

	for (int i = 0; i < count; i++)
		add_graph(&shape, graphs[i]);
	return shape;
}

static bool
is_function(const planned_call *call, const char *name)
{
	return strcmp(call->function, name) == 0;
}

static double
fan_out(const planned_call *call, const link_shape *shape)
{
	Datum value;
	double width = shape->out;

	if (is_function(call, "upstream") || is_function(call, "blast_radius"))
		width = shape->in;
	else if (known_value(call, "direction", &value))
	{
		char *direction = TextDatumGetCString(value);

		if (strcmp(direction, "in") == 0)
			width = shape->in;
		else if (strcmp(direction, "both") == 0)
			width = shape->in + shape->out;
	}
	if (known_value(call, "edge_limit", &value))
		width = Min(width, Max(DatumGetInt32(value), 0));
	return width;
}

static int
depth_bound(const planned_call *call)
{
	Datum value;

	if (known_value(call, "max_depth", &value))
		return Min(Max(DatumGetInt32(value), 0), MOST_DEPTHS);
	return is_given(call, "max_depth") ? ASSUMED_DEPTH : MOST_DEPTHS;
}

/* Nodes reached from so many starts, these not among them. */
static double
reached(double starts, double width, double nodes, int depths)
{
	double frontier = Min(starts, nodes);
	double seen = frontier;

	for (int depth = 0; depth < depths && frontier >= 0.5; depth++)
	{
		/* so many links, each to any node, miss a node with this chance */
		double missed = exp(-frontier * width / nodes);

		frontier = (nodes - seen) * (1 - missed);
		seen += frontier;
	}
	return Max(seen - Min(starts, nodes), 0);
}

/* The most edges that one of the graphs has live; negative: not known. */
static double
live_edges(const planned_call *call)
{
	char **graphs;
	int count = graph_names(call, &graphs);
	double most = -1;

	for (int i = 0; i < count; i++)
	{
		Oid table = link_delta_relation(psprintf("topo_%s", graphs[i]), "live_edge");

		if (OidIsValid(table))
			most = Max(most, row_count(table));
	}
	return most;
}

/* Nodes on a shortest path: as many depths as it takes to reach half of all. */
static double
usual_path_length(double width, double nodes)
{
	return width > 1 ? 2 + log(Max(nodes / 2, 1)) / log(width) : 2;
}

/* Negative: nothing is known. */
static double
estimate_rows(const planned_call *call)
{
	link_shape shape = shape_of(call);
	double starts = start_count(call);
	double width = fan_out(call, &shape);
	Datum page;
	double rows;

	if (is_function(call, "edges"))
		return live_edges(call);
	if (shape.nodes < 1)
		return -1;
	if (is_function(call, "shortest_path"))
		return usual_path_length(width, shape.nodes);
	if (is_function(call, "components"))
		return shape.nodes;
	rows = reached(starts, width, shape.nodes, depth_bound(call));
	if (is_given(call, "node_filter"))
		rows *= FILTER_SHARE;
	if (is_function(call, "traverse"))
		rows += starts;
	if (known_value(call, "max_nodes", &page))
		rows = Min(rows, Max(DatumGetInt32(page), 0));
	return rows;
}

Datum
topo_estimate_rows(PG_FUNCTION_ARGS)
{
	Node *request = (Node *) PG_GETARG_POINTER(0);
	SupportRequestRows *wanted = (SupportRequestRows *) request;
	planned_call call;
	double rows;

	if (!IsA(request, SupportRequestRows) || !IsA(wanted->node, FuncExpr))
		PG_RETURN_POINTER(NULL);
	call = read_call(wanted->root, (FuncExpr *) wanted->node);
	rows = estimate_rows(&call);
	if (rows < 0)
		PG_RETURN_POINTER(NULL);
	wanted->rows = clamp_row_est(rows);
	PG_RETURN_POINTER(wanted);
}
