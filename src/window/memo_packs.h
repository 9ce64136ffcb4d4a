/*
 * memo_packs.h
 *		Packs in memory, in order of their first source: what a memo of windows holds.
 *
 * In the store each is behind its first source and its length.  A memo of no packs says
 * that merging does not make less of the rows that it is for, or too much for the store.
 */
#ifndef TOPOLOGY_WINDOW_MEMO_PACKS_H
#define TOPOLOGY_WINDOW_MEMO_PACKS_H

#include "postgres.h"

#include "memo/memo_store.h"

typedef struct memo_pack
{
	int64 src; /* its first source */
	uint64 length;
	const uint8 *bytes; /* of somebody else */
} memo_pack;

typedef struct memo_packs
{
	memo_pack *list;
	int count;
	int room;
} memo_packs;

/* None, in the CurrentMemoryContext. */
extern void memo_packs_begin(memo_packs *packs);

extern void memo_packs_add(memo_packs *packs, memo_pack pack);

/* Add all of some others. */
extern void memo_packs_append(memo_packs *packs, const memo_packs *others);

extern void memo_packs_sort(memo_packs *packs);

/* Add those of a memo, which is allocated in the CurrentMemoryContext; false: there is none. */
extern bool memo_packs_recall(memo_packs *packs, memo_key key);

extern void memo_packs_remember(const memo_packs *packs, memo_key key);

/*
 * The next pack, if it begins with a source up to that one, and *next moves on; NULL: it
 * does not.
 */
static inline const memo_pack *
memo_packs_up_to(const memo_packs *packs, int *next, int64 src)
{
	if (*next < packs->count && packs->list[*next].src <= src)
		return &packs->list[(*next)++];
	return NULL;
}

#endif /* TOPOLOGY_WINDOW_MEMO_PACKS_H */
