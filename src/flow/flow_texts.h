/*
 * flow_texts.h
 *		Texts interned: one copy of each, so that equal texts are one pointer.
 */
#ifndef TOPOLOGY_FLOW_TEXTS_H
#define TOPOLOGY_FLOW_TEXTS_H

#include "flow/flow_arena.h"
#include "flow/flow_hash.h"

typedef struct flow_text_slot flow_text_slot;

/* All zero is an empty set.  Slots and texts live in the arena it is used with. */
typedef struct flow_texts
{
	flow_text_slot *slots;
	size_t slot_count; /* a power of two, or 0 */
	size_t count;
} flow_texts;

/*
 * Replace text by the copy in the set, which is made if there is none; an empty
 * text becomes an absent one.  False: no memory.
 */
extern bool flow_texts_intern(flow_texts *texts, flow_arena *arena, const flow_hash_secret *secret,
							  flow_text *text);

/* Forget all texts and keep the slots; to be called with flow_arena_reset. */
extern void flow_texts_clear(flow_texts *texts);

/* Give the slots back too. */
extern void flow_texts_release(flow_texts *texts, flow_arena *arena);

#endif /* TOPOLOGY_FLOW_TEXTS_H */
