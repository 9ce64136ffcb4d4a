/*
 * traverse.h
 *		Breadth-first search over an edge source.
 */
#ifndef TOPOLOGY_TRAVERSE_TRAVERSE_H
#define TOPOLOGY_TRAVERSE_TRAVERSE_H

#include "traverse/expand.h"
#include "traverse/node_filter.h"

/* Depth of a node that was reached but that the filter does not let through. */
#define TRAVERSE_REJECTED (-1)

/*
 * A node that was reached.  Of the nodes at depth - 1 that have an edge to it,
 * parent is the one with the least id, and graphs is the set of graphs that
 * know an edge from any of them.  Start nodes have depth 0 and graphs 0.
 */
typedef struct traverse_node
{
	int64 id;
	int64 parent;
	uint64 graphs;
	void *named; /* for the caller's use; NULL at first */
	int32 depth;
	int32 last;  /* of chained steps: the last that led to it */
	char status; /* of the hash table */
} traverse_node;

/* Ids in a growing array. */
typedef struct id_vector
{
	int64 *ids;
	size_t count;
	size_t capacity;
} id_vector;

/* One of chained steps. */
typedef struct traverse_step
{
	edge_source *source;
	node_filter *filter; /* or NULL */
} traverse_step;

typedef struct traversal
{
	struct traverse_nodes_hash *nodes;
	int32 depth;    /* the deepest level that was searched */
	size_t started; /* distinct start nodes */
	bool chained;
	size_t reached;       /* nodes reached, start nodes among them, rejected ones not */
	node_filter *visible; /* where a step has no filter; or NULL */
	MemoryContext memory;
	size_t edges; /* handed over by the source */
	time_budget *budget;
	id_vector frontier; /* the nodes at depth */
	id_vector next;
} traversal;

typedef struct traverse_goal
{
	const int64 *start;
	size_t start_count;
	int32 max_depth;     /* or -1 */
	node_filter *filter; /* or NULL; start nodes are exempt from it */

	/*
	 * Chained steps (hops.h), max_depth of them, in place of one source and filter; or
	 * NULL.
	 */
	const traverse_step *steps;

	bool through_closed; /* else closed nodes, start nodes exempt, are not expanded */
	time_budget *budget; /* or NULL */

	/* Asked after each depth whether to stop there; may be NULL. */
	bool (*enough)(void *context, const traversal *result);
	void *enough_context;
} traverse_goal;

/*
 * Search until nothing new is found, max_depth is reached, it is enough, or the time
 * is over.  Then the last depth has what was found of it, and the parents and graphs
 * known from that.
 * A node is expanded once at the most, but with chained steps once for each.  Costs 48 bytes to 96
 * bytes of memory a node, in CurrentMemoryContext; raises configuration_limit_exceeded where that,
 * with all else that is in it, exceeds what memory_check() allows.
 */
extern traversal *traverse_run(edge_source *source, const traverse_goal *goal);

/* A node that was reached (or rejected), or NULL.  Valid as long as the result. */
extern traverse_node *traverse_find(const traversal *result, int64 id);

/* Call visit for each node with a depth of at least least_depth, in no order. */
extern void traverse_each(const traversal *result, int32 least_depth,
						  void (*visit)(void *context, traverse_node *node), void *context);

#endif /* TOPOLOGY_TRAVERSE_TRAVERSE_H */
