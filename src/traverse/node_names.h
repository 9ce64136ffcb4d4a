/*
 * node_names.h
 *		Nodes from the way they are written, and back.
 */
#ifndef TOPOLOGY_TRAVERSE_NODE_NAMES_H
#define TOPOLOGY_TRAVERSE_NODE_NAMES_H

#include "traverse/traverse.h"

/* A node's type and label; both palloc'd in one piece. */
typedef struct node_name
{
	text *type;
	text *label;
} node_name;

/*
 * The ids of nodes from their labels, in the same order, palloc'd.  Raises
 * undefined_object for a label that names no node.  any_cluster may be NULL.
 */
extern int64 *node_ids(char **labels, size_t count, bool *any_cluster);

/*
 * Point the named of every node at least_depth or deeper to a node_name, in
 * CurrentMemoryContext.  It stays NULL where topo.node has no such node that
 * the user may see.  One look-up per QUERY_CHUNK nodes.
 */
extern void node_names_find(const traversal *result, int32 least_depth);

/* The same for some nodes of the result. */
extern void node_names_find_some(const traversal *result, traverse_node **nodes, size_t count);

/*
 * Point names[i] to the name of the node ids[i], in CurrentMemoryContext, or to
 * NULL where there is none that the user may see.  The ids ascend.
 */
extern void node_names_look_up(const int64 *ids, size_t count, node_name **names);

/* How a node is written; palloc'd. */
extern text *node_label_make(const text *type, const text *name);

/* Order of labels: by their bytes, as COLLATE "C". */
extern int node_label_compare(const text *a, const text *b);

#endif /* TOPOLOGY_TRAVERSE_NODE_NAMES_H */
