/*
 * flow_texts.c
 *		Texts interned: one copy of each, so that equal texts are one pointer.
 *
 * Open addressing with linear probing, at most half full.  Nothing is removed
 * but everything at once.
 */
#include "flow/flow_texts.h"

#include <string.h>

#define FIRST_SLOT_COUNT 64

struct flow_text_slot
{
	uint64_t hash;
	flow_text text; /* data NULL: a free slot */
};

static flow_text_slot *
find_slot(const flow_texts *texts, uint64_t hash, const flow_text *text)
{
	size_t mask = texts->slot_count - 1;
	size_t at = hash & mask;

	for (;; at = (at + 1) & mask)
	{
		flow_text_slot *slot = &texts->slots[at];

		if (slot->text.data == NULL)
			return slot;
		if (slot->hash == hash && slot->text.length == text->length &&
			memcmp(slot->text.data, text->data, text->length) == 0)
			return slot;
	}
}

static bool
grow(flow_texts *texts, flow_arena *arena)
{
	flow_texts larger = {.count = texts->count};
	size_t size;

	larger.slot_count = texts->slot_count == 0 ? FIRST_SLOT_COUNT : 2 * texts->slot_count;
	size = larger.slot_count * sizeof(flow_text_slot);
	larger.slots = flow_arena_allocate(arena, size);
	if (larger.slots == NULL)
		return false;
	memset(larger.slots, 0, size);

	for (size_t i = 0; i < texts->slot_count; i++)
	{
		const flow_text_slot *slot = &texts->slots[i];

		if (slot->text.data != NULL)
			*find_slot(&larger, slot->hash, &slot->text) = *slot;
	}
	flow_texts_release(texts, arena);
	*texts = larger;
	return true;
}

bool
flow_texts_intern(flow_texts *texts, flow_arena *arena, const flow_hash_secret *secret,
				  flow_text *text)
{
	flow_text_slot *slot = NULL;
	uint64_t hash;
	char *copy;

	if (text->data == NULL || text->length == 0)
	{
		*text = (flow_text){NULL, 0};
		return true;
	}

	hash = flow_hash_bytes(secret, secret->start, text->data, text->length);
	if (texts->slots != NULL)
		slot = find_slot(texts, hash, text);
	if (slot == NULL || slot->text.data == NULL)
	{
		if (2 * (texts->count + 1) > texts->slot_count && !grow(texts, arena))
			return false;
		copy = flow_arena_copy(arena, text->data, text->length);
		if (copy == NULL)
			return false;
		slot = find_slot(texts, hash, text);
		slot->hash = hash;
		slot->text = (flow_text){copy, text->length};
		texts->count++;
	}
	*text = slot->text;
	return true;
}

void
flow_texts_clear(flow_texts *texts)
{
	if (texts->count > 0)
		memset(texts->slots, 0, texts->slot_count * sizeof(flow_text_slot));
	texts->count = 0;
}

void
flow_texts_release(flow_texts *texts, flow_arena *arena)
{
	flow_arena_release(arena, texts->slots, texts->slot_count * sizeof(flow_text_slot));
	*texts = (flow_texts){0};
}
