/*
 * flow_entries.h
 *		Entries of one size, in order of arrival, that are found by a hash.
 *
 * What the tables of open windows are made of: blocks of entries and an index
 * over them, in the table's arena.  An entry stays where it is until the table is
 * cleared.
 */
#ifndef TOPOLOGY_FLOW_ENTRIES_H
#define TOPOLOGY_FLOW_ENTRIES_H

#include "flow/flow_arena.h"

/* What every entry begins with. */
typedef struct flow_entry
{
	uint64_t hash;
} flow_entry;

/* All zero but entry_size is an empty set; the memory is the arena's it is used with. */
typedef struct flow_entries
{
	size_t entry_size; /* at most FLOW_ARENA_BLOCK_SIZE */
	uint32_t *slots;   /* 1 + the entry's index, or 0 */
	size_t slot_count; /* a power of two, or 0 */
	char **blocks;
	size_t block_room;
	size_t count;
} flow_entries;

/* Whether an entry, whose hash is right, has the key. */
typedef bool (*flow_entry_equal)(const flow_entry *entry, const void *key);

/* The index-th entry, in order of arrival. */
extern flow_entry *flow_entries_at(const flow_entries *entries, size_t index);

/* The entry of a key, or NULL. */
extern flow_entry *flow_entries_find(const flow_entries *entries, uint64_t hash,
									 flow_entry_equal equal, const void *key);

/*
 * A new entry, of which only the hash is set; no other may have its key.  NULL:
 * the arena is at its bound, there is no memory, or there are 2^32 - 1 entries.
 */
extern flow_entry *flow_entries_append(flow_entries *entries, flow_arena *arena, uint64_t hash);

/* Forget all entries; to be called with flow_arena_reset. */
extern void flow_entries_clear(flow_entries *entries);

/* Give back what the index takes too. */
extern void flow_entries_release(flow_entries *entries, flow_arena *arena);

#endif /* TOPOLOGY_FLOW_ENTRIES_H */
