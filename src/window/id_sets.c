/*
 * id_sets.c
 *		Sets of small numbers, each kept once.
 *
 * Sets are found by their members; and by a set and the member that was added to it,
 * which is what is asked for again and again.
 */
#include "postgres.h"

#include "window/id_sets.h"

#include "common/hashfn.h"

#include "window/numbered.h"

typedef struct step
{
	uint64 key;   /* the set, and the member that is added */
	id_set gives; /* the set with it */
	char status;  /* of the hash table */
} step;

#define SH_PREFIX               steps
#define SH_ELEMENT_TYPE         step
#define SH_KEY_TYPE             uint64
#define SH_KEY                  key
#define SH_HASH_KEY(table, key) murmurhash32((uint32) (key) ^ (uint32) ((key) >> 32) * 0x9E3779B9u)
#define SH_EQUAL(table, a, b)   ((a) == (b))
#define SH_SCOPE                static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct id_sets
{
	steps_hash *steps;
	numbered *members; /* ascending */
	uint64 last_key;   /* the step that was taken last, as most are */
	id_set last_gives;
};

id_sets *
id_sets_create(void)
{
	id_sets *sets = palloc0(sizeof(*sets));

	sets->steps = steps_create(CurrentMemoryContext, 64, NULL);
	sets->members = numbered_create();
	/* the empty one is the first */
	(void) numbered_number(sets->members, (byte_string){"", 0});
	sets->last_key = UINT64_MAX;
	return sets;
}

static id_set
make_with(id_sets *sets, id_set set, uint32 member)
{
	uint32 count;
	const uint32 *ids = id_sets_members(sets, set, &count);
	uint32 *more = palloc((count + 1) * sizeof(uint32));
	uint32 at = 0;

	while (at < count && ids[at] < member)
		at++;
	if (at == count || ids[at] != member)
	{
		memcpy(more, ids, at * sizeof(uint32));
		more[at] = member;
		memcpy(more + at + 1, ids + at, (count - at) * sizeof(uint32));
		set = numbered_number(sets->members, (byte_string){more, (count + 1) * sizeof(uint32)});
	}
	pfree(more);
	return set;
}

id_set
id_sets_with(id_sets *sets, id_set set, uint32 member)
{
	uint64 key = (uint64) set << 32 | member;
	bool found;
	step *taken;

	if (key == sets->last_key)
		return sets->last_gives;
	taken = steps_insert(sets->steps, key, &found);
	if (!found)
		taken->gives = make_with(sets, set, member);
	sets->last_key = key;
	sets->last_gives = taken->gives;
	return taken->gives;
}

id_set
id_sets_union(id_sets *sets, id_set a, id_set b)
{
	uint32 count;
	const uint32 *ids = id_sets_members(sets, b, &count);

	if (a == ID_SET_EMPTY)
		return b;
	for (uint32 i = 0; a != b && i < count; i++)
		a = id_sets_with(sets, a, ids[i]);
	return a;
}

const uint32 *
id_sets_members(const id_sets *sets, id_set set, uint32 *count)
{
	byte_string members = numbered_string(sets->members, set);

	*count = members.length / sizeof(uint32);
	return members.bytes;
}

uint32
id_sets_count(const id_sets *sets)
{
	return numbered_count(sets->members);
}
