/*
 * memo_make.h
 *		Merge the packs of some buckets, to be remembered.
 *
 * Costs some 60 ns a window that is read, and 100 a window that comes of it; memory, up to
 * topology.memo_memory, in the CurrentMemoryContext.
 * Needs SPI.
 */
#ifndef TOPOLOGY_WINDOW_MEMO_MAKE_H
#define TOPOLOGY_WINDOW_MEMO_MAKE_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "window/memo_packs.h"
#include "window/window_pieces.h"

/* Buckets that begin from first to last. */
typedef struct bucket_span
{
	TimestampTz first;
	TimestampTz last;
} bucket_span;

/*
 * Merge the packs of a span with those of base, which hold what there is before it, or
 * none.  False, and no packs: that makes not much less of them, or too much to remember.
 */
extern bool memo_make(memo_packs *made, const window_pieces *pieces, bucket_span span,
					  const memo_packs *base);

#endif /* TOPOLOGY_WINDOW_MEMO_MAKE_H */
