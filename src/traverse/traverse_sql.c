/*
 * traverse_sql.c
 *		topo.traverse() and topo.reachable_count().
 *
 * A call connects to SPI, reads its arguments into a request, searches, and for
 * traverse() names and orders what was found.  All memory of a call is SPI's
 * own, and goes with SPI_finish(); rows go to a tuplestore of the executor's, but
 * those of a view to whom waits for them one by one (stream_scan.c), if somebody
 * does: then all memory is his.
 *
 * A page: nodes are ordered by depth and label, so a page is a run of them.  The
 * search stops at the depth that fills the page, and only nodes from the depth
 * of "after" on (and of the one before, their parents) are named.
 */
#include "postgres.h"

#include "compat.h"
#include "traverse/hops.h"
#include "traverse/link_view.h"
#include "traverse/node_names.h"
#include "traverse/page.h"
#include "traverse/request.h"
#include "traverse/srf.h"
#include "traverse/stream_scan.h"
#include "traverse/view_rows.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(topo_traverse);
PG_FUNCTION_INFO_V1(topo_reachable_count);

/* What was found, in order. */
typedef struct row_list
{
	traverse_node **nodes;
	size_t count;
} row_list;

static bool
page_is_full(void *context, const traversal *result)
{
	page *wanted = context;
	bool looks = wanted->has_after && wanted->reached_by_after == 0;

	return page_is_complete(wanted, result->reached,
							looks && traverse_find(result, wanted->after) != NULL);
}

static const text *
label_of(const traverse_node *node)
{
	return ((const node_name *) node->named)->label;
}

static int
compare_rows(const void *a, const void *b)
{
	const traverse_node *left = *(traverse_node *const *) a;
	const traverse_node *right = *(traverse_node *const *) b;

	CHECK_FOR_INTERRUPTS();
	if (left->depth != right->depth)
		return left->depth < right->depth ? -1 : 1;
	return node_label_compare(label_of(left), label_of(right));
}

static void
add_row(void *context, traverse_node *node)
{
	row_list *rows = context;

	if (node->named != NULL)
		rows->nodes[rows->count++] = node;
}

/* The depth that the page begins at; raises where "after" was not reached. */
static int32
first_depth(const traversal *result, const page *wanted)
{
	const traverse_node *after;

	if (!wanted->has_after)
		return 0;
	after = traverse_find(result, wanted->after);
	if (after == NULL || after->depth == TRAVERSE_REJECTED)
		page_raise_missing(wanted, result->budget->over);
	return after->depth;
}

static row_list
ordered_rows(const traversal *result, int32 least_depth)
{
	row_list rows = {.nodes = MemoryContextAllocHuge(CurrentMemoryContext,
													 result->reached * sizeof(traverse_node *))};

	/* a parent is of the depth before, but of chained steps it may be of any */
	node_names_find(result, result->chained ? 0 : Max(least_depth - 1, 0));
	traverse_each(result, least_depth, add_row, &rows);
	qsort(rows.nodes, rows.count, sizeof(traverse_node *), compare_rows);
	return rows;
}

/* place: of the node among those whose properties were looked up last. */
static void
put_node(ReturnSetInfo *output, const traversal *result, graph_names *graphs,
		 const traverse_node *node, const node_properties *properties, size_t place)
{
	const node_name *name = node->named;
	const traverse_node *parent = node->depth > 0 ? traverse_find(result, node->parent) : NULL;
	Datum values[TRAVERSE_COLUMNS] = {0};
	bool nulls[TRAVERSE_COLUMNS] = {0};

	nulls[3] = parent == NULL || parent->named == NULL;
	nulls[5] = true;
	values[0] = PointerGetDatum(name->label);
	values[1] = PointerGetDatum(name->type);
	values[2] = Int32GetDatum(node->depth);
	values[3] = nulls[3] ? (Datum) 0 : PointerGetDatum(label_of(parent));
	values[4] = graph_names_array(graphs, node->graphs);
	if (properties != NULL)
		values[5] = node_properties_at(properties, place, &nulls[5]);
	tuplestore_putvalues(output->setResult, output->setDesc, values, nulls);
}

static void
look_properties_up(node_properties *properties, traverse_node **nodes, size_t count)
{
	int64 *ids = palloc(count * sizeof(int64));

	for (size_t i = 0; i < count; i++)
		ids[i] = nodes[i]->id;
	node_properties_look_up(properties, ids, count);
	pfree(ids);
}

static void
put_nodes(ReturnSetInfo *output, const traversal *result, const traverse_request *request,
		  traverse_node **nodes, size_t count)
{
	graph_names graphs = {.scope = &request->scope};

	for (size_t i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (request->properties != NULL && i % QUERY_CHUNK == 0)
			look_properties_up(request->properties, nodes + i, Min(count - i, QUERY_CHUNK));
		put_node(output, result, &graphs, nodes[i], request->properties, i % QUERY_CHUNK);
	}
}

static void
put_page(ReturnSetInfo *output, const traversal *result, const traverse_request *request,
		 const page *wanted, row_list rows)
{
	size_t begin = 0;
	size_t end = rows.count;

	if (wanted->has_after)
	{
		while (begin < end && rows.nodes[begin]->id != wanted->after)
			begin++;
		begin = Min(begin + 1, end);
	}
	if (wanted->max_nodes >= 0)
		end = Min(end, begin + wanted->max_nodes);
	put_nodes(output, result, request, rows.nodes + begin, end - begin);
}

