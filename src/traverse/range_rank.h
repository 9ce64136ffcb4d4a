/*
 * range_rank.h
 *		Of the edges of a range of time, the first of an order at each node.
 */
#ifndef TOPOLOGY_TRAVERSE_RANGE_RANK_H
#define TOPOLOGY_TRAVERSE_RANGE_RANK_H

#include "traverse/range_edges.h"

typedef struct range_rank range_rank;

/* For the limit and order of a scope; in CurrentMemoryContext, needs SPI. */
extern range_rank *range_rank_create(const edge_scope *scope, const range_edges *range);

/*
 * Leave in edges, which all are at one node, those that come first, in their order;
 * returns how many.  What leads to one neighbour counts as one, and neighbours alike by
 * label, then by id; those that the user may not see come after all that are alike.
 */
extern uint32 range_rank_cut(range_rank *rank, uint32 node, uint32 *edges, uint32 count);

#endif /* TOPOLOGY_TRAVERSE_RANGE_RANK_H */
