/*
 * memory_limit.h
 *		How much memory a search may take.
 */
#ifndef TOPOLOGY_TRAVERSE_MEMORY_LIMIT_H
#define TOPOLOGY_TRAVERSE_MEMORY_LIMIT_H

#include "postgres.h"

/*
 * Raise configuration_limit_exceeded where a context and those below it hold
 * more than work_mem times hash_mem_multiplier.
 */
extern void memory_check(MemoryContext memory);

#endif /* TOPOLOGY_TRAVERSE_MEMORY_LIMIT_H */
