/*
 * path.c
 *		topo.shortest_path(): a way from one node to another in the fewest steps.
 *
 * From a snapshot path_view.c finds it.  Else it is a search from a that ends with the
 * depth at which b is reached; the path is then read back from b over the parents.  So of several
 *shortest paths it is the one that, seen from b, goes over the nodes with the least ids.  The
 *graphs of a step are those of that one edge, and are looked up once more, since a traversal merges
 *the graphs of all edges to a node.
 */
#include "postgres.h"

#include "compat.h"
#include "traverse/node_names.h"
#include "traverse/path_view.h"
#include "traverse/request.h"
#include "traverse/srf.h"
#include "traverse/view_names.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(topo_shortest_path);

/* One step's edge, and the graphs that know it. */
typedef struct step_edge
{
	int64 target;
	uint64 graphs;
} step_edge;

static bool
is_reached(void *context, const traversal *result)
{
	return traverse_find(result, *(const int64 *) context) != NULL;
}

static void
take_step(void *context, int64 near, int64 far, uint64 graphs)
{
	step_edge *step = context;

	if (far == step->target)
		step->graphs |= graphs;
}

/* The nodes from the start to target, target->depth + 1 of them. */
static traverse_node **
read_back(const traversal *result, traverse_node *target)
{
	traverse_node **path = palloc((target->depth + 1) * sizeof(traverse_node *));
	traverse_node *node = target;

	for (int depth = target->depth; depth > 0; depth--)
	{
		path[depth] = node;
		node = traverse_find(result, node->parent);
	}
	path[0] = node;
	return path;
}

static void
put_step(ReturnSetInfo *output, graph_names *graphs, const traverse_node *node, uint64 known_by)
{
	const node_name *name = node->named;
	Datum values[4];
	bool nulls[4] = {0};

	nulls[1] = nulls[2] = name == NULL;
	values[0] = Int32GetDatum(node->depth);
	values[1] = name != NULL ? PointerGetDatum(name->label) : (Datum) 0;
	values[2] = name != NULL ? PointerGetDatum(name->type) : (Datum) 0;
	values[3] = graph_names_array(graphs, known_by);
	tuplestore_putvalues(output->setResult, output->setDesc, values, nulls);
}

static void
put_path(ReturnSetInfo *output, const traversal *result, edge_source *source,
		 const edge_scope *scope, traverse_node *target)
{
	traverse_node **path = read_back(result, target);
	graph_names graphs = {.scope = scope};

	node_names_find_some(result, path, target->depth + 1);
	for (int step = 0; step <= target->depth; step++)
	{
		step_edge edge = {.target = path[step]->id};

		CHECK_FOR_INTERRUPTS();
		if (step > 0)
			source->expand(source, &path[step - 1]->id, 1, take_step, &edge);
		put_step(output, &graphs, path[step], edge.graphs);
	}
}

static int64
read_path_arguments(traverse_request *request, FunctionCallInfo fcinfo)
{
	int64 target;

	request_init(request);
	request->start = palloc(sizeof(int64));
	request->start[0] = request_node(request, fcinfo, 0, "a");
	request->start_count = 1;
	target = request_node(request, fcinfo, 1, "b");
	request_graphs(request, fcinfo, 2);
	request_during(request, fcinfo, 3);
	request->max_depth = request_count(fcinfo, 4, "max_depth");
	request_direction(request, fcinfo, 5);
	request_level(request, fcinfo, 6);
	request_edge_types(request, fcinfo, 7);
	request->scope.through_closed = request_flag(fcinfo, 8);
	return target;
}

static void
find_in_tables(ReturnSetInfo *output, const traverse_request *request, int64 b)
{
	traverse_goal goal = {
		.start = request->start,
		.start_count = request->start_count,
		.max_depth = request->max_depth,
		.through_closed = request->scope.through_closed,
		.enough = is_reached,
		.enough_context = &b,
	};
	edge_source *source = edge_source_open(&request->scope);
	traversal *result = traverse_run(source, &goal);
	traverse_node *target = traverse_find(result, b);

	if (target != NULL)
		put_path(output, result, source, &request->scope, target);
}

static void
find_in_view(ReturnSetInfo *output, const traverse_request *request, const link_view *view, int64 b)
{
	edge_direction direction = request->scope.direction;
	graph_names graphs = {.scope = &request->scope};
	int32 steps;
	uint32 *path = path_find(view, direction, link_view_find(view, request->start[0]),
							 link_view_find(view, b), request->max_depth, &steps);
	view_names *names;

	if (path == NULL)
		return;
	names = view_names_learn(view, path, steps + 1);
	for (int32 step = 0; step <= steps; step++)
	{
		node_name name;
		traverse_node node = {.depth = step};

		if (view_names_get(names, path[step], &name))
			node.named = &name;
		put_step(output, &graphs, &node,
				 step > 0 ? path_graphs_between(view, direction, path[step - 1], path[step]) : 0);
	}
}

Datum
topo_shortest_path(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *output = (ReturnSetInfo *) fcinfo->resultinfo;
	traverse_request request;
	link_view *view;
	int64 ends[2];

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	ends[1] = read_path_arguments(&request, fcinfo);
	ends[0] = request.start[0];
	view = link_view_open(&request.scope, ends, lengthof(ends), true);
	if (view != NULL)
		find_in_view(output, &request, view, ends[1]);
	else
		find_in_tables(output, &request, ends[1]);
	SPI_finish();
	return (Datum) 0;
}
