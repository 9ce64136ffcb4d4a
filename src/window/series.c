/*
 * series.c
 *		Traffic between some nodes, by bucket of a series of steps.
 */
#include "postgres.h"

#include "window/series.h"

#include "utils/memutils.h"

#include "store/ascending.h"

void
series_begin(series *s, node_choice sources, node_choice targets, const TimestampTz *begins,
			 int count)
{
	*s = (series){.sources = sources,
				  .targets = targets,
				  .count = count,
				  .begins = begins,
				  .buckets = palloc0(count * sizeof(series_bucket)),
				  .memory = CurrentMemoryContext};
}

bool
node_choice_meets(const node_choice *choice, int64 first, int64 last)
{
	int below;

	if (choice->any)
		return true;
	below = (int) ascending_below(choice->ids, choice->count, first);
	return below < choice->count && choice->ids[below] <= last;
}

bool
node_choice_has(const node_choice *choice, int64 node)
{
	return node_choice_meets(choice, node, node);
}

/* A window that begins before the first bucket counts there; NULL: it begins after all. */
static series_bucket *
bucket_at(series *s, TimestampTz begin)
{
	int low = 0;
	int high = s->count;

	while (high - low > 1)
	{
		int middle = low + (high - low) / 2;

		if (s->begins[middle] <= begin)
			low = middle;
		else
			high = middle;
	}
	return begin < s->begins[s->count] ? &s->buckets[low] : NULL;
}

static traffic_value *
lane_of(series *s, traffic_value **lane)
{
	if (*lane == NULL)
	{
		*lane = MemoryContextAlloc(s->memory, sizeof(traffic_value));
		traffic_value_init(*lane, s->memory);
	}
	return *lane;
}

void
series_add(series *s, const char *graph, TimestampTz begin, const traffic_value *traffic)
{
	series_bucket *bucket = bucket_at(s, begin);
	bool trace = strcmp(graph, "trace") == 0;

	if (bucket == NULL)
		return;
	(void) traffic_value_merge(lane_of(s, trace ? &bucket->trace : &bucket->others), traffic);
	if (traffic->counters[TRAFFIC_REQUESTS] > 0 && strcmp(graph, "ipc") == 0)
		bucket->told = true;
}

const traffic_value *
series_total(series_bucket *bucket)
{
	if (bucket->trace == NULL || bucket->told)
		return bucket->others;
	if (bucket->others == NULL)
		return bucket->trace;
	(void) traffic_value_merge(bucket->others, bucket->trace);
	bucket->trace = NULL;
	return bucket->others;
}
