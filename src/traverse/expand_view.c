/*
 * expand_view.c
 *		The live adjacency from snapshots, where they may be used, else from wherever
 *		edge_source_open() has it.
 *
 * A view is opened for each frontier, since only then are the nodes known that must
 * have numbers in it.  Which it is to be is not looked at before the first frontier:
 * a source that is never asked costs nothing.
 */
#include "postgres.h"

#include "traverse/expand.h"
#include "traverse/link_view.h"

#include "miscadmin.h"
#include "utils/memutils.h"

typedef struct lazy_source
{
	edge_source base;
	edge_scope scope;
	edge_source *tables; /* NULL until they are asked */
	MemoryContext memory;
} lazy_source;

/* Where the links of a view go, as edges. */
typedef struct view_sink
{
	const link_view *view;
	edge_sink sink;
	void *context;
} view_sink;

static void
hand_over(void *context, uint32 near, uint32 far, uint64 bit)
{
	const view_sink *target = context;

	target->sink(target->context, view_id(target->view, near), view_id(target->view, far), bit);
}

static void
expand_node(view_sink *target, edge_direction direction, uint32 node)
{
	for (int i = 0; i < target->view->graph_count; i++)
	{
		if (direction & EDGE_OUT)
			view_each_link(&target->view->graphs[i], node, CSR_OUT, hand_over, target);
		if (direction & EDGE_IN)
			view_each_link(&target->view->graphs[i], node, CSR_IN, hand_over, target);
	}
}

static void
expand_tables(lazy_source *source, const int64 *frontier, size_t count, edge_sink sink,
			  void *context)
{
	if (source->tables == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(source->memory);

		source->tables = edge_source_open(&source->scope);
		MemoryContextSwitchTo(old);
	}
	source->tables->expand(source->tables, frontier, count, sink, context);
}

static void
lazy_expand(edge_source *base, const int64 *frontier, size_t count, edge_sink sink, void *context)
{
	lazy_source *source = (lazy_source *) base;
	view_sink target = {
		.view = link_view_open(&source->scope, frontier, count, false),
		.sink = sink,
		.context = context,
	};

	if (target.view == NULL)
	{
		expand_tables(source, frontier, count, sink, context);
		return;
	}
	for (size_t i = 0; i < count && !time_is_over(source->scope.budget); i++)
	{
		CHECK_FOR_INTERRUPTS();
		expand_node(&target, source->scope.direction, link_view_find(target.view, frontier[i]));
	}
}

edge_source *
edge_source_open_lazily(const edge_scope *scope)
{
	lazy_source *source = palloc0(sizeof(lazy_source));

	source->base.expand = lazy_expand;
	source->scope = *scope;
	source->memory = CurrentMemoryContext;
	/* who searches sees to these; edges are the same, and a view without them needs no names */
	source->scope.through_closed = true;
	return &source->base;
}
