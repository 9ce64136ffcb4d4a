/*
 * memo_packs.c
 *		Packs in memory, in order of their first source: what a memo of windows holds.
 */
#include "postgres.h"

#include "window/memo_packs.h"

#include "utils/memutils.h"

/* What stands before each pack. */
typedef struct memo_heading
{
	int64 src;
	uint64 length;
} memo_heading;

void
memo_packs_begin(memo_packs *packs)
{
	packs->count = 0;
	packs->room = 64;
	packs->list = palloc(packs->room * sizeof(memo_pack));
}

void
memo_packs_add(memo_packs *packs, memo_pack pack)
{
	if (packs->count == packs->room)
	{
		packs->room *= 2;
		packs->list = repalloc_huge(packs->list, packs->room * sizeof(memo_pack));
	}
	packs->list[packs->count++] = pack;
}

void
memo_packs_append(memo_packs *packs, const memo_packs *others)
{
	for (int i = 0; i < others->count; i++)
		memo_packs_add(packs, others->list[i]);
}

static int
compare_sources(const void *a, const void *b)
{
	int64 one = ((const memo_pack *) a)->src;
	int64 other = ((const memo_pack *) b)->src;

	return (one > other) - (one < other);
}

void
memo_packs_sort(memo_packs *packs)
{
	qsort(packs->list, packs->count, sizeof(memo_pack), compare_sources);
}

bool
memo_packs_recall(memo_packs *packs, memo_key key)
{
	void *memo;
	size_t length;
	const uint8 *next;
	const uint8 *end;

	if (!memo_store_get(key, &memo, &length))
		return false;
	next = memo;
	end = next + length;
	while (next < end)
	{
		memo_heading heading;

		memcpy(&heading, next, sizeof(heading));
		next += sizeof(heading);
		memo_packs_add(packs, (memo_pack){heading.src, heading.length, next});
		next += heading.length;
	}
	return true;
}

void
memo_packs_remember(const memo_packs *packs, memo_key key)
{
	memo_part *parts = palloc(sizeof(memo_part) * 2 * Max(packs->count, 1));
	memo_heading *headings = palloc(sizeof(memo_heading) * Max(packs->count, 1));

	for (int i = 0; i < packs->count; i++)
	{
		const memo_pack *pack = &packs->list[i];

		headings[i] = (memo_heading){pack->src, pack->length};
		parts[2 * i] = (memo_part){&headings[i], sizeof(memo_heading)};
		parts[2 * i + 1] = (memo_part){pack->bytes, pack->length};
	}
	memo_store_put(key, parts, 2 * packs->count);
	pfree(parts);
	pfree(headings);
}
