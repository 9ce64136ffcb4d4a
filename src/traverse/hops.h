/*
 * hops.h
 *		Chained steps: a search whose every depth has settings of its own.
 *
 * A step goes on from the nodes that the one before led to, whether or not they had
 * been reached earlier.  So with steps that are all alike it finds what any
 * traversal finds.
 */
#ifndef TOPOLOGY_TRAVERSE_HOPS_H
#define TOPOLOGY_TRAVERSE_HOPS_H

#include "traverse/request.h"
#include "utils/jsonb.h"

/*
 * Read steps into a request from a JSON array of objects; what a step does not name is
 * as the request has it, so all else is to be read before.  Raises
 * invalid_parameter_value.
 */
extern void hops_read(traverse_request *request, Jsonb *steps);

/* Where each step's edges come from, for traverse_goal; in CurrentMemoryContext. */
extern traverse_step *hops_open(const traverse_request *request);

#endif /* TOPOLOGY_TRAVERSE_HOPS_H */
