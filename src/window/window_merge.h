/*
 * window_merge.h
 *		Merge the windows that answer a range of time into edges.
 *
 * Windows are read as window_read.h says, and merged at some 100 ns each with reading.
 *
 * All of this needs SPI.  Everything lives in the CurrentMemoryContext of
 * window_merge_begin(); edge_table.h says how much that is.
 */
#ifndef TOPOLOGY_WINDOW_WINDOW_MERGE_H
#define TOPOLOGY_WINDOW_WINDOW_MERGE_H

#include "postgres.h"

#include "window/edge_nodes.h"
#include "window/edge_table.h"
#include "window/ways.h"

typedef struct window_merge
{
	bool apps; /* clusters are merged into their apps */
	id_sets *sets;
	ways *ways;
	edge_nodes *nodes;
	edge_table *edges;
} window_merge;

/* Whose windows come, and where their traffic goes. */
typedef struct window_origin
{
	const char *graph;
	uint32 number; /* of the graph, for edges to say so */
	int lane;
	bool tells;    /* its callers and callees tell of calls */
	bool requests; /* its requests are those that count */
} window_origin;

/* level: 'a' or 'c'. */
extern void window_merge_begin(window_merge *merge, char level);

/* Add the windows that answer a range, a tstzrange; NULL: those since which edges are live. */
extern void window_merge_range(window_merge *merge, const window_origin *origin,
							   const Datum *during);

/* The edge between two nodes, as edge_table_edge() gives it, of one graph more. */
extern merged_edge *window_merge_edge(window_merge *merge, const window_origin *origin, int64 src,
									  int64 dst);

#endif /* TOPOLOGY_WINDOW_WINDOW_MERGE_H */
