/*
 * numbering.h
 *		Dense numbers for keys: first in the order in which they come, then in
 *		their own.
 *
 * Lives in CurrentMemoryContext of its creation; 24 to 48 bytes a key.
 */
#ifndef TOPOLOGY_TRAVERSE_NUMBERING_H
#define TOPOLOGY_TRAVERSE_NUMBERING_H

#include "postgres.h"

typedef struct numbering numbering;

extern numbering *numbering_create(void);

/* The number of a key: the next one where it is new. */
extern uint32 numbering_number(numbering *numbers, int64 key);

/* The number that a key has, or NUMBERING_NONE. */
#define NUMBERING_NONE UINT32_MAX
extern uint32 numbering_find(const numbering *numbers, int64 key);

extern uint32 numbering_count(const numbering *numbers);

/*
 * Write the keys in ascending order, and for each number the place of its key
 * among them.
 */
extern void numbering_in_order(const numbering *numbers, int64 *keys, uint32 *places);

#endif /* TOPOLOGY_TRAVERSE_NUMBERING_H */
