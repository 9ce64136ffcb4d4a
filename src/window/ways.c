/*
 * ways.c
 *		The ways that edges go, each kept once and told by a number.
 */
#include "postgres.h"

#include "window/ways.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

typedef struct way
{
	const int64 *nodes;
	int32 count;
} way;

typedef struct known_way
{
	way way;
	uint32 number;
	char status; /* of the hash table */
} known_way;

static inline uint32
hash_way(way w)
{
	return hash_bytes((const unsigned char *) w.nodes, (int) (w.count * sizeof(int64)));
}

static inline bool
same_way(way a, way b)
{
	return a.count == b.count && memcmp(a.nodes, b.nodes, a.count * sizeof(int64)) == 0;
}

#define SH_PREFIX               known_ways
#define SH_ELEMENT_TYPE         known_way
#define SH_KEY_TYPE             way
#define SH_KEY                  way
#define SH_HASH_KEY(table, key) hash_way(key)
#define SH_EQUAL(table, a, b)   same_way(a, b)
#define SH_SCOPE                static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct ways
{
	MemoryContext memory;
	known_ways_hash *known;
	way *ways;
	uint32 room;
};

ways *
ways_create(void)
{
	ways *all = palloc0(sizeof(*all));

	all->memory = CurrentMemoryContext;
	all->known = known_ways_create(all->memory, 64, NULL);
	all->room = 64;
	all->ways = palloc(all->room * sizeof(way));
	return all;
}

static way
copy_way(MemoryContext memory, way from)
{
	Size size = from.count * sizeof(int64);
	int64 *nodes = MemoryContextAlloc(memory, Max(size, 1));

	memcpy(nodes, from.nodes, size);
	return (way){nodes, from.count};
}

uint32
ways_number(ways *all, const int64 *nodes, int32 count)
{
	way asked = {nodes, count};
	bool found;
	known_way *known = known_ways_insert(all->known, asked, &found);

	if (found)
		return known->number;
	known->number = all->known->members - 1;
	known->way = copy_way(all->memory, asked);
	if (known->number == all->room)
	{
		all->room *= 2;
		all->ways = repalloc_huge(all->ways, all->room * sizeof(way));
	}
	all->ways[known->number] = known->way;
	return known->number;
}

static Datum
way_text(way w)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int32 i = 0; i < w.count; i++)
		appendStringInfo(&text, i == 0 ? INT64_FORMAT : " " INT64_FORMAT, w.nodes[i]);
	return CStringGetTextDatum(text.data);
}

Datum
ways_texts(const ways *all, const uint32 *numbers, uint32 count)
{
	Datum *texts = palloc(Max(count, 1) * sizeof(Datum));

	for (uint32 i = 0; i < count; i++)
		texts[i] = way_text(all->ways[numbers[i]]);
	return PointerGetDatum(construct_array(texts, (int) count, TEXTOID, -1, false, TYPALIGN_INT));
}
