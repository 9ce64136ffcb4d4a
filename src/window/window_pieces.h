/*
 * window_pieces.h
 *		Which windows answer a range of time: tables, and conditions on them.
 *
 * topo.window_conditions() says which; here this becomes queries.  Needs SPI; everything is
 * allocated in the CurrentMemoryContext.
 */
#ifndef TOPOLOGY_WINDOW_WINDOW_PIECES_H
#define TOPOLOGY_WINDOW_WINDOW_PIECES_H

#include "postgres.h"

/* Windows of one table, called w in the condition. */
typedef struct window_piece
{
	char *relation; /* as it is written in a query */
	char *condition;
} window_piece;

typedef struct window_pieces
{
	window_piece *list;
	int count;
	int room;
} window_pieces;

/*
 * The pieces that answer a range, a tstzrange; NULL: those since which edges are live.
 * None: there is no such graph.
 */
extern void window_pieces_find(window_pieces *pieces, const char *graph, const Datum *during);

/*
 * The pieces that answer a series, a timestamptz[] of where its buckets begin and where the
 * last ends: windows that lie in one bucket each, wherever there are such.
 */
extern void window_pieces_find_series(window_pieces *pieces, const char *graph, Datum begins);

/* A query for some columns of the windows w of all pieces that meet one condition more. */
extern char *window_pieces_query(const window_pieces *pieces, const char *columns,
								 const char *condition);

#endif /* TOPOLOGY_WINDOW_WINDOW_PIECES_H */
