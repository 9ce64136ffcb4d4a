/*
 * memo_store.h
 *		What was merged once, remembered in shared memory, known by what it was made of.
 *
 * A memo's key says which rows it was made of and what was asked of them.  Other rows have
 * another key, so a memo is never wrong and never has to be taken back: what is asked for
 * no more goes when room is needed, see memo_ring.h.  Who can build the key has read those
 * rows; so no memo tells anybody more than the tables do.
 *
 * The room is reserved when the server starts, by topology.memo_memory.  Two locks:
 *		memos		shared while a memo is looked up and copied out; exclusively while a
 *					place is reserved, which may copy a quarter of the store in order to
 *					spare what is in use, and for a few assignments to publish it.  Not
 *					while a memo is copied in.  5 MB take about a millisecond.
 *		notes		exclusively, for a look at eight keys
 * Between reserving and publishing nothing can fail or be cancelled.  A backend that is
 * killed there takes the server's shared memory with it, and so all memos.
 */
#ifndef TOPOLOGY_MEMO_MEMO_STORE_H
#define TOPOLOGY_MEMO_MEMO_STORE_H

#include "postgres.h"

#include "memo/memo_ring.h"

/* A memo is put as a list of these, one behind the other. */
typedef struct memo_part
{
	const void *bytes;
	size_t length;
} memo_part;

typedef struct memo_store_figures
{
	uint64 memory; /* bytes that are reserved; 0: there is no store */
	uint64 hits;
	uint64 misses;
	memo_figures ring;
} memo_store_figures;

/* Reserve the room; from _PG_init, while libraries are preloaded. */
extern void memo_store_init(void);

/* Whether there is a store, and topology.use_memos.  Else nothing is found, and what is put is not
 * kept. */
extern bool memo_store_wanted(void);

/* The memo of a key, in the CurrentMemoryContext; false: there is none. */
extern bool memo_store_get(memo_key key, void **bytes, size_t *length);

/* Keep a memo, unless it is there already, or takes more than a quarter of the store. */
extern void memo_store_put(memo_key key, const memo_part *parts, int count);

/* Whether a key was asked for lately; it is, from then on. */
extern bool memo_store_was_asked(memo_key key);

/* Let go of all memos; returns how many. */
extern uint64 memo_store_forget(void);

extern memo_store_figures memo_store_status(void);

#endif /* TOPOLOGY_MEMO_MEMO_STORE_H */
