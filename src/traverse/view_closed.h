/*
 * view_closed.h
 *		Which nodes of a view are closed.
 */
#ifndef TOPOLOGY_TRAVERSE_VIEW_CLOSED_H
#define TOPOLOGY_TRAVERSE_VIEW_CLOSED_H

#include "postgres.h"

#include "traverse/link_view.h"

/*
 * Complete view->closed, which says what the snapshots know, by what they do not:
 * nodes that are in none, that have been renamed since, or that had no name then.
 * They are looked up, where there are any; that needs a connection to SPI.
 */
extern void view_closed_complete(link_view *view);

#endif /* TOPOLOGY_TRAVERSE_VIEW_CLOSED_H */
