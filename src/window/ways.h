/*
 * ways.h
 *		The ways that edges go, each kept once and told by a number.
 *
 * A way is the ids of the intermediaries between caller and callee, in order; there may
 * be none.  All lives in the CurrentMemoryContext of ways_create().
 */
#ifndef TOPOLOGY_WINDOW_WAYS_H
#define TOPOLOGY_WINDOW_WAYS_H

#include "postgres.h"

typedef struct ways ways;

extern ways *ways_create(void);

/* The number of a way; its nodes are copied. */
extern uint32 ways_number(ways *all, const int64 *nodes, int32 count);

/* Some of the ways as text[], each the ids of its nodes with blanks between; palloc'd. */
extern Datum ways_texts(const ways *all, const uint32 *numbers, uint32 count);

#endif /* TOPOLOGY_WINDOW_WAYS_H */
