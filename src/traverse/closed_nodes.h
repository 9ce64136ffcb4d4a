/*
 * closed_nodes.h
 *		Which nodes traversal does not go on from, unless it is asked to.
 *
 * External nodes and addresses that nobody is known to hold are closed: they stand
 * for whatever is behind them.  Who calls the internet has nothing to do with all
 * that is called from there, so a way through it is none.
 */
#ifndef TOPOLOGY_TRAVERSE_CLOSED_NODES_H
#define TOPOLOGY_TRAVERSE_CLOSED_NODES_H

#include "postgres.h"

/* Whether nodes of a type are closed. */
extern bool closed_nodes_are(const text *type);

/*
 * Those of some nodes that are closed, as topo.node has it for the user: an ascending
 * array in CurrentMemoryContext.  Needs a connection to SPI; one look-up for each
 * QUERY_CHUNK nodes.
 */
extern int64 *closed_nodes_among(const int64 *ids, size_t count, size_t *closed_count);

/* Whether a node is in such an array. */
extern bool closed_nodes_have(const int64 *closed, size_t closed_count, int64 id);

/* Leave in ids, in their order, those that are not closed; returns how many. */
extern size_t closed_nodes_leave_out(int64 *ids, size_t count);

#endif /* TOPOLOGY_TRAVERSE_CLOSED_NODES_H */
