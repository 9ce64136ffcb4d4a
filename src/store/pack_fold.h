/*
 * pack_fold.h
 *		Windows of many packs, merged into as few as possible, as packs.
 *
 * What comes out is one window for each source, target, type, endpoint or none, and way
 * or none: with the greatest confidence, the greatest of the apps, the earliest and the
 * latest time, and all of the traffic.
 *
 * Windows may come in any order.  Who knows that no more come before a certain one says
 * so, and what lies before it goes into a pack: so packs that are added in order of their
 * first source, those of all times together, take memory for the edges of a few packs
 * only, whatever the map.
 *
 * Cost: some 60 ns a window in, 100 ns one out.
 *
 * Nothing here knows PostgreSQL.
 */
#ifndef TOPOLOGY_STORE_PACK_FOLD_H
#define TOPOLOGY_STORE_PACK_FOLD_H

#include "store/pack_chunks.h"
#include "store/pack_front.h"

/* What is wrong with what was added; problem is NULL where nothing is. */
typedef struct pack_problem
{
	const char *subject; /* "pack", or what in it */
	const char *problem; /* the rest of a sentence that starts with "The " and the subject */
} pack_problem;

typedef struct pack_fold pack_fold;

/* For packs of a span of time, handed to the sink.  NULL: no memory.  All memory is from the
 * allocator. */
extern pack_fold *pack_fold_make(int64_t begin, int64_t length, sketch_allocator allocator,
								 pack_sink sink, void *context);

extern void pack_fold_free(pack_fold *fold);

/* Add the windows of a pack.  After a problem some of them are in. */
extern pack_problem pack_fold_add_pack(pack_fold *fold, const uint8_t *data, size_t length);

/* Add a window; via has via_count nodes. */
extern pack_problem pack_fold_add_window(pack_fold *fold, const pack_window *window,
										 const int64_t *via, const traffic_value *traffic);

/*
 * No window comes any more that is before this one, by source, target, type and endpoint:
 * pack those that are.  One that comes all the same, of a source before, is a problem.
 * False: no memory.
 */
extern bool pack_fold_pass(pack_fold *fold, const pack_window *window);

/* The same for all windows of sources before this one. */
extern bool pack_fold_pass_source(pack_fold *fold, int64_t src);

/* Nothing comes any more: pack the rest.  False: no memory. */
extern bool pack_fold_finish(pack_fold *fold);

/* The bytes that the windows take which are not in packs yet. */
extern size_t pack_fold_memory(const pack_fold *fold);

/* Hand over each of these in order instead of packing it, and forget it. */
typedef void (*front_visit)(void *context, const front_window *window);
extern void pack_fold_take_out(pack_fold *fold, front_visit visit, void *context);

#endif /* TOPOLOGY_STORE_PACK_FOLD_H */
