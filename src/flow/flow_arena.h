/*
 * flow_arena.h
 *		Memory with a bound, handed out in blocks that are used again.
 *
 * What a flow_window_table is made of.  Entries and texts draw blocks from the
 * same pool, so that a batch of many entries and a batch of many texts can
 * share one bound.  A flow_arena owns all its memory.
 */
#ifndef TOPOLOGY_FLOW_ARENA_H
#define TOPOLOGY_FLOW_ARENA_H

#include "flow/flow_window.h"

/* What a block holds. */
#define FLOW_ARENA_BLOCK_SIZE ((size_t) 32 * 1024)

typedef struct flow_block flow_block;

typedef struct flow_arena
{
	const flow_allocator *allocator;
	size_t max_bytes;
	size_t bytes;           /* held now */
	bool bounded;           /* false: max_bytes does not count at the moment */
	flow_block *used;       /* blocks handed out */
	flow_block *free;       /* blocks to hand out again */
	flow_block *text_block; /* the used block that texts are put in, or NULL */
} flow_arena;

/* size bytes, aligned for words and pointers.  NULL: over the bound, or no memory. */
extern void *flow_arena_allocate(flow_arena *arena, size_t size);
extern void flow_arena_release(flow_arena *arena, void *memory, size_t size);

/*
 * A block of FLOW_ARENA_BLOCK_SIZE bytes, aligned for words, that is taken
 * back by flow_arena_reset.  NULL: over the bound, or no memory.
 */
extern void *flow_arena_block(flow_arena *arena);

/* A copy of the bytes, kept until flow_arena_reset.  NULL as above. */
extern char *flow_arena_copy(flow_arena *arena, const char *bytes, size_t length);

/* Take back all blocks, to hand them out again. */
extern void flow_arena_reset(flow_arena *arena);

/* Give back all blocks that are not in use. */
extern void flow_arena_trim(flow_arena *arena);

#endif /* TOPOLOGY_FLOW_ARENA_H */
