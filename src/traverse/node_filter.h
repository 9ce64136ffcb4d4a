/*
 * node_filter.h
 *		Which nodes a traversal goes through: a JSON object of conditions.
 *
 * All conditions must hold.  "tier", "domain" and "type" compare the column of
 * topo.node; any other key is a property, which must contain the value.  A
 * value may be an array, of which any will do.
 */
#ifndef TOPOLOGY_TRAVERSE_NODE_FILTER_H
#define TOPOLOGY_TRAVERSE_NODE_FILTER_H

#include "utils/jsonb.h"

typedef struct node_filter node_filter;

/*
 * A filter in CurrentMemoryContext; it needs the connection to SPI that it was
 * made under.  Raises invalid_parameter_value for what is no such object.
 */
extern node_filter *node_filter_create(Jsonb *conditions);

/*
 * Where row security may hide nodes from the user: a filter that lets through those
 * that it shows, so that what is hidden is not there; else NULL.
 */
extern node_filter *node_filter_of_visible(void);

/* Leave in ids, in no order, those of the nodes that pass; returns how many. */
extern size_t node_filter_apply(node_filter *filter, int64 *ids, size_t count);

#endif /* TOPOLOGY_TRAVERSE_NODE_FILTER_H */
