/*
 * view_rows.h
 *		The answers of traverse() and reachable_count() from a view of links.
 */
#ifndef TOPOLOGY_TRAVERSE_VIEW_ROWS_H
#define TOPOLOGY_TRAVERSE_VIEW_ROWS_H

#include "postgres.h"

#include "traverse/link_view.h"
#include "traverse/page.h"
#include "traverse/request.h"

#define TRAVERSE_COLUMNS 6

/* The rows of a page, to be fetched one by one. */
typedef struct view_rows view_rows;

/*
 * Search, and make ready to fetch; the view was opened for the start nodes, with
 * names.  Needs a connection to SPI, which the fetching needs only where properties are
 * wanted.  All memory is of
 * CurrentMemoryContext; view, request and page must live as long as the rows.
 */
extern view_rows *view_rows_open(const link_view *view, const traverse_request *request,
								 page *wanted);

/*
 * The next row; false: there is none.  Values point into the snapshots, or are valid
 * until the next call.
 */
extern bool view_rows_next(view_rows *rows, Datum values[TRAVERSE_COLUMNS],
						   bool nulls[TRAVERSE_COLUMNS]);

/* Begin again with the first. */
extern void view_rows_rewind(view_rows *rows);

/* How many nodes are reached, start nodes not among them. */
extern int64 count_in_view(const link_view *view, const traverse_request *request);

#endif /* TOPOLOGY_TRAVERSE_VIEW_ROWS_H */
