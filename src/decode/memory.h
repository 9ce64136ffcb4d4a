/*
 * memory.h
 *		The memory of decoders, in the server and outside of it.
 */
#ifndef TOPOLOGY_DECODE_MEMORY_H
#define TOPOLOGY_DECODE_MEMORY_H

#include <stddef.h>

/*
 * size bytes, not cleared.  In the server (TOPOLOGY_SERVER) of the memory context
 * that is current, so that an ERROR leaks nothing; no memory is an ERROR.
 * Elsewhere malloc'd, and no memory ends the process.
 */
extern void *decode_allocate(size_t size);

/* NULL is ignored. */
extern void decode_release(void *memory);

#endif /* TOPOLOGY_DECODE_MEMORY_H */
