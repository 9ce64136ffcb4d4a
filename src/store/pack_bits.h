/*
 * pack_bits.h
 *		What the windows of a shape have in common, as a pack says it: for who reads
 *		and writes packs.
 */
#ifndef TOPOLOGY_STORE_PACK_BITS_H
#define TOPOLOGY_STORE_PACK_BITS_H

#include "store/traffic_value.h"

enum
{
	/* bit i: counter i is there */
	PACK_COUNTERS = (1 << TRAFFIC_COUNTERS) - 1,
	PACK_ZERO = 1 << TRAFFIC_COUNTERS,
	PACK_BUCKETS = 1 << (TRAFFIC_COUNTERS + 1),
	PACK_ENDPOINT = 1 << (TRAFFIC_COUNTERS + 2),
	PACK_VIA = 1 << (TRAFFIC_COUNTERS + 3),
	PACK_APP_CONFIDENCE = 1 << (TRAFFIC_COUNTERS + 4),
	PACK_LAST_FROM_END = 1 << (TRAFFIC_COUNTERS + 5),
	PACK_BITS_ALL = (1 << (TRAFFIC_COUNTERS + 6)) - 1
};

#endif /* TOPOLOGY_STORE_PACK_BITS_H */
