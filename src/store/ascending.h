/*
 * ascending.h
 *		Look-ups in arrays of ids in ascending order, each there once.
 */
#ifndef TOPOLOGY_STORE_ASCENDING_H
#define TOPOLOGY_STORE_ASCENDING_H

#include <stddef.h>
#include <stdint.h>

/* How many ids are less than this one: where it is, or would be. */
static inline size_t
ascending_below(const int64_t *ids, size_t count, int64_t id)
{
	size_t low = 0;
	size_t high = count;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;

		if (ids[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

#endif /* TOPOLOGY_STORE_ASCENDING_H */
