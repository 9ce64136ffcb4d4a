/*
 * simple_paths.h
 *		Ways through a graph that visit no node twice, shortest first.
 *
 * The method is Yen's (Management Science 17, 1971) in the form of Lawler
 * (Management Science 18, 1972): what is left to find is a partition of sets of
 * paths, each with a prefix and some ways on that are barred after it, and
 * known by its best path.  Taking the best of all splits its set at each node
 * after the prefix.  So a path costs one search for each of its steps, however
 * many paths there are, and none is found twice.
 *
 * The best path of a set is found by a search from the target backwards that
 * keeps off the prefix; among the shortest it is the one whose nodes, from the
 * start on, have the least numbers.  So the order of all paths is known: by
 * length, and then by the numbers of their nodes.
 *
 * A cycle is a path from a node back to itself.  Each is found once, from the
 * node with the least number on it, over nodes with greater ones.
 *
 * Limits: everything is in the memory context that was current at
 * simple_paths_begin(), 4 bytes a node of each path that waits and 12 a node of
 * the graph; memory_check() says how much that may be.
 */
#ifndef TOPOLOGY_TRAVERSE_SIMPLE_PATHS_H
#define TOPOLOGY_TRAVERSE_SIMPLE_PATHS_H

#include "traverse/adjacency.h"

typedef struct simple_paths simple_paths;

/* A path of length steps; a cycle ends with the node that it begins with. */
typedef struct simple_path
{
	uint32 length;
	const uint32 *nodes; /* length + 1 of them */
} simple_path;

/* Begin to list paths of at most max_length (or -1) steps in a graph, which must live as long. */
extern simple_paths *simple_paths_begin(const adjacency *map, int32 max_length);

/* Have the paths from source to target listed; if they are the same, the cycles through it. */
extern void simple_paths_add(simple_paths *paths, uint32 source, uint32 target);

/*
 * Have all cycles listed.  component gives each node's strongly connected
 * component, without which cycles would be looked for where there are none.
 */
extern void simple_paths_add_cycles(simple_paths *paths, const uint32 *component);

/* The next path; false where there are no more.  It lives until the next call. */
extern bool simple_paths_next(simple_paths *paths, simple_path *path);

#endif /* TOPOLOGY_TRAVERSE_SIMPLE_PATHS_H */
