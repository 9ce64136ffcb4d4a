/*
 * adjacency.h
 *		A graph held in memory by a call that has to look at its edges many times.
 *
 * Nodes are numbered from 0 in the order of their ids, so that an algorithm can
 * keep what it knows of a node in an array.  Edges stand by their source, in
 * the order of their targets, and once more by their target; each pair of nodes
 * has one, whatever the number of graphs and types that know it.
 */
#ifndef TOPOLOGY_TRAVERSE_ADJACENCY_H
#define TOPOLOGY_TRAVERSE_ADJACENCY_H

#include "traverse/expand.h"

typedef struct adjacency
{
	uint32 node_count;
	uint32 edge_count;
	int64 *ids;        /* of the nodes, ascending */
	uint32 *out_begin; /* node_count + 1 places in out and graphs */
	uint32 *out;       /* targets */
	uint64 *graphs;    /* which graphs know the edge */
	uint32 *in_begin;  /* node_count + 1 places in in */
	uint32 *in;        /* sources */
} adjacency;

/* No node: what adjacency_find() returns where there is none. */
#define ADJACENCY_NONE UINT32_MAX

/*
 * The edges on the ways of at most max_depth (or -1) steps from start.  The
 * result is in CurrentMemoryContext, as is what else the call holds meanwhile.
 * Raises configuration_limit_exceeded where all that would exceed what
 * memory_check() allows.
 */
extern adjacency *adjacency_from(const edge_scope *scope, int64 start, int32 max_depth);

/*
 * The same for all edges of a scope, in the direction that it has; scope->everywhere may
 * be set.  Closed nodes are there, but have no edges, unless the scope goes through them;
 * so are nodes that the user may not see.
 */
extern adjacency *adjacency_of_all(edge_scope *scope);

/* The number of a node, or ADJACENCY_NONE. */
extern uint32 adjacency_find(const adjacency *map, int64 id);

/* The graphs that know an edge; 0: there is none. */
extern uint64 adjacency_graphs(const adjacency *map, uint32 source, uint32 target);

#endif /* TOPOLOGY_TRAVERSE_ADJACENCY_H */
