/*
 * node_dictionary.h
 *		The nodes that a batch names, made where there are none, by number.
 *
 * Names are gathered first, each once, and then resolved in one statement.  A
 * dictionary lives in the memory context that was current when it was made, for
 * one store; the texts must outlive it, and equal ones must be one pointer.
 */
#ifndef TOPOLOGY_INGEST_NODE_DICTIONARY_H
#define TOPOLOGY_INGEST_NODE_DICTIONARY_H

#include "postgres.h"

#include "flow/flow.h"
#include "flow/span.h"

typedef struct node_dictionary node_dictionary;

/* No node: a parent that there is not, a name that is absent. */
#define NODE_NONE (-1)

extern node_dictionary *node_dictionary_create(void);

/*
 * The number of the node of a type, which is a constant, and a name; parent is
 * the number of the node that it is part of, or NODE_NONE.  An absent name is
 * NODE_NONE.
 */
extern int32 node_dictionary_add(node_dictionary *dictionary, const char *type, flow_text name,
								 int32 parent);

/* The finest node of a workload: the cluster, in its app, or the app. */
extern int32 node_dictionary_workload(node_dictionary *dictionary, flow_text app,
									  flow_text cluster);

/* The node of an endpoint of an app, which is named "app/endpoint". */
extern int32 node_dictionary_endpoint(node_dictionary *dictionary, int32 app, flow_text endpoint);

/*
 * Make the nodes that are missing, and return the ids by number, in the current
 * context.  A cluster whose name is that of another app's cluster has its app's
 * id, such an endpoint 0.  Needs SPI.
 */
extern int64 *node_dictionary_resolve(node_dictionary *dictionary);

/* The type of the node that a name at the other end of a call means. */
extern const char *node_type_of_peer(span_peer kind);

#endif /* TOPOLOGY_INGEST_NODE_DICTIONARY_H */
