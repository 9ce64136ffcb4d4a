/*
 * memo_ring.h
 *		Bytes by key in memory of a fixed size: a log in a ring, with an index.
 *
 * What is put goes to the head of the log.  Room is made at its tail: what was read
 * since it was written is written anew at the head, once, and must be read again to be
 * spared again; the rest goes.  So what is asked for time and again stays, however much
 * comes that is asked for once.  To make room, no more is written anew than a quarter of
 * the log, nor more than MEMO_RENEWALS memos: this bounds what a put takes.
 *
 * A memo is put in three steps: a place is reserved, filled, and published.  Until then it
 * is not found, and does not move; a reserved place that comes to the tail has whoever
 * wants room go without.  Every place that was reserved must be published.
 *
 * The memory has no pointers but into itself, and may be shared at one address.  The
 * caller keeps writers off each other and off readers: see each function.  Everything
 * takes a few hundred nanoseconds, but for copying.  Nothing here knows PostgreSQL.
 */
#ifndef TOPOLOGY_MEMO_MEMO_RING_H
#define TOPOLOGY_MEMO_MEMO_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMO_RENEWALS 1024

typedef struct memo_key
{
	uint64_t high;
	uint64_t low;
} memo_key;

typedef struct memo_ring memo_ring;

typedef enum memo_place
{
	MEMO_RESERVED,
	MEMO_KNOWN,     /* it is there already, or is being put */
	MEMO_TOO_LARGE, /* larger than a quarter of the log */
	MEMO_CROWDED    /* who puts something else is in the way */
} memo_place;

/* Counted from the start, but for memos and bytes. */
typedef struct memo_figures
{
	uint64_t memos;
	uint64_t bytes; /* of the log that they take, and what is reserved */
	uint64_t kept;  /* those that were put */
	uint64_t renewed;
	uint64_t evicted;
	uint64_t too_large;
	uint64_t crowded;
} memo_figures;

/* Lay out an empty ring in memory that is aligned to 64 bytes; NULL: that is too little. */
extern memo_ring *memo_ring_make(void *memory, size_t size);

/* Whether a key has a memo, and its length.  For any number of readers at once. */
extern bool memo_ring_find(memo_ring *ring, memo_key key, size_t *length);

/* Copy the memo of a key, which has that length; false: it has not.  For readers. */
extern bool memo_ring_read(memo_ring *ring, memo_key key, void *to, size_t length);

/* Reserve a place for a memo.  Alone. */
extern memo_place memo_ring_reserve(memo_ring *ring, memo_key key, size_t length, uint64_t *place);

/* Fill a part of a reserved place.  Whatever others do meanwhile. */
extern void memo_ring_fill(memo_ring *ring, uint64_t place, size_t offset, const void *bytes,
						   size_t length);

/* Have a filled place found.  Alone. */
extern void memo_ring_publish(memo_ring *ring, uint64_t place);

/* Let go of all memos; returns how many.  Alone. */
extern uint64_t memo_ring_forget(memo_ring *ring);

/* For readers. */
extern memo_figures memo_ring_figures(const memo_ring *ring);

#endif /* TOPOLOGY_MEMO_MEMO_RING_H */
