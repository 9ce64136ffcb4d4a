/*
 * stream_scan.h
 *		The rows of traverse() one by one, where it stands in FROM.
 */
#ifndef TOPOLOGY_TRAVERSE_STREAM_SCAN_H
#define TOPOLOGY_TRAVERSE_STREAM_SCAN_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "traverse/view_rows.h"

/* Where a call may leave its rows, instead of putting them to a tuplestore. */
typedef struct row_stream
{
	ExprContext *econtext; /* of the call: a call within an argument has another */
	MemoryContext memory;  /* lives as long as the rows are fetched */
	view_rows *rows;       /* NULL: they are in the tuplestore */
	bool of_snapshot;
} row_stream;

/* The stream that waits for the rows of this call, or NULL. */
extern row_stream *row_stream_wanted(const ReturnSetInfo *output);

/* Have the planner scan calls of traverse() so.  For _PG_init(). */
extern void stream_scan_init(void);

#endif /* TOPOLOGY_TRAVERSE_STREAM_SCAN_H */
