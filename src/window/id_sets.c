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
#include "utils/memutils.h"

typedef struct members
{
	uint32 *ids; /* ascending */
	uint32 count;
} members;

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

typedef struct known_set
{
	members members; /* of the set */
	id_set set;
	char status; /* of the hash table */
} known_set;

static inline uint32
hash_members(members m)
{
	return hash_bytes((const unsigned char *) m.ids, (int) (m.count * sizeof(uint32)));
}

static inline bool
same_members(members a, members b)
{
	return a.count == b.count && memcmp(a.ids, b.ids, a.count * sizeof(uint32)) == 0;
}

#define SH_PREFIX               known_sets
#define SH_ELEMENT_TYPE         known_set
#define SH_KEY_TYPE             members
#define SH_KEY                  members
#define SH_HASH_KEY(table, key) hash_members(key)
#define SH_EQUAL(table, a, b)   same_members(a, b)
#define SH_SCOPE                static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct id_sets
{
	MemoryContext memory;
	steps_hash *steps;
	known_sets_hash *known;
	members *sets;
	uint32 count;
	uint32 room;
	uint64 last_key; /* the step that was taken last, as most are */
	id_set last_gives;
};

id_sets *
id_sets_create(void)
{
	id_sets *sets = palloc0(sizeof(*sets));

	sets->memory = CurrentMemoryContext;
	sets->steps = steps_create(sets->memory, 64, NULL);
	sets->known = known_sets_create(sets->memory, 64, NULL);
	sets->room = 64;
	sets->sets = palloc0(sets->room * sizeof(members));
	sets->count = 1; /* the empty one */
	sets->last_key = UINT64_MAX;
	return sets;
}

/* The number of a set of these members, whose memory is taken over if it is new. */
static id_set
number_of(id_sets *sets, members m)
{
	bool found;
	known_set *known = known_sets_insert(sets->known, m, &found);

	if (found)
	{
		pfree(m.ids);
		return known->set;
	}
	if (sets->count == sets->room)
	{
		sets->room *= 2;
		sets->sets = repalloc_huge(sets->sets, sets->room * sizeof(members));
	}
	sets->sets[sets->count] = m;
	known->set = sets->count;
	return sets->count++;
}

static id_set
make_with(id_sets *sets, id_set set, uint32 member)
{
	members from = sets->sets[set];
	members m = {MemoryContextAlloc(sets->memory, (from.count + 1) * sizeof(uint32)), 0};
	uint32 at = 0;

	while (at < from.count && from.ids[at] < member)
		m.ids[m.count++] = from.ids[at++];
	if (at < from.count && from.ids[at] == member)
	{
		pfree(m.ids);
		return set;
	}
	m.ids[m.count++] = member;
	while (at < from.count)
		m.ids[m.count++] = from.ids[at++];
	return number_of(sets, m);
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
	if (a == ID_SET_EMPTY)
		return b;
	for (uint32 i = 0; a != b && i < sets->sets[b].count; i++)
		a = id_sets_with(sets, a, sets->sets[b].ids[i]);
	return a;
}

const uint32 *
id_sets_members(const id_sets *sets, id_set set, uint32 *count)
{
	*count = sets->sets[set].count;
	return sets->sets[set].ids;
}

uint32
id_sets_count(const id_sets *sets)
{
	return sets->count;
}