static void
read_traverse_arguments(traverse_request *request, FunctionCallInfo fcinfo)
{
	request_init(request);
	request_start(request, fcinfo, 0);
	request_direction(request, fcinfo, 1);
	request->max_depth = request_count(fcinfo, 2, "max_depth");
	request_graphs(request, fcinfo, 3);
	request_during(request, fcinfo, 4);
	request_edge_types(request, fcinfo, 5);
	request_filter(request, fcinfo, 6);
	request->scope.limit = request_count(fcinfo, 7, "edge_limit");
	request_edge_order(request, fcinfo, 8);
	request_level(request, fcinfo, 11);
	request->scope.through_closed = request_flag(fcinfo, 12);
	request_time_limit(request, fcinfo, 13);
	if (!PG_ARGISNULL(14))
		hops_read(request, PG_GETARG_JSONB_P(14));
	request_properties(request, fcinfo, 15);
}

static page
read_page_arguments(FunctionCallInfo fcinfo)
{
	page wanted = {.max_nodes = request_count(fcinfo, 9, "max_nodes")};

	wanted.has_after = !PG_ARGISNULL(10);
	if (wanted.has_after)
	{
		wanted.label = text_to_cstring(PG_GETARG_TEXT_PP(10));
		wanted.after = *node_ids(&wanted.label, 1, NULL);
	}
	return wanted;
}

static traversal *
run_request(const traverse_request *request, page *wanted)
{
	traverse_goal goal = {
		.start = request->start,
		.start_count = request->start_count,
		.max_depth = request->max_depth,
		.filter = request->filter,
		.through_closed = request->scope.through_closed,
		.budget = request->scope.budget,
		.enough = wanted != NULL ? page_is_full : NULL,
		.enough_context = wanted,
	};

	traversal *result;

	if (request->hops != NULL)
		goal.steps = hops_open(request);
	result = traverse_run(goal.steps == NULL ? edge_source_open(&request->scope) : NULL, &goal);
	time_budget_report(&request->budget, result->reached, result->depth);
	return result;
}

static void
traverse_tables(ReturnSetInfo *output, const traverse_request *request, page *wanted)
{
	traversal *result = run_request(request, wanted);

	put_page(output, result, request, wanted, ordered_rows(result, first_depth(result, wanted)));
}

/* Chained steps look at snapshots themselves. */
static link_view *
open_view(const traverse_request *request)
{
	return request->hops != NULL
			   ? NULL
			   : link_view_open(&request->scope, request->start, request->start_count, true);
}

static void
put_rows(ReturnSetInfo *output, view_rows *rows)
{
	Datum values[TRAVERSE_COLUMNS];
	bool nulls[TRAVERSE_COLUMNS];

	while (view_rows_next(rows, values, nulls))
		tuplestore_putvalues(output->setResult, output->setDesc, values, nulls);
}

/* What a call holds; its rows may be fetched after the call. */
typedef struct traverse_call
{
	traverse_request request;
	page wanted;
} traverse_call;

Datum
topo_traverse(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *output = (ReturnSetInfo *) fcinfo->resultinfo;
	row_stream *stream = row_stream_wanted(output);
	traverse_call *call;
	link_view *view;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	if (stream != NULL)
		MemoryContextSwitchTo(stream->memory);
	call = palloc(sizeof(traverse_call));
	read_traverse_arguments(&call->request, fcinfo);
	call->wanted = read_page_arguments(fcinfo);
	view = open_view(&call->request);
	if (stream != NULL)
		stream->of_snapshot = view != NULL;
	if (view == NULL)
		traverse_tables(output, &call->request, &call->wanted);
	else if (stream != NULL && call->request.properties == NULL)
		stream->rows = view_rows_open(view, &call->request, &call->wanted);
	else
		put_rows(output, view_rows_open(view, &call->request, &call->wanted));
	SPI_finish();
	return (Datum) 0;
}

static int64
count_in_tables(const traverse_request *request)
{
	traversal *result = run_request(request, NULL);

	return (int64) (result->reached - result->started);
}

Datum
topo_reachable_count(PG_FUNCTION_ARGS)
{
	traverse_request request;
	link_view *view;
	int64 count;

	SPI_connect();
	request_init(&request);
	request_start(&request, fcinfo, 0);
	request_direction(&request, fcinfo, 1);
	request.max_depth = request_count(fcinfo, 2, "max_depth");
	request_graphs(&request, fcinfo, 3);
	request_during(&request, fcinfo, 4);
	request_edge_types(&request, fcinfo, 5);
	request_filter(&request, fcinfo, 6);
	request_level(&request, fcinfo, 7);
	request.scope.through_closed = request_flag(fcinfo, 8);
	request_time_limit(&request, fcinfo, 9);
	if (!PG_ARGISNULL(10))
		hops_read(&request, PG_GETARG_JSONB_P(10));
	view = open_view(&request);
	count = view != NULL ? count_in_view(view, &request) : count_in_tables(&request);
	SPI_finish();
	PG_RETURN_INT64(count);
}
