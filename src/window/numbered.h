/*
 * numbered.h
 *		Strings of bytes, each kept once and told by a number: the first is 0.
 *
 * All lives in the CurrentMemoryContext of numbered_create(): some 60 bytes a string, and
 * the string.
 */
#ifndef TOPOLOGY_WINDOW_NUMBERED_H
#define TOPOLOGY_WINDOW_NUMBERED_H

#include "postgres.h"

typedef struct byte_string
{
	const void *bytes; /* aligned for anything */
	uint32 length;
} byte_string;

typedef struct numbered numbered;

extern numbered *numbered_create(void);

/* The number of a string, which is copied if it is new. */
extern uint32 numbered_number(numbered *all, byte_string asked);

/* A string by its number; its bytes stay where they are. */
extern byte_string numbered_string(const numbered *all, uint32 number);

/* How many there are; all numbers are below. */
extern uint32 numbered_count(const numbered *all);

#endif /* TOPOLOGY_WINDOW_NUMBERED_H */
