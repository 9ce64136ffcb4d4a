/*
 * traverse_view.h
 *		The answers of traverse() and reachable_count() from a view of links.
 */
#ifndef TOPOLOGY_TRAVERSE_TRAVERSE_VIEW_H
#define TOPOLOGY_TRAVERSE_TRAVERSE_VIEW_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "traverse/link_view.h"
#include "traverse/page.h"
#include "traverse/request.h"

/* Put the rows of a page to output; the view was opened for the start nodes, with names. */
extern void traverse_view(ReturnSetInfo *output, const link_view *view,
						  const traverse_request *request, page *wanted);

/* How many nodes are reached, start nodes not among them. */
extern int64 count_in_view(const link_view *view, const traverse_request *request);

#endif /* TOPOLOGY_TRAVERSE_TRAVERSE_VIEW_H */
