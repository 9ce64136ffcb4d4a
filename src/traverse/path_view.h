/*
 * path_view.h
 *		The shortest path between two nodes of a view of links.
 */
#ifndef TOPOLOGY_TRAVERSE_PATH_VIEW_H
#define TOPOLOGY_TRAVERSE_PATH_VIEW_H

#include "postgres.h"

#include "traverse/link_view.h"

/*
 * The nodes of the path from a to b with the fewest steps, at most max_depth (-1:
 * any number) of them, or NULL; of several that which, seen from b, goes over the
 * nodes with the least ids.  Searches from both ends, in CurrentMemoryContext.
 */
extern uint32 *path_find(const link_view *view, edge_direction direction, uint32 a, uint32 b,
						 int32 max_depth, int32 *steps);

/* The graphs that have a link from one node to another, in that direction. */
extern uint64 path_graphs_between(const link_view *view, edge_direction direction, uint32 near,
								  uint32 far);

#endif /* TOPOLOGY_TRAVERSE_PATH_VIEW_H */
