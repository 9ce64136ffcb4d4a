/*
 * view_rows.c
 *		The answers of traverse() and reachable_count() from a view of links.
 *
 * What was found is 4 bytes a node and depth, in order; a row is made when it is
 * fetched, of the snapshots' own texts.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "traverse/graph_search.h"
#include "traverse/srf.h"
#include "traverse/view_names.h"
#include "traverse/view_rows.h"

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
	graph_search *search = search_begin(view, request->scope.direction, memory, request->filter,
										start, request->start_count);

	search->budget = request->scope.budget;
	return search;
}

int64
count_in_view(const link_view *view, const traverse_request *request)
{
	graph_search *search = begin(view, request, SEARCH_COUNTS);

	while (search->depth != request->max_depth && search_step(search))
		;
	time_budget_report(&request->budget, search->count, search->depth);
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
	page_raise_missing(wanted, search->budget->over);
	return 0;
}

/* Memory is asked for so many rows ahead, times the look-ups that lead to it. */
#define PREFETCH_ROWS 8

/* A row that is to be made. */
typedef struct view_row
{
	uint32 node;
	int32 depth;
} view_row;

/* Rows that have been taken from their depths, with their properties. */
typedef struct row_batch
{
	node_properties *properties;
	view_row rows[QUERY_CHUNK];
	size_t count;
	size_t next;
} row_batch;

struct view_rows
{
	MemoryContext memory;
	const graph_search *search;
	view_names *names;
	graph_names graphs;
	const page *wanted;
	int32 first; /* depth of the page's first row */

	/* Where the next row comes from. */
	int32 depth;
	uint32 *nodes; /* of that depth, in the order of labels */
	size_t count;
	size_t next;
	int64 rows_left; /* or -1 */

	row_batch *batch; /* rows whose properties were looked up; NULL: none are wanted */
};

/* Put the nodes of a depth in the order of their labels. */
static void
begin_depth(view_rows *rows, int32 depth)
{
	const graph_search *search = rows->search;

	rows->depth = depth;
	rows->count = search->levels[depth + 1] - search->levels[depth];
	rows->next = 0;
	memcpy(rows->nodes, search->order + search->levels[depth], rows->count * sizeof(uint32));
	view_names_sort(rows->names, rows->nodes, rows->count);
}

void
view_rows_rewind(view_rows *rows)
{
	MemoryContext old = MemoryContextSwitchTo(rows->memory);
	uint32 after;

	rows->rows_left = rows->wanted->max_nodes;
	if (rows->batch != NULL)
		rows->batch->next = rows->batch->count = 0;
	begin_depth(rows, rows->first);
	MemoryContextSwitchTo(old);
	if (!rows->wanted->has_after)
		return;
	after = link_view_find(rows->search->view, rows->wanted->after);
	while (rows->next < rows->count && rows->nodes[rows->next++] != after)
		;
}

static size_t
widest_depth(const graph_search *search)
{
	size_t widest = 0;

	for (int32 depth = 0; depth <= search->depth; depth++)
		widest = Max(widest, search->levels[depth + 1] - search->levels[depth]);
	return widest;
}

view_rows *
view_rows_open(const link_view *view, const traverse_request *request, page *wanted)
{
	view_rows *rows = palloc0(sizeof(view_rows));
	graph_search *search = run(view, request, wanted);
	size_t known;

	time_budget_report(&request->budget, search->count, search->depth);
	rows->memory = CurrentMemoryContext;
	rows->search = search;
	rows->wanted = wanted;
	rows->first = first_depth(search, wanted);
	known = search->levels[Max(rows->first - 1, 0)];
	rows->names = view_names_learn(view, search->order + known, search->count - known);
	rows->graphs.scope = &request->scope;
	rows->nodes = MemoryContextAllocHuge(rows->memory, (widest_depth(search) + 1) * sizeof(uint32));
	if (request->properties != NULL)
	{
		rows->batch = palloc0(sizeof(row_batch));
		rows->batch->properties = request->properties;
	}
	view_rows_rewind(rows);
	return rows;
}

