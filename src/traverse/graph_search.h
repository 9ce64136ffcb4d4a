/*
 * graph_search.h
 *		Breadth-first search over a view of links.
 *
 * It finds what traverse.h's search finds over tables: each node at its least
 * depth, the parent with the least id, and the graphs of all links from the depth
 * before.  Closed nodes are not gone on from, but for start nodes.
 */
#ifndef TOPOLOGY_TRAVERSE_GRAPH_SEARCH_H
#define TOPOLOGY_TRAVERSE_GRAPH_SEARCH_H

#include "postgres.h"

#include "traverse/link_view.h"
#include "traverse/node_filter.h"

/* What a search is to remember of each node, beside that it was reached. */
typedef enum search_memory
{
	SEARCH_COUNTS,  /* nothing */
	SEARCH_PARENTS, /* parent, and graphs where there are several */
	SEARCH_DEPTHS   /* these, and its depth */
} search_memory;

typedef struct graph_search
{
	const link_view *view;
	edge_direction direction;
	node_filter *filter; /* or NULL */
	time_budget *budget; /* or NULL; the caller's to set */
	uint64 *visited;     /* a bit a node: reached, or rejected by the filter */
	uint64 *fresh;       /* reached at this depth, while it is searched; NULL: not needed */
	uint64 *frontier;    /* the frontier as bits, when it is searched from the other side */
	uint32 *order;       /* nodes reached, by depth; at each depth in ascending order, where
						  * parents are kept and the view is plain */
	size_t count;
	size_t *levels; /* where each depth begins in order; levels[depth + 1] is its end */
	int level_room;
	int32 depth;
	size_t started;  /* distinct start nodes */
	uint64 explored; /* links at the nodes that were expanded */
	/* by node, and set only for nodes that were reached */
	uint32 *parents;
	uint64 *graphs; /* NULL: all that have a parent are of the view's one graph */
	uint32 *depths;
} graph_search;

/*
 * A search from some nodes, at depth 0, in CurrentMemoryContext.  Takes 8 bytes a
 * node that is reached (16 with graphs, 4 more with depths), and 2 bits for each
 * of the view.
 */
extern graph_search *search_begin(const link_view *view, edge_direction direction,
								  search_memory memory, node_filter *filter, const uint32 *start,
								  size_t start_count);

/*
 * Search the next depth; false: there is nothing more, or the time is over.  Then the
 * depth has what was found of it, and parents and graphs known from that.
 */
extern bool search_step(graph_search *search);

/* Whether a node was reached, and was not rejected. */
extern bool search_reached(const graph_search *search, uint32 node);

/* The depth of the node that is at a place in order. */
extern int32 search_depth_at(const graph_search *search, size_t place);

/* The graphs that have a link to a node that was reached from its parents. */
extern uint64 search_graphs(const graph_search *search, uint32 node);

/* Put numbers in ascending order, in time linear in their number. */
extern void sort_nodes(uint32 *nodes, size_t count);

#endif /* TOPOLOGY_TRAVERSE_GRAPH_SEARCH_H */
