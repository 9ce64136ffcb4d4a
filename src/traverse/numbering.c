/*
 * numbering.c
 *		A hash table from keys to numbers.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "traverse/numbering.h"

typedef struct numbered_key
{
	int64 key;
	uint32 number;
	char status; /* of the hash table */
} numbered_key;

static inline uint32
hash_key(int64 key)
{
	return (uint32) (((uint64) key * UINT64CONST(0x9E3779B97F4A7C15)) >> 32);
}

#define SH_PREFIX               numbered_keys
#define SH_ELEMENT_TYPE         numbered_key
#define SH_KEY_TYPE             int64
#define SH_KEY                  key
#define SH_HASH_KEY(table, key) hash_key(key)
#define SH_EQUAL(table, a, b)   ((a) == (b))
#define SH_SCOPE                static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct numbering
{
	numbered_keys_hash *keys;
};

numbering *
numbering_create(void)
{
	numbering *numbers = palloc(sizeof(numbering));

	numbers->keys = numbered_keys_create(CurrentMemoryContext, 1024, NULL);
	return numbers;
}

uint32
numbering_number(numbering *numbers, int64 key)
{
	bool found;
	numbered_key *entry = numbered_keys_insert(numbers->keys, key, &found);

	if (!found)
		entry->number = numbers->keys->members - 1;
	return entry->number;
}

uint32
numbering_find(const numbering *numbers, int64 key)
{
	const numbered_key *entry = numbered_keys_lookup(numbers->keys, key);

	return entry == NULL ? NUMBERING_NONE : entry->number;
}

uint32
numbering_count(const numbering *numbers)
{
	return numbers->keys->members;
}

static int
compare_keys(const void *a, const void *b)
{
	int64 left = ((const numbered_key *) a)->key;
	int64 right = ((const numbered_key *) b)->key;

	return (left > right) - (left < right);
}

void
numbering_in_order(const numbering *numbers, int64 *keys, uint32 *places)
{
	uint32 count = numbers->keys->members;
	numbered_key *sorted =
		MemoryContextAllocHuge(CurrentMemoryContext, Max(count, 1) * sizeof(numbered_key));
	numbered_keys_iterator iterator;
	numbered_key *entry;
	uint32 taken = 0;

	numbered_keys_start_iterate(numbers->keys, &iterator);
	while ((entry = numbered_keys_iterate(numbers->keys, &iterator)) != NULL)
		sorted[taken++] = *entry;
	qsort(sorted, count, sizeof(numbered_key), compare_keys);
	for (uint32 place = 0; place < count; place++)
	{
		keys[place] = sorted[place].key;
		places[sorted[place].number] = place;
	}
	pfree(sorted);
}
