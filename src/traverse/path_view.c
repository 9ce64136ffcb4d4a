/*
 * path_view.c
 *		The shortest path between two nodes of a view of links.
 *
 * Two searches go towards each other, a depth at a time, that with the smaller
 * frontier first, until one reaches what the other has reached.  Then those nodes
 * are known that are on any shortest path and that both have reached; from there on
 * to b each node takes the one with the least id of those that lead to it.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "traverse/graph_search.h"
#include "traverse/path_view.h"

/* What leads on from the nodes that both searches have reached. */
typedef struct trail
{
	const link_view *view;
	const graph_search *forth; /* from a */
	const graph_search *back;  /* from b */
	uint32 depth;              /* of it that is looked for */
	uint64 *found;
	uint32 *before; /* by node: where it is come from; set for those found */
	uint32 *nodes;  /* found at that depth */
	size_t count;
} trail;

static edge_direction
reverse(edge_direction direction)
{
	switch (direction)
	{
		case EDGE_OUT:
			return EDGE_IN;
		case EDGE_IN:
			return EDGE_OUT;
		case EDGE_BOTH:
			break;
	}
	return EDGE_BOTH;
}

static size_t
frontier_size(const graph_search *search)
{
	return search->levels[search->depth + 1] - search->levels[search->depth];
}

/* Whether a path may go over a node, or ends at it: start nodes are first in order. */
static bool
may_pass(const graph_search *search, const graph_search *other, uint32 node)
{
	return search->view->closed == NULL || !view_bit(search->view->closed, node) ||
		   node == search->order[0] || node == other->order[0];
}

/* Whether the last depth of a search has a node that the other has reached. */
static bool
has_met(const graph_search *search, const graph_search *other)
{
	for (size_t i = search->levels[search->depth]; i < search->count; i++)
		if (view_bit(other->visited, search->order[i]) && may_pass(search, other, search->order[i]))
			return true;
	return false;
}

/* Search from both ends until they meet; false: they do not. */
static bool
meet(graph_search *forth, graph_search *back, int32 max_depth)
{
	graph_search *turn = forth;
	graph_search *other = back;

	while (!has_met(turn, other))
	{
		if (max_depth >= 0 && forth->depth + back->depth >= max_depth)
			return false;
		turn = frontier_size(forth) <= frontier_size(back) ? forth : back;
		other = turn == forth ? back : forth;
		if (!search_step(turn))
			return false;
	}
	return true;
}

static void
each_link(const link_view *view, edge_direction direction, uint32 near, view_visit visit,
		  void *context)
{
	for (int i = 0; i < view->graph_count; i++)
	{
		if (direction & EDGE_OUT)
			view_each_link(&view->graphs[i], near, CSR_OUT, visit, context);
		if (direction & EDGE_IN)
			view_each_link(&view->graphs[i], near, CSR_IN, visit, context);
	}
}

static void
lead_on(void *context, uint32 near, uint32 far, uint64 bit)
{
	trail *self = context;

	if (!view_bit(self->back->visited, far) || self->back->depths[far] != self->depth ||
		!may_pass(self->back, self->forth, far))
		return;
	if (!view_bit(self->found, far))
	{
		view_set_bit(self->found, far);
		self->before[far] = near;
		self->nodes[self->count++] = far;
	}
	else if (view_precedes(self->view, near, self->before[far]))
		self->before[far] = near;
}

/* Follow all shortest paths from where the searches met to b. */
static uint32 *
follow(const link_view *view, const graph_search *forth, const graph_search *back)
{
	Size size = view->node_count * sizeof(uint32);
	trail self = {.view = view, .forth = forth, .back = back};
	uint32 *from = MemoryContextAllocHuge(CurrentMemoryContext, size);
	size_t count = 0;

	self.before = MemoryContextAllocHuge(CurrentMemoryContext, size);
	self.nodes = MemoryContextAllocHuge(CurrentMemoryContext, size);
	self.found = MemoryContextAllocExtended(CurrentMemoryContext, view_words(view) * sizeof(uint64),
											MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (size_t i = forth->levels[forth->depth]; i < forth->count; i++)
		if (view_bit(back->visited, forth->order[i]) && may_pass(forth, back, forth->order[i]))
			from[count++] = forth->order[i];
	for (int32 depth = back->depth - 1; depth >= 0; depth--)
	{
		uint32 *swap = self.nodes;

		self.depth = depth;
		self.count = 0;
		for (size_t i = 0; i < count; i++)
		{
			if (i % 1024 == 0)
				CHECK_FOR_INTERRUPTS();
			each_link(view, forth->direction, from[i], lead_on, &self);
		}
		count = self.count;
		self.nodes = from;
		from = swap;
	}
	return self.before;
}

uint32 *
path_find(const link_view *view, edge_direction direction, uint32 a, uint32 b, int32 max_depth,
		  int32 *steps)
{
	graph_search *forth = search_begin(view, direction, SEARCH_PARENTS, NULL, &a, 1);
	graph_search *back = search_begin(view, reverse(direction), SEARCH_DEPTHS, NULL, &b, 1);
	uint32 *before;
	uint32 *path;
	uint32 node = b;

	if (!meet(forth, back, max_depth))
		return NULL;
	before = follow(view, forth, back);
	*steps = forth->depth + back->depth;
	path = palloc((*steps + 1) * sizeof(uint32));
	for (int32 step = *steps; step > 0; step--)
	{
		path[step] = node;
		node = step > forth->depth ? before[node] : forth->parents[node];
	}
	path[0] = node;
	return path;
}

/* One link that is looked for. */
typedef struct wanted_link
{
	uint32 far;
	uint64 graphs;
} wanted_link;

static void
take_graph(void *context, uint32 near, uint32 far, uint64 bit)
{
	wanted_link *wanted = context;

	if (far == wanted->far)
		wanted->graphs |= bit;
}

uint64
path_graphs_between(const link_view *view, edge_direction direction, uint32 near, uint32 far)
{
	wanted_link wanted = {.far = far};

	each_link(view, direction, near, take_graph, &wanted);
	return wanted.graphs;
}
