/*
 * window_identity.h
 *		Which packs there are of a time, told without reading them.
 *
 * What a version of a row holds never changes.  So where the same versions are seen, by
 * whomever, the same packs are (row_identity.h): rows that come, go, or are hidden from the
 * caller make another sum.
 *
 * Needs SPI.  Costs some 300 ns a pack, and 40 bytes a bucket in the CurrentMemoryContext.
 */
#ifndef TOPOLOGY_WINDOW_WINDOW_IDENTITY_H
#define TOPOLOGY_WINDOW_WINDOW_IDENTITY_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "memo/memo_ring.h"
#include "window/window_pieces.h"

/* The packs of windows that begin at one time, whatever their widths. */
typedef struct identified_bucket
{
	TimestampTz bucket;
	memo_key rows; /* in whichever order */
	int packs;
	bool known; /* all of these have an identity */
} identified_bucket;

typedef struct identified_buckets
{
	identified_bucket *list; /* in order of time */
	int count;
	int room;
} identified_buckets;

extern void window_identify(identified_buckets *buckets, const window_pieces *pieces);

/*
 * The sum over some buckets, from first up to but not including last; false: there are
 * rows among them that have no identity.
 */
extern bool window_identity_of(const identified_buckets *buckets, int first, int last,
							   memo_key *rows);

#endif /* TOPOLOGY_WINDOW_WINDOW_IDENTITY_H */
