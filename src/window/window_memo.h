/*
 * window_memo.h
 *		What is remembered of a range of time: its packs, merged once.
 *
 * A question that comes again, such as that of a panel for the last three hours, would
 * merge nearly the same packs each time.  So a range is parted where tens of minutes
 * begin: into a head of single minutes, a middle that stays the same for ten minutes, and
 * a tail to which a minute is added each minute.  What the packs of each merge to is kept
 * in shared memory as a memo (memo_store.h), under the sum of the very rows that it was
 * made of (window_identity.h): so it is used where the same rows are seen, and nowhere
 * else.  Rows that are not packed yet are always read.
 *
 * The first question for a range of some length makes no memos; the second one, of the
 * same graph and length, does: they cost about as much again as what they are made of.
 *
 * Everything that is found is allocated in the CurrentMemoryContext: what the memos take,
 * at most three, of a fifth of topology.memo_memory each.  Needs SPI.
 */
#ifndef TOPOLOGY_WINDOW_WINDOW_MEMO_H
#define TOPOLOGY_WINDOW_WINDOW_MEMO_H

#include "postgres.h"

#include "window/memo_packs.h"
#include "window/window_pieces.h"

typedef struct window_memo
{
	memo_packs packs;
	char *rest; /* a condition on windows w: those that are to be read besides */
} window_memo;

/*
 * Recall what there is of a range of a graph, as of window_pieces_find(), which pieces
 * answer.  may_make: memos that are missing may be made, which nothing but an interrupt
 * stops.
 */
extern void window_memo_recall(window_memo *memo, const window_pieces *pieces, const char *graph,
							   const Datum *during, bool may_make);

#endif /* TOPOLOGY_WINDOW_WINDOW_MEMO_H */
