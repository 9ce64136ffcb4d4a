/*
 * edge_nodes.h
 *		The nodes of merged edges: which app stands for a cluster, and how nodes are
 *		written.
 *
 * All lives in the CurrentMemoryContext of edge_nodes_create(), and stays in memory:
 * some 50 bytes and its label a node.  What asks the database needs SPI, and sees what
 * the caller may see.
 */
#ifndef TOPOLOGY_WINDOW_EDGE_NODES_H
#define TOPOLOGY_WINDOW_EDGE_NODES_H

#include "postgres.h"

#include "utils/array.h"

typedef struct edge_nodes edge_nodes;

/* A node that edges were seen of. */
typedef struct edge_node
{
	int64 id;
	text *label; /* NULL: not looked up, or there is no such node */
	bool caller_told;
	bool callee_told; /* it is caller, or callee, of an edge that metrics or traces told of */
	char status;      /* of the hash table */
} edge_node;

/* apps: clusters are to be replaced by their apps, which are read here. */
extern edge_nodes *edge_nodes_create(bool apps);

/* The node that stands for this one. */
extern int64 edge_nodes_stand_in(edge_nodes *nodes, int64 id);

/* Remember a node; the answer is valid until the next one is. */
extern edge_node *edge_nodes_note(edge_nodes *nodes, int64 id);

/* One that was remembered, or NULL. */
extern const edge_node *edge_nodes_find(const edge_nodes *nodes, int64 id);

/* Look up how the nodes are written, of all that were remembered. */
extern void edge_nodes_load_labels(edge_nodes *nodes);

/*
 * Have those that were deleted since written "gone:" and their number; after the others'
 * labels were looked up.  What row security hides has no label still.
 */
extern void edge_nodes_label_gone(edge_nodes *nodes);

/* Which of two labels comes first, as COLLATE "C" has it: below 0, 0 or above. */
extern int edge_nodes_compare_labels(const text *left, const text *right);

/* The labels of some of them as text[], in order; false: none of them is there. */
extern bool edge_nodes_labels(const edge_nodes *nodes, const int64 *ids, uint32 count,
							  Datum *labels);

#endif /* TOPOLOGY_WINDOW_EDGE_NODES_H */
