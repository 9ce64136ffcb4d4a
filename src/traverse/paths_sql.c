/*
 * paths_sql.c
 *		topo.paths(), topo.cycles() and topo.components().
 *
 * Each holds the edges that matter in memory (adjacency.h), within work_mem
 * times hash_mem_multiplier: of paths() those on ways from the start, of the
 * others all that the arguments leave.  All memory of a call is SPI's own, and
 * goes with SPI_finish(); rows go to a tuplestore of the executor's.
 */
#include "postgres.h"

#include "compat.h"
#include "traverse/components.h"
#include "traverse/node_names.h"
#include "traverse/request.h"
#include "traverse/simple_paths.h"
#include "traverse/srf.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(topo_paths);
PG_FUNCTION_INFO_V1(topo_cycles);
PG_FUNCTION_INFO_V1(topo_components);

/* What rows are made from. */
typedef struct path_output
{
	ReturnSetInfo *rows;
	const adjacency *map;
	node_name **names;
	graph_names graphs;
	int32 count; /* of rows so far */
} path_output;

static node_name **
names_of_nodes(const adjacency *map)
{
	node_name **names =
		palloc_extended(Max(map->node_count, 1) * sizeof(node_name *), MCXT_ALLOC_HUGE);

	node_names_look_up(map->ids, map->node_count, names);
	return names;
}

static path_output
begin_output(FunctionCallInfo fcinfo, const adjacency *map, const edge_scope *scope)
{
	return (path_output){
		.rows = (ReturnSetInfo *) fcinfo->resultinfo,
		.map = map,
		.names = names_of_nodes(map),
		.graphs = {.scope = scope},
	};
}

/* The graphs that know every edge of a path. */
static uint64
graphs_of_path(const adjacency *map, const simple_path *path)
{
	uint64 graphs = UINT64_MAX;

	for (uint32 i = 0; i < path->length; i++)
		graphs &= adjacency_graphs(map, path->nodes[i], path->nodes[i + 1]);
	return graphs;
}

static Datum
labels_array(const path_output *output, const simple_path *path)
{
	int count = (int) path->length + 1;
	Datum *labels = palloc(count * sizeof(Datum));
	bool *nulls = palloc(count * sizeof(bool));
	int lower = 1;
	ArrayType *array;

	for (int i = 0; i < count; i++)
	{
		const node_name *name = output->names[path->nodes[i]];

		nulls[i] = name == NULL;
		labels[i] = name == NULL ? (Datum) 0 : PointerGetDatum(name->label);
	}
	array = construct_md_array(labels, nulls, 1, &count, &lower, TEXTOID, -1, false, TYPALIGN_INT);
	pfree(labels);
	pfree(nulls);
	return PointerGetDatum(array);
}

static void
put_path(path_output *output, const simple_path *path)
{
	Datum values[4];
	bool nulls[4] = {0};

	values[0] = Int32GetDatum(++output->count);
	values[1] = Int32GetDatum((int32) path->length);
	values[2] = labels_array(output, path);
	values[3] = graph_names_array(&output->graphs, graphs_of_path(output->map, path));
	tuplestore_putvalues(output->rows->setResult, output->rows->setDesc, values, nulls);
	pfree(DatumGetPointer(values[2]));
}

static void
put_paths(path_output *output, simple_paths *paths, int32 most)
{
	simple_path path;

	while ((most < 0 || output->count < most) && simple_paths_next(paths, &path))
		put_path(output, &path);
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
	request->max_depth = request_count(fcinfo, 2, "max_depth");
	request_graphs(request, fcinfo, 4);
	request_during(request, fcinfo, 5);
	request_direction(request, fcinfo, 6);
	request_level(request, fcinfo, 7);
	request_edge_types(request, fcinfo, 8);
	request->scope.through_closed = request_flag(fcinfo, 9);
	return target;
}

/* The path from a node to itself goes nowhere. */
static void
put_itself(FunctionCallInfo fcinfo, const traverse_request *request)
{
	adjacency map = {.node_count = 1, .ids = request->start};
	uint32 node = 0;
	path_output output = begin_output(fcinfo, &map, &request->scope);

	put_path(&output, &(simple_path){.length = 0, .nodes = &node});
}

static void
put_paths_between(FunctionCallInfo fcinfo, const traverse_request *request, int64 target,
				  int32 most)
{
	adjacency *map = adjacency_from(&request->scope, request->start[0], request->max_depth);
	uint32 a = adjacency_find(map, request->start[0]);
	uint32 b = adjacency_find(map, target);
	path_output output;
	simple_paths *paths;

	if (a == ADJACENCY_NONE || b == ADJACENCY_NONE)
		return;
	output = begin_output(fcinfo, map, &request->scope);
	paths = simple_paths_begin(map, request->max_depth);
	simple_paths_add(paths, a, b);
	put_paths(&output, paths, most);
}

