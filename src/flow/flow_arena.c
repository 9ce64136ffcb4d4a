/*
 * flow_arena.c
 *		Memory with a bound, handed out in blocks that are used again.
 *
 * Every byte is counted with the block's header.  Blocks are of one size, so a
 * free one serves entries and texts alike; only a text longer than a block gets
 * a block of its own size, which is given back when the arena is reset.
 */
#include "flow/flow_arena.h"

#include <stdlib.h>
#include <string.h>

struct flow_block
{
	flow_block *next;
	size_t size; /* of the bytes below */
	size_t used;
	_Alignas(uint64_t) char bytes[];
};

static void *
malloc_allocate(void *context, size_t size)
{
	(void) context;
	return malloc(size);
}

static void
malloc_release(void *context, void *memory)
{
	(void) context;
	free(memory);
}

const flow_allocator flow_allocator_malloc = {malloc_allocate, malloc_release, NULL};

void
flow_arena_release(flow_arena *arena, void *memory, size_t size)
{
	if (memory == NULL)
		return;
	arena->allocator->release(arena->allocator->context, memory);
	arena->bytes -= size;
}

static void
release_block(flow_arena *arena, flow_block *block)
{
	flow_arena_release(arena, block, sizeof(flow_block) + block->size);
}

static void
release_free_block(flow_arena *arena)
{
	flow_block *block = arena->free;

	arena->free = block->next;
	release_block(arena, block);
}

static bool
fits(const flow_arena *arena, size_t size)
{
	return !arena->bounded ||
		   (arena->bytes <= arena->max_bytes && size <= arena->max_bytes - arena->bytes);
}

void *
flow_arena_allocate(flow_arena *arena, size_t size)
{
	void *memory;

	/* What the last batch used for blocks, this one may need for an index. */
	while (!fits(arena, size) && arena->free != NULL)
		release_free_block(arena);
	if (!fits(arena, size))
		return NULL;
	memory = arena->allocator->allocate(arena->allocator->context, size);
	if (memory != NULL)
		arena->bytes += size;
	return memory;
}

static flow_block *
take_block(flow_arena *arena, size_t size)
{
	flow_block *block = arena->free;

	if (block != NULL && size <= block->size)
		arena->free = block->next;
	else
	{
		if (size < FLOW_ARENA_BLOCK_SIZE)
			size = FLOW_ARENA_BLOCK_SIZE;
		block = flow_arena_allocate(arena, sizeof(flow_block) + size);
		if (block == NULL)
			return NULL;
		block->size = size;
	}
	block->used = 0;
	block->next = arena->used;
	arena->used = block;
	return block;
}

void *
flow_arena_block(flow_arena *arena)
{
	flow_block *block = take_block(arena, FLOW_ARENA_BLOCK_SIZE);

	return block != NULL ? block->bytes : NULL;
}

char *
flow_arena_copy(flow_arena *arena, const char *bytes, size_t length)
{
	flow_block *block = arena->text_block;
	char *copy;

	if (block == NULL || length > block->size - block->used)
	{
		block = take_block(arena, length);
		if (block == NULL)
			return NULL;
		arena->text_block = block;
	}
	copy = block->bytes + block->used;
	memcpy(copy, bytes, length);
	block->used += length;
	return copy;
}

void
flow_arena_reset(flow_arena *arena)
{
	flow_block *block;

	while ((block = arena->used) != NULL)
	{
		arena->used = block->next;
		if (block->size == FLOW_ARENA_BLOCK_SIZE)
		{
			block->next = arena->free;
			arena->free = block;
		}
		else
			release_block(arena, block);
	}
	arena->text_block = NULL;
}

void
flow_arena_trim(flow_arena *arena)
{
	while (arena->free != NULL)
		release_free_block(arena);
}
