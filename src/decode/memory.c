/*
 * memory.c
 *		The memory of decoders: the shim that knows both worlds.
 *
 * The one file of decode that includes a header of PostgreSQL, and that only
 * where it is built into the server.
 */
#ifdef TOPOLOGY_SERVER
#include "postgres.h"

#include "utils/memutils.h"
#else
#include <stdlib.h>
#endif

#include "decode/memory.h"

#ifdef TOPOLOGY_SERVER

void *
decode_allocate(size_t size)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, size);
}

void
decode_release(void *memory)
{
	if (memory)
		pfree(memory);
}

#else

void *
decode_allocate(size_t size)
{
	void *memory = malloc(size);

	if (memory == NULL && size > 0)
		abort();
	return memory;
}

void
decode_release(void *memory)
{
	free(memory);
}

#endif
