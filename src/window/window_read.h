/*
 * window_read.h
 *		Read the windows that answer a range of time, each once, as they are stored.
 *
 * This is the seam between what is read and what is made of it: which tables, packs and
 * rows answer a range, and in which order they come, is known here only; a visitor makes
 * edges of them (window_merge.c), or adjacency.
 *
 * Needs SPI.  Reads with the caller's rights and the statement's snapshot.  Nothing of a
 * window becomes a value of SQL on its way; a pack costs its decompression, and what
 * pack_reader_next() takes: some 45 ns a window.
 */
#ifndef TOPOLOGY_WINDOW_WINDOW_READ_H
#define TOPOLOGY_WINDOW_WINDOW_READ_H

#include "postgres.h"

#include "store/pack.h"

/* A window in a row of its own. */
typedef struct window_row
{
	pack_window window; /* but for via_count */
	bool has_via;
	Datum via;     /* bigint[], with nulls for nodes that are not known */
	Datum traffic; /* as it is stored */
} window_row;

/*
 * Who takes windows.  Both are called in a memory context that is reset when they return,
 * and what they are given is gone then.
 */
typedef struct window_visitor
{
	/* Takes a pack that was opened; is to read it to its end, where damage is refused. */
	void (*pack)(void *context, pack_reader *reader);
	void (*row)(void *context, const window_row *row);
	void *context;
	const bool *stop; /* once it is set, no more are wanted; or NULL */
} window_visitor;

/*
 * Hand over the windows that answer a range, a tstzrange; NULL: those since which edges
 * are live.  Rows come first, as they are found; then packs, in order of their first
 * source, so that the packs of all times come together that hold the same edges.
 */
extern void window_read_range(const char *graph, const Datum *during,
							  const window_visitor *visitor);

#endif /* TOPOLOGY_WINDOW_WINDOW_READ_H */
