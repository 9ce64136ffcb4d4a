/*
 * window_identity.h
 *		Which packs there are of a time, told without reading them.
 *
 * A version of a row is known by its table, its place, and the transaction that wrote it;
 * what it holds never changes.  So where the same versions are seen, by whomever, the same
 * packs are: equal sums of 128 bits over them mean equal windows.  Rows of others that
 * come, go, or are hidden from the caller make another sum.
 *
 * Two things could bring back a sum for other windows: four thousand million transactions,
 * after which a number may come again, and a chance of 1 in 2^64 or less for the pairs of
 * all that is ever remembered.
 *
 * Needs SPI.  Costs some 300 ns a pack, and 40 bytes a bucket in the CurrentMemoryContext.
 */
#ifndef TOPOLOGY_WINDOW_WINDOW_IDENTITY_H
#define TOPOLOGY_WINDOW_WINDOW_IDENTITY_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "window/memo_ring.h"
#include "window/window_pieces.h"

/* The packs of windows that begin at one time, whatever their widths. */
typedef struct identified_bucket
{
	TimestampTz bucket;
	memo_key rows; /* in whichever order */
	int packs;
} identified_bucket;

typedef struct identified_buckets
{
	identified_bucket *list; /* in order of time */
	int count;
	int room;
} identified_buckets;

extern void window_identify(identified_buckets *buckets, const window_pieces *pieces);

/* The sum over some buckets, from first up to but not including last. */
extern memo_key window_identity_of(const identified_buckets *buckets, int first, int last);

/* A key for what is made of such rows: by what it is made for, which may be any bytes. */
extern memo_key window_identity_for(memo_key rows, const void *purpose, size_t length);

#endif /* TOPOLOGY_WINDOW_WINDOW_IDENTITY_H */