static void
make_row(view_rows *rows, view_row row, const node_name *name, Datum *values, bool *nulls)
{
	const graph_search *search = rows->search;
	uint64 graphs = row.depth == 0 ? 0 : search_graphs(search, row.node);
	node_name parent;

	memset(nulls, 0, TRAVERSE_COLUMNS * sizeof(bool));
	nulls[3] = row.depth == 0 || !view_names_get(rows->names, search->parents[row.node], &parent);
	nulls[5] = true;
	values[0] = PointerGetDatum(name->label);
	values[1] = PointerGetDatum(name->type);
	values[2] = Int32GetDatum(row.depth);
	values[3] = nulls[3] ? (Datum) 0 : PointerGetDatum(parent.label);
	values[4] = graph_names_array(&rows->graphs, graphs);
	values[5] = (Datum) 0;
}

/* Have the memory come that the rows behind the next will be made of. */
static inline void
prefetch_rows(const view_rows *rows)
{
	const uint32 *parents = rows->search->parents;
	const uint32 *ahead = rows->nodes + rows->next;

	if (rows->count - rows->next <= 3 * PREFETCH_ROWS)
		return;
	view_names_prefetch_place(rows->names, ahead[3 * PREFETCH_ROWS]);
	__builtin_prefetch(&parents[ahead[3 * PREFETCH_ROWS]]);
	view_names_prefetch_label(rows->names, ahead[2 * PREFETCH_ROWS]);
	if (rows->depth == 0)
		return;
	view_names_prefetch_place(rows->names, parents[ahead[2 * PREFETCH_ROWS]]);
	view_names_prefetch_label(rows->names, parents[ahead[PREFETCH_ROWS]]);
}

/* The next row, of a node that has a name; false: there is none. */
static bool
next_row(view_rows *rows, view_row *row, node_name *name)
{
	while (rows->rows_left != 0)
	{
		if (rows->next == rows->count)
		{
			if (rows->depth == rows->search->depth)
				return false;
			begin_depth(rows, rows->depth + 1);
			continue;
		}
		prefetch_rows(rows);
		*row = (view_row){.node = rows->nodes[rows->next++], .depth = rows->depth};
		if (!view_names_get(rows->names, row->node, name))
			continue;
		if (rows->rows_left > 0)
			rows->rows_left--;
		return true;
	}
	return false;
}

static void
fill_batch(view_rows *rows)
{
	row_batch *batch = rows->batch;
	int64 *ids = palloc(QUERY_CHUNK * sizeof(int64));
	node_name name;

	batch->count = 0;
	batch->next = 0;
	while (batch->count < QUERY_CHUNK && next_row(rows, &batch->rows[batch->count], &name))
	{
		ids[batch->count] = view_id(rows->search->view, batch->rows[batch->count].node);
		batch->count++;
	}
	if (batch->count > 0)
		node_properties_look_up(batch->properties, ids, batch->count);
	pfree(ids);
}

/* The next row, with its properties. */
static bool
make_next_of_batch(view_rows *rows, Datum *values, bool *nulls)
{
	row_batch *batch = rows->batch;
	node_name name;

	if (batch->next == batch->count)
		fill_batch(rows);
	if (batch->next == batch->count)
		return false;
	(void) view_names_get(rows->names, batch->rows[batch->next].node, &name);
	make_row(rows, batch->rows[batch->next], &name, values, nulls);
	values[5] = node_properties_at(batch->properties, batch->next++, &nulls[5]);
	return true;
}

static bool
make_next(view_rows *rows, Datum *values, bool *nulls)
{
	node_name name;
	view_row row;

	if (!next_row(rows, &row, &name))
		return false;
	make_row(rows, row, &name, values, nulls);
	return true;
}

bool
view_rows_next(view_rows *rows, Datum values[TRAVERSE_COLUMNS], bool nulls[TRAVERSE_COLUMNS])
{
	MemoryContext old = MemoryContextSwitchTo(rows->memory);
	bool found;

	CHECK_FOR_INTERRUPTS();
	found = rows->batch != NULL ? make_next_of_batch(rows, values, nulls)
								: make_next(rows, values, nulls);
	MemoryContextSwitchTo(old);
	return found;
}
