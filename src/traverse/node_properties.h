/*
 * node_properties.h
 *		What else is known of the nodes that are returned, where it is asked for.
 */
#ifndef TOPOLOGY_TRAVERSE_NODE_PROPERTIES_H
#define TOPOLOGY_TRAVERSE_NODE_PROPERTIES_H

#include "postgres.h"

typedef struct node_properties node_properties;

/*
 * For properties by name, a text[]: keys of topo.node.properties, tier and domain; "*"
 * is all.  In CurrentMemoryContext.
 */
extern node_properties *node_properties_create(Datum names);

/*
 * Look up those of some nodes, QUERY_CHUNK at the most: one query.  Needs a connection
 * to SPI.
 */
extern void node_properties_look_up(node_properties *wanted, const int64 *ids, size_t count);

/* A jsonb of the node at a place among those looked up last; valid until the next look-up. */
extern Datum node_properties_at(const node_properties *wanted, size_t place, bool *isnull);

#endif /* TOPOLOGY_TRAVERSE_NODE_PROPERTIES_H */