Datum
topo_paths(PG_FUNCTION_ARGS)
{
	traverse_request request;
	int64 target;
	int32 most;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	target = read_path_arguments(&request, fcinfo);
	most = request_count(fcinfo, 3, "max_paths");
	if (target != request.start[0])
		put_paths_between(fcinfo, &request, target, most);
	else if (most != 0)
		put_itself(fcinfo, &request);
	SPI_finish();
	return (Datum) 0;
}

/* The arguments that cycles() and components() share, from a place on. */
static void
read_graph_arguments(traverse_request *request, FunctionCallInfo fcinfo, int first)
{
	request_init(request);
	request_graphs(request, fcinfo, first);
	request_during(request, fcinfo, first + 1);
	request_level(request, fcinfo, first + 2);
	request_edge_types(request, fcinfo, first + 3);
	request->scope.through_closed = request_flag(fcinfo, first + 4);
}

Datum
topo_cycles(PG_FUNCTION_ARGS)
{
	traverse_request request;
	int32 max_length;
	int32 most;
	adjacency *map;
	uint32 *component;
	simple_paths *paths;
	path_output output;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	read_graph_arguments(&request, fcinfo, 2);
	max_length = request_count(fcinfo, 0, "max_length");
	most = request_count(fcinfo, 1, "max_cycles");

	map = adjacency_of_all(&request.scope);
	component = palloc_extended(Max(map->node_count, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	(void) components_strong(map, component);
	paths = simple_paths_begin(map, max_length);
	simple_paths_add_cycles(paths, component);
	output = begin_output(fcinfo, map, &request.scope);
	put_paths(&output, paths, most);
	SPI_finish();
	return (Datum) 0;
}

/* A component, or one of its nodes. */
typedef struct member
{
	uint32 component;
	int64 size;
	const node_name *name;
	const text *first; /* the least label of the component */
} member;

static int
compare_labels(const text *a, const text *b)
{
	/* what the user may not see comes last */
	if (a == NULL || b == NULL)
		return (a == NULL) - (b == NULL);
	return node_label_compare(a, b);
}

static const text *
label_of(const member *m)
{
	return m->name == NULL ? NULL : m->name->label;
}

static int
compare_members(const void *a, const void *b)
{
	const member *left = a;
	const member *right = b;
	int order;

	CHECK_FOR_INTERRUPTS();
	if (left->size != right->size)
		return left->size > right->size ? -1 : 1;
	order = compare_labels(left->first, right->first);
	if (order == 0 && left->component != right->component)
		order = left->component < right->component ? -1 : 1;
	return order != 0 ? order : compare_labels(label_of(left), label_of(right));
}

static member *
list_members(const adjacency *map, const uint32 *component, uint32 component_count)
{
	node_name **names = names_of_nodes(map);
	member *members = palloc_extended(Max(map->node_count, 1) * sizeof(member), MCXT_ALLOC_HUGE);
	member *whole = palloc_extended(Max(component_count, 1) * sizeof(member),
									MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	for (uint32 i = 0; i < map->node_count; i++)
	{
		member *c = &whole[component[i]];

		members[i] = (member){.component = component[i], .name = names[i]};
		c->size++;
		if (compare_labels(label_of(&members[i]), c->first) < 0)
			c->first = label_of(&members[i]);
	}
	for (uint32 i = 0; i < map->node_count; i++)
	{
		members[i].size = whole[component[i]].size;
		members[i].first = whole[component[i]].first;
	}
	qsort(members, map->node_count, sizeof(member), compare_members);
	return members;
}

static void
put_members(ReturnSetInfo *output, const member *members, uint32 count)
{
	int32 number = 0;

	for (uint32 i = 0; i < count; i++)
	{
		Datum values[4];
		bool nulls[4] = {0};

		CHECK_FOR_INTERRUPTS();
		if (i == 0 || members[i].component != members[i - 1].component)
			number++;
		if (members[i].name == NULL)
			continue;
		values[0] = Int32GetDatum(number);
		values[1] = Int64GetDatum(members[i].size);
		values[2] = PointerGetDatum(members[i].name->label);
		values[3] = PointerGetDatum(members[i].name->type);
		tuplestore_putvalues(output->setResult, output->setDesc, values, nulls);
	}
}

Datum
topo_components(PG_FUNCTION_ARGS)
{
	traverse_request request;
	bool strong = request_flag(fcinfo, 0);
	adjacency *map;
	uint32 *component;
	uint32 count;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	read_graph_arguments(&request, fcinfo, 1);
	map = adjacency_of_all(&request.scope);
	component = palloc_extended(Max(map->node_count, 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	count = strong ? components_strong(map, component) : components_weak(map, component);
	put_members((ReturnSetInfo *) fcinfo->resultinfo, list_members(map, component, count),
				map->node_count);
	SPI_finish();
	return (Datum) 0;
}
