/*
 * components.h
 *		What of a graph hangs together.
 *
 * Both give each node of the graph the number of its component, from 0 on
 * without gaps, and return how many there are.  component has room for
 * node_count numbers.  Time is linear in nodes and edges.
 */
#ifndef TOPOLOGY_TRAVERSE_COMPONENTS_H
#define TOPOLOGY_TRAVERSE_COMPONENTS_H

#include "traverse/adjacency.h"

/* Weakly connected: there is a way, whichever direction its edges have. */
extern uint32 components_weak(const adjacency *map, uint32 *component);

/* Strongly connected: there is a way there and back (Tarjan, SIAM J. Comput. 1, 1972). */
extern uint32 components_strong(const adjacency *map, uint32 *component);

#endif /* TOPOLOGY_TRAVERSE_COMPONENTS_H */
