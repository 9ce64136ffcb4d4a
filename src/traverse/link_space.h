/*
 * link_space.h
 *		One numbering of nodes for the snapshots of several graphs.
 */
#ifndef TOPOLOGY_TRAVERSE_LINK_SPACE_H
#define TOPOLOGY_TRAVERSE_LINK_SPACE_H

#include "postgres.h"

#include "traverse/csr.h"
#include "traverse/expand.h"

typedef struct link_space
{
	MemoryContext memory; /* holds all of it */
	int count;
	uint64 versions[EDGE_MAX_GRAPHS];
	uint32 node_count;
	int64 *ids;                        /* ascending */
	uint32 *ranks;                     /* of the labels */
	uint64 *closed;                    /* a bit each; NULL: none is */
	uint32 *to_space[EDGE_MAX_GRAPHS]; /* from a graph's numbers */
	uint32 *to_graph[EDGE_MAX_GRAPHS]; /* to them, or CSR_NO_NODE */
} link_space;

/*
 * The space of so many versions of snapshots, two at the least.  The last that was
 * asked for is kept by the process: it costs time in proportion to the nodes only
 * when a version has changed, and 12 bytes a node and 8 for each graph.  Valid
 * to the end of the transaction.
 */
extern const link_space *link_space_of(const csr_header *const *snapshots, const uint64 *versions,
									   int count);

#endif /* TOPOLOGY_TRAVERSE_LINK_SPACE_H */
