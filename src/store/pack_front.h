/*
 * pack_front.h
 *		Windows under merge, in order: a skip list with a finger.
 *
 * Windows that are alike in source, target, type, endpoint and way are one.  Their order
 * is by these, those without endpoint or way behind those that have one, ways by their
 * nodes: as SQL has it.
 *
 * A look-up starts where the last one ended.  So windows that come in order cost a
 * comparison or two each, however many there are; any others some log4 of how many.
 *
 * Memory, from the allocator: some 230 bytes a window, and its latency buckets.  What is
 * dropped is used again, and given back by pack_front_free().
 *
 * Nothing here knows PostgreSQL.
 */
#ifndef TOPOLOGY_STORE_PACK_FRONT_H
#define TOPOLOGY_STORE_PACK_FRONT_H

#include "store/pack.h"

#define PACK_FRONT_LEVELS 12

/* What was merged of a window.  Yours to change is all but what it is told by. */
typedef struct front_window
{
	pack_window window;
	int64_t *via; /* NULL where there is no node in it */
	traffic_value traffic;
	int levels;
	struct front_window *next[]; /* of each level */
} front_window;

typedef struct pack_front
{
	sketch_allocator allocator;
	front_window *head;                       /* before all windows */
	front_window *finger[PACK_FRONT_LEVELS];  /* of each level, the last one up to where we stand */
	front_window *dropped[PACK_FRONT_LEVELS]; /* by levels less one, to be used again */
	struct front_block *blocks;
	size_t block_left;
	size_t memory;
	uint64_t random;
} pack_front;

/* False: no memory. */
extern bool pack_front_begin(pack_front *front, sketch_allocator allocator);

extern void pack_front_free(pack_front *front);

/*
 * The window like this one, which is made if there is none: as it is, with no traffic.
 * via has via_count nodes.  NULL: no memory.
 */
extern front_window *pack_front_window(pack_front *front, const pack_window *window,
									   const int64_t *via);

/* Less than, equal to or greater than 0, as the one comes before the other, their ways apart. */
extern int pack_window_compare(const pack_window *a, const pack_window *b);

/* The first one in order; NULL: there is none. */
static inline front_window *
pack_front_first(const pack_front *front)
{
	return front->head->next[0];
}

/* Forget the first one. */
extern void pack_front_drop_first(pack_front *front);

/* The bytes that what is there takes; who changes the traffic of a window says by how much. */
static inline size_t
pack_front_memory(const pack_front *front)
{
	return front->memory;
}

#endif /* TOPOLOGY_STORE_PACK_FRONT_H */
