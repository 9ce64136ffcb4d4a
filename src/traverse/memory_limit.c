/*
 * memory_limit.c
 *		How much memory a search may take.
 */
#include "postgres.h"

#include "traverse/memory_limit.h"

#include "miscadmin.h"
#include "utils/memutils.h"

void
memory_check(MemoryContext memory)
{
	Size limit = (Size) (work_mem * hash_mem_multiplier * 1024.0);

	if (MemoryContextMemAllocated(memory, true) > Max(limit, work_mem * (Size) 1024))
		ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						errmsg("the search needs more memory than work_mem allows"),
						errhint("Bound its depth or name fewer graphs, or raise work_mem.")));
}
