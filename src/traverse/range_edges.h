/*
 * range_edges.h
 *		The edges that carried traffic in a range of time, each once.
 *
 * Of a window only its ends and its type are read, and its measures where edges are
 * ranked by them: some 20 to 30 ns.  Memory: 12 to 16 bytes an edge, 8 more where there
 * are several graphs, 24 more where edges are measured; and some 40 a node.
 */
#ifndef TOPOLOGY_TRAVERSE_RANGE_EDGES_H
#define TOPOLOGY_TRAVERSE_RANGE_EDGES_H

#include "traverse/expand.h"
#include "traverse/numbering.h"
#include "window/edge_nodes.h"

/* By the numbers of its ends. */
typedef struct range_edge
{
	uint32 src;
	uint32 dst;
} range_edge;

/* What edges are ranked by, the most first: they add up, but times, of which the last counts. */
#define RANGE_MEASURES 3

typedef struct range_measures
{
	int64 of[RANGE_MEASURES];
} range_measures;

typedef struct range_edges
{
	uint32 count;
	range_edge *edges;
	uint64 *graphs;           /* NULL: all are of the one graph that was asked for */
	range_measures *measures; /* NULL: there are none */

	numbering *numbers; /* of nodes */
	int64 *ids;         /* by number */
	uint32 node_count;
	edge_nodes *nodes; /* to look up labels in */
} range_edges;

/* Whether edges of a scope are ranked by what flowed over them, and not by name alone. */
extern bool range_is_measured(const edge_scope *scope);

/* Add up the measures of what counts as one edge. */
extern void range_measures_add(edge_order order, range_measures *into, const range_measures *from);

/*
 * Read the edges of a timed scope, at its level and of its types: where clusters are
 * merged into apps, there may be several between two nodes.  There are none where the
 * time is over before all was read: from a part of them depths would be wrong.
 *
 * Needs SPI; all is in CurrentMemoryContext.  Raises configuration_limit_exceeded where
 * that exceeds what memory_check() allows.
 */
extern range_edges *range_edges_read(const edge_scope *scope);

/* The graphs that know an edge. */
static inline uint64
range_edge_graphs(const range_edges *range, uint32 edge)
{
	return range->graphs == NULL ? UINT64CONST(1) : range->graphs[edge];
}

#endif /* TOPOLOGY_TRAVERSE_RANGE_EDGES_H */
