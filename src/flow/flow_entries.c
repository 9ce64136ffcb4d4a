/*
 * flow_entries.c
 *		Entries of one size, in order of arrival, that are found by a hash.
 *
 * An index of 32-bit numbers (open addressing, linear probing, at most half
 * full) over entries that stand in blocks: 8 to 16 bytes an entry.
 */
#include "flow/flow_entries.h"

#include <string.h>

#define FIRST_SLOT_COUNT  256
#define FIRST_BLOCK_COUNT 16

/* Of 32 bits, which divides faster than 64; so are all indexes. */
static uint32_t
entries_per_block(const flow_entries *entries)
{
	return (uint32_t) FLOW_ARENA_BLOCK_SIZE / (uint32_t) entries->entry_size;
}

flow_entry *
flow_entries_at(const flow_entries *entries, size_t index)
{
	uint32_t per_block = entries_per_block(entries);
	uint32_t block = (uint32_t) index / per_block;
	size_t in_block = (uint32_t) index % per_block;

	return (flow_entry *) (void *) (entries->blocks[block] + in_block * entries->entry_size);
}

flow_entry *
flow_entries_find(const flow_entries *entries, uint64_t hash, flow_entry_equal equal,
				  const void *key)
{
	size_t mask = entries->slot_count - 1;

	if (entries->slot_count == 0)
		return NULL;
	for (size_t at = hash & mask; entries->slots[at] != 0; at = (at + 1) & mask)
	{
		flow_entry *entry = flow_entries_at(entries, entries->slots[at] - 1);

		if (entry->hash == hash && equal(entry, key))
			return entry;
	}
	return NULL;
}

static void
place_in_index(uint32_t *slots, size_t slot_count, uint64_t hash, size_t index)
{
	size_t mask = slot_count - 1;
	size_t at = hash & mask;

	while (slots[at] != 0)
		at = (at + 1) & mask;
	slots[at] = (uint32_t) index + 1;
}

static bool
reserve_slot(flow_entries *entries, flow_arena *arena)
{
	size_t slot_count = entries->slot_count == 0 ? FIRST_SLOT_COUNT : 2 * entries->slot_count;
	uint32_t *slots;

	if (2 * (entries->count + 1) <= entries->slot_count)
		return true;
	slots = flow_arena_allocate(arena, slot_count * sizeof(*slots));
	if (slots == NULL)
		return false;
	memset(slots, 0, slot_count * sizeof(*slots));
	for (size_t i = 0; i < entries->count; i++)
		place_in_index(slots, slot_count, flow_entries_at(entries, i)->hash, i);
	flow_arena_release(arena, entries->slots, entries->slot_count * sizeof(*slots));
	entries->slots = slots;
	entries->slot_count = slot_count;
	return true;
}

static bool
reserve_block_pointer(flow_entries *entries, flow_arena *arena)
{
	size_t room = entries->block_room == 0 ? FIRST_BLOCK_COUNT : 2 * entries->block_room;
	char **blocks;

	if (entries->count / entries_per_block(entries) < entries->block_room)
		return true;
	blocks = flow_arena_allocate(arena, room * sizeof(*blocks));
	if (blocks == NULL)
		return false;
	if (entries->blocks != NULL)
		memcpy(blocks, entries->blocks, entries->block_room * sizeof(*blocks));
	flow_arena_release(arena, entries->blocks, entries->block_room * sizeof(*blocks));
	entries->blocks = blocks;
	entries->block_room = room;
	return true;
}

static bool
reserve_entry(flow_entries *entries, flow_arena *arena)
{
	char *block;

	if (entries->count % entries_per_block(entries) != 0)
		return true;
	if (!reserve_block_pointer(entries, arena))
		return false;
	block = flow_arena_block(arena);
	if (block == NULL)
		return false;
	entries->blocks[entries->count / entries_per_block(entries)] = block;
	return true;
}

flow_entry *
flow_entries_append(flow_entries *entries, flow_arena *arena, uint64_t hash)
{
	flow_entry *entry;

	if (arena->bounded && arena->bytes > arena->max_bytes)
		return NULL;
	if (entries->count == UINT32_MAX || !reserve_slot(entries, arena) ||
		!reserve_entry(entries, arena))
		return NULL;
	place_in_index(entries->slots, entries->slot_count, hash, entries->count);
	entry = flow_entries_at(entries, entries->count++);
	entry->hash = hash;
	return entry;
}

void
flow_entries_clear(flow_entries *entries)
{
	if (entries->count > 0)
		memset(entries->slots, 0, entries->slot_count * sizeof(*entries->slots));
	entries->count = 0;
}

void
flow_entries_release(flow_entries *entries, flow_arena *arena)
{
	flow_arena_release(arena, entries->slots, entries->slot_count * sizeof(*entries->slots));
	flow_arena_release(arena, entries->blocks, entries->block_room * sizeof(*entries->blocks));
	*entries = (flow_entries){.entry_size = entries->entry_size};
}
