/*
 * traverse_view.c
 *		The answers of traverse() and reachable_count() from a view of links.
 *
 * Rows are made from the snapshots' own texts, which the tuplestore copies.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

#include "traverse/graph_search.h"
#include "traverse/srf.h"
#include "traverse/traverse_view.h"
#include "traverse/view_names.h"

static uint32 *
start_nodes(const link_view *view, const traverse_request *request)
{
	uint32 *start = palloc(request->start_count * sizeof(uint32));

	for (size_t i = 0; i < request->start_count; i++)
		start[i] = link_view_find(view, request->start[i]);
	return start;
}

static graph_search *
begin(const link_view *view, const traverse_request *request, search_memory memory)
{
	uint32 *start = start_nodes(view, request);

	return search_begin(view, request->scope.direction, memory, request->filter, start,
						request->start_count);
}

int64
count_in_view(const link_view *view, const traverse_request *request)
{
	graph_search *search = begin(view, request, SEARCH_COUNTS);

	while (search->depth != request->max_depth && search_step(search))
		;
	return (int64) (search->count - search->started);
}

/* Search as far as the page goes. */
static graph_search *
run(const link_view *view, const traverse_request *request, page *wanted)
{
	graph_search *search = begin(view, request, SEARCH_PARENTS);
	uint32 after = wanted->has_after ? link_view_find(view, wanted->after) : VIEW_NO_NODE;

	for (;;)
	{
		bool looks = wanted->has_after && wanted->reached_by_after == 0;

		if (search->depth == request->max_depth ||
			page_is_complete(wanted, search->count, looks && search_reached(search, after)) ||
			!search_step(search))
			return search;
	}
}

/* The depth that the page begins at; raises where "after" was not reached. */
static int32
first_depth(const graph_search *search, const page *wanted)
{
	uint32 after;

	if (!wanted->has_after)
		return 0;
	after = link_view_find(search->view, wanted->after);
	for (size_t i = 0; i < search->count; i++)
		if (search->order[i] == after)
			return search_depth_at(search, i);
	page_raise_missing(wanted);
	return 0;
}

/* What the rows of a page are made of. */
typedef struct row_maker
{
	ReturnSetInfo *output;
	const graph_search *search;
	view_names *names;
	graph_names graphs;
	const page *wanted;
	uint32 after;    /* rows begin behind this node; VIEW_NO_NODE: at once */
	int64 rows_left; /* or -1 */
} row_maker;

static void
put_row(row_maker *maker, uint32 node, int32 depth, const node_name *name)
{
	Datum values[5];
	bool nulls[5] = {0};
	node_name parent;

	nulls[3] = depth == 0 || !view_names_get(maker->names, maker->search->parents[node], &parent);
	values[0] = PointerGetDatum(name->label);
	values[1] = PointerGetDatum(name->type);
	values[2] = Int32GetDatum(depth);
	values[3] = nulls[3] ? (Datum) 0 : PointerGetDatum(parent.label);
	values[4] =
		graph_names_array(&maker->graphs, depth == 0 ? 0 : search_graphs(maker->search, node));
	tuplestore_putvalues(maker->output->setResult, maker->output->setDesc, values, nulls);
}

/* The rows of one depth, in the order of labels. */
static void
put_depth(row_maker *maker, int32 depth)
{
	const graph_search *search = maker->search;
	size_t count = search->levels[depth + 1] - search->levels[depth];
	uint32 *nodes = MemoryContextAllocHuge(CurrentMemoryContext, (count + 1) * sizeof(uint32));

	memcpy(nodes, search->order + search->levels[depth], count * sizeof(uint32));
	view_names_sort(maker->names, nodes, count);
	for (size_t i = 0; i < count && maker->rows_left != 0; i++)
	{
		node_name name;
		bool named = view_names_get(maker->names, nodes[i], &name);

		if (i % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		if (maker->after != VIEW_NO_NODE)
		{
			if (nodes[i] == maker->after)
				maker->after = VIEW_NO_NODE;
			continue;
		}
		if (!named)
			continue;
		put_row(maker, nodes[i], depth, &name);
		if (maker->rows_left > 0)
			maker->rows_left--;
	}
	pfree(nodes);
}

void
traverse_view(ReturnSetInfo *output, const link_view *view, const traverse_request *request,
			  page *wanted)
{
	graph_search *search = run(view, request, wanted);
	int32 first = first_depth(search, wanted);
	size_t known = search->levels[Max(first - 1, 0)];
	row_maker maker = {
		.output = output,
		.search = search,
		.names = view_names_learn(view, search->order + known, search->count - known),
		.graphs = {.scope = &request->scope},
		.wanted = wanted,
		.after = wanted->has_after ? link_view_find(view, wanted->after) : VIEW_NO_NODE,
		.rows_left = wanted->max_nodes,
	};

	for (int32 depth = first; depth <= search->depth && maker.rows_left != 0; depth++)
		put_depth(&maker, depth);
}
