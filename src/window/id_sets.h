/*
 * id_sets.h
 *		Sets of small numbers, each kept once: of graphs, and of ways.
 *
 * A map has few of them, whatever the number of its edges.  The empty set is
 * ID_SET_EMPTY.  All lives in the CurrentMemoryContext of id_sets_create(): some 60
 * bytes a set, and 16 for each way to get from one to another that was taken.
 */
#ifndef TOPOLOGY_WINDOW_ID_SETS_H
#define TOPOLOGY_WINDOW_ID_SETS_H

#include "postgres.h"

typedef uint32 id_set;

#define ID_SET_EMPTY 0

typedef struct id_sets id_sets;

extern id_sets *id_sets_create(void);

/* The set with one more member, which may be in it already. */
extern id_set id_sets_with(id_sets *sets, id_set set, uint32 member);

extern id_set id_sets_union(id_sets *sets, id_set a, id_set b);

/* The members, ascending; they stay where they are. */
extern const uint32 *id_sets_members(const id_sets *sets, id_set set, uint32 *count);

/* How many sets there are; all are below. */
extern uint32 id_sets_count(const id_sets *sets);

#endif /* TOPOLOGY_WINDOW_ID_SETS_H */
